/** Who is here: our own state under the client id that the server issued, the others' as the server tells them. */

import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import type * as Y from "yjs";
import { Timers } from "./timers";

const EVERY_MS = 100;
const REMOTE = Symbol("remote");

export class AwarenessSync {
  readonly awareness: Awareness;
  private isDue = false;
  private sentAt = 0;
  private readonly timers = new Timers<"send">();

  /** `say` sends our state and returns whether there is a connection that takes it. */
  constructor(
    private readonly doc: Y.Doc,
    private readonly say: (states: () => Uint8Array) => boolean,
  ) {
    this.awareness = new Awareness(doc);
    this.awareness.on("update", this.note);
  }

  /** A local change must never carry an id that the server did not issue: this runs before the editor exists. */
  take(clientId: number): void {
    const { awareness } = this;
    const own = awareness.getLocalState();
    this.leaveOthers();
    awareness.states.clear();
    awareness.meta.clear();
    // The next clock is 1: others take a state of clock 0 for one that they have seen.
    awareness.meta.set(clientId, { clock: 0, lastUpdated: Date.now() });
    this.doc.clientID = awareness.clientID = clientId;
    awareness.setLocalState(own);
  }

  hear(states: Uint8Array): void {
    applyAwarenessUpdate(this.awareness, states, REMOTE);
  }

  /** Without a connection nobody else is here. */
  leaveOthers(): void {
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.awareness.clientID);
    removeAwarenessStates(this.awareness, others, REMOTE);
    // Without the clocks a rejoined server may show the same states again.
    for (const id of others) this.awareness.meta.delete(id);
  }

  send(): void {
    this.timers.stop("send");
    if (!this.isDue) return;
    if (!this.say(() => encodeAwarenessUpdate(this.awareness, [this.awareness.clientID]))) return;
    this.isDue = false;
    this.sentAt = Date.now();
  }

  destroy(): void {
    this.timers.stopAll();
    this.awareness.off("update", this.note);
    this.awareness.destroy();
  }

  private readonly note = (_change: unknown, origin: unknown): void => {
    if (origin === REMOTE) return;
    this.isDue = true;
    if (this.timers.has("send")) return;
    this.timers.start("send", Math.max(0, this.sentAt + EVERY_MS - Date.now()), () => this.send());
  };
}
