/** What one connection has sent, what it has yet to send, and how much of it the server has acknowledged. */

import * as Y from "yjs";
import { type Entry, inOrder } from "./outbox";

const CHUNK_BYTES = 64 * 1024;

export class Queue {
  unsent: Entry[] = [];
  private sent: Entry[][] = [];
  private acked = 0;

  /** A new connection: the server counts its messages from nothing, and everything is sent again. */
  restart(entries: Entry[]): void {
    this.sent = [];
    this.acked = 0;
    this.unsent = [...entries];
  }

  /** Take in what another tab has left behind. */
  adopt(entries: Entry[]): void {
    this.unsent = [...entries, ...this.unsent].sort(inOrder);
  }

  /** Whether an acknowledgement is due. */
  get isWaiting(): boolean {
    return this.acked < this.sent.length;
  }

  /** Take what the next message holds, oldest first. A paste of something cut goes alone: what names the cut is said before it. */
  next(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.unsent) {
      bytes += entry.update.length;
      if (count && (bytes > CHUNK_BYTES || entry.cut)) break;
      count += 1;
      if (entry.cut) break;
    }
    return this.unsent.splice(0, count);
  }

  /** It cannot be sent yet. */
  putBack(chunk: Entry[]): void {
    this.unsent.unshift(...chunk);
  }

  note(chunk: Entry[]): void {
    this.sent.push(chunk);
  }

  /** The server has committed the first `n` messages; returns what was not known to be saved. */
  ack(n: number): Entry[] {
    const saved = this.sent.slice(this.acked, n).flat();
    this.acked = Math.max(this.acked, Math.min(n, this.sent.length));
    return saved;
  }
}

/** What entries say, as one update. */
export function merged(chunk: Entry[]): Uint8Array {
  return chunk.length === 1 && chunk[0] ? chunk[0].update : Y.mergeUpdates(chunk.map((entry) => entry.update));
}
