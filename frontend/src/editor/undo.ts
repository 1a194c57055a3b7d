/** Undo takes back what we have done, and nothing that others have put into it since. */

import { ySyncPluginKey } from "y-prosemirror";
import * as Y from "yjs";
import { NODES } from "./schema";

type Step = Y.UndoManager["undoStack"][number];

/** The undo manager of an editor that is bound to `fragment`. */
export class Undo extends Y.UndoManager {
  /** The stack before it is worked on: Yjs takes a step off before it asks what of it may go. */
  private steps: Step[] = [];

  constructor(fragment: Y.XmlFragment) {
    super(fragment, {
      trackedOrigins: new Set([ySyncPluginKey]),
      captureTransaction: (transaction) => transaction.meta.get("addToHistory") !== false,
    });
    this.deleteFilter = (item) => mayGo(item, this.steps[(this.undoing ? this.undoStack : this.redoStack).length]);
    this.doc.on("beforeObserverCalls", this.settle);
  }

  override undo(): Step | null {
    this.steps = [...this.undoStack];
    return this.attempt(() => super.undo());
  }

  override redo(): Step | null {
    this.steps = [...this.redoStack];
    return this.attempt(() => super.redo());
  }

  override destroy(): void {
    this.doc.off("beforeObserverCalls", this.settle);
    super.destroy();
  }

  /** A step whose block somebody has taken away for good cannot come back: Yjs stumbles over what is left of it, and the
   * step is gone, as it is where Yjs notices in time. */
  private attempt(work: () => Step | null): Step | null {
    try {
      return work();
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }

  private readonly settle = (transaction: Y.Transaction): void => {
    if (transaction.origin === this) settleOrigins(transaction);
  };
}

/**
 * Tell others where the pieces that came back stand. Yjs takes the neighbours from before the deletion, follows each to what
 * has come of it, and can so name a right one that stands left of the left one: every replica then makes another order of it.
 * Between the neighbours that a replica has when it reads a piece, there is one place.
 */
function settleOrigins({ doc, beforeState }: Y.Transaction): void {
  const before = beforeState.get(doc.clientID) ?? 0;
  const structs = doc.store.clients.get(doc.clientID) ?? [];
  for (let at = structs.length - 1; at >= 0; at -= 1) {
    const item = structs[at];
    if (!item || item.id.clock < before) break;
    if (!(item instanceof Y.Item) || item.parentSub !== null) continue;
    const isKnown = ({ id }: Y.Item): boolean => id.client !== doc.clientID || id.clock < item.id.clock;
    let { left, right } = item;
    while (left && !isKnown(left)) left = left.left;
    while (right && !isKnown(right)) right = right.right;
    item.origin = left && left.lastId;
    item.rightOrigin = right && right.id;
  }
}

/**
 * Whether a piece that a step has brought may go with it. Yjs asks for what is inside of a block before it asks for the
 * block: one that still holds something then holds words of others, and stays with its attributes.
 */
function mayGo({ content, left, parent, parentSub }: Y.Item, step: Step | undefined): boolean {
  if (parentSub !== null) {
    const block = parent instanceof Y.XmlElement ? parent._item : null;
    return !block || !step || !Y.isDeleted(step.insertions, block.id); // else it goes with the block
  }
  if (!(content instanceof Y.ContentType)) return true;
  return content.type._length === 0 && !isNeeded(parent, left);
}

/** Whether a block is what its parent has to begin with, and more follows: without it every browser deletes the parent. */
function isNeeded(parent: Y.Item["parent"], left: Y.Item | null): boolean {
  if (!(parent instanceof Y.XmlElement) || !NODES[parent.nodeName]?.first || parent._length < 2) return false;
  let before = left;
  while (before?.deleted) before = before.left;
  return before === null;
}
