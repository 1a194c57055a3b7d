/** The mark on a Yjs transaction that pastes words which were cut here before: between the editor and the connection. */

import type * as Y from "yjs";

/** Ids of deleted text: client id, first clock, length. */
export type Range = [client: number, clock: number, length: number];

/** The most that one message may name. */
export const MOST_RANGES = 200;

const CUT = Symbol("cut");

/** Return the ids of the words that a Yjs transaction pastes, null when it pastes nothing that was cut here. */
export function cutOf(transaction: Y.Transaction): Range[] | null {
  return (transaction.meta.get(CUT) as Range[] | undefined) ?? null;
}

/** Say what a Yjs transaction pastes, before its update goes out. */
export function markCut(transaction: Y.Transaction, ranges: Range[]): void {
  transaction.meta.set(CUT, ranges);
}
