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
  }

  override undo(): Step | null {
    this.steps = [...this.undoStack];
    return super.undo();
  }

  override redo(): Step | null {
    this.steps = [...this.redoStack];
    return super.redo();
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
