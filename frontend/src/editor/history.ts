/**
 * Which history of a document words belong to. A database that was put back to an earlier state has another history:
 * what was written in the old one leans on words that are gone, and is never merged into the new one.
 */

/** How far the log had come, as far as this browser knew. `generation` null: the server did not say. */
export interface Standing {
  generation: number | null;
  seq: number;
}

export class History implements Standing {
  generation: number | null = null;
  seq = 0;

  /** Take what a server says in its hello; false when the document does not go on where this copy stands. */
  continues(hello: { generation?: number | undefined; seq: number }): boolean {
    if (hello.generation === undefined) return true;
    const isSame = this.generation === null || (hello.generation === this.generation && hello.seq >= this.seq);
    if (!isSame) return false;
    this.generation = hello.generation;
    this.note(hello.seq);
    return true;
  }

  /** The log has come to `seq`: an acknowledgement says so. */
  note(seq: number): void {
    this.seq = Math.max(this.seq, seq);
  }

  /** Whether words that were written at `standing` are of this history. */
  holds(standing: Partial<Standing>): boolean {
    if (this.generation === null || standing.generation === null || standing.generation === undefined) return true;
    return standing.generation === this.generation && (standing.seq ?? 0) <= this.seq;
  }
}
