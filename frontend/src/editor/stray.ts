/** Signs that this copy of a document has strayed from the server's: its editor's binding deletes what it cannot show. */

import * as Y from "yjs";

export function deletesWords(transaction: Y.Transaction): boolean {
  let hasWords = false;
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    hasWords ||= struct instanceof Y.Item && struct.content instanceof Y.ContentString;
  });
  return hasWords;
}

/** A set of Yjs ids. What is hidden is small: lists and cells without words. */
class Ids {
  private readonly clocks = new Map<number, Set<number>>();

  add({ id, length }: Y.Item): void {
    const clocks = this.clocks.get(id.client) ?? new Set();
    for (let at = 0; at < length; at += 1) clocks.add(id.clock + at);
    this.clocks.set(id.client, clocks);
  }

  has(id: unknown): boolean {
    return id instanceof Y.ID && (this.clocks.get(id.client)?.has(id.clock) ?? false);
  }
}

/** What the binding has taken out of this copy alone: others may still write into it. Attributes do not count. */
export class Hidden {
  private readonly elements = new Ids();
  private readonly children = new Ids();
  private isEmpty = true;

  /** Remember what a transaction of the binding deletes. To be called before Yjs forgets what the elements held. */
  note(transaction: Y.Transaction): void {
    Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
      if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentType)) return;
      this.isEmpty = false;
      this.elements.add(struct);
      // Also those that were gone before: what is written now may name them as its neighbours.
      for (let child = struct.content.type._start; child; child = child.right) this.children.add(child);
    });
  }

  /**
   * Whether an update, not yet applied, brings something that would stand in what is hidden.
   *
   * Read from the bytes: Yjs keeps no place for what it puts into a deleted element. What its author has deleted again
   * in the same update is nothing to miss.
   */
  isWrittenInto(doc: Y.Doc, update: Uint8Array): boolean {
    if (this.isEmpty) return false;
    const { structs, ds } = Y.decodeUpdate(update);
    const gone = Y.mergeDeleteSets([ds]); // sorted, as the look-up needs it
    const isMissed = ({ id, length }: Y.Item): boolean =>
      Array.from({ length }, (_, at) => Y.createID(id.client, id.clock + at)).some((one) => !Y.isDeleted(gone, one));
    let isStray = false;
    let rest = structs.filter((one) => one instanceof Y.Item);
    rest = rest.filter(({ id, length }) => id.clock + length > Y.getState(doc.store, id.client));
    // One may lean on another that comes later in the same update.
    for (let before = -1; before !== rest.length; ) {
      before = rest.length;
      rest = rest.filter((item) => {
        if (!this.holds(item)) return true;
        this.elements.add(item);
        this.children.add(item);
        isStray ||= isMissed(item);
        return false;
      });
    }
    return isStray;
  }

  /** An item names its parent or its neighbours, never both. */
  private holds({ parent, parentSub, origin, rightOrigin }: Y.Item): boolean {
    if (parentSub !== null) return false;
    return this.elements.has(parent) || this.children.has(origin) || this.children.has(rightOrigin);
  }
}
