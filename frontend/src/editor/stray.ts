/** Signs that this copy of a document has strayed from the server's: its editor's binding deletes what it cannot show. */

import * as Y from "yjs";

export function deletesWords(transaction: Y.Transaction): boolean {
  let hasWords = false;
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    hasWords ||= struct instanceof Y.Item && struct.content instanceof Y.ContentString;
  });
  return hasWords;
}

/** Whether something came in that was deleted at once: it may stand in a block that only this copy has deleted. */
export function bringsWhatIsGone({ doc, beforeState, afterState }: Y.Transaction): boolean {
  for (const [client, after] of afterState) {
    const before = beforeState.get(client) ?? 0;
    if (after === before) continue;
    const structs = doc.store.clients.get(client) ?? [];
    for (let at = structs.length - 1; at >= 0; at -= 1) {
      const struct = structs[at];
      if (!struct || struct.id.clock < before) break;
      if (struct.deleted) return true;
    }
  }
  return false;
}
