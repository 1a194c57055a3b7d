/**
 * Keeps one Yjs document in step with the server.
 *
 * A local change goes into the outbox, then to the server, and leaves the outbox with its acknowledgement. After a
 * reconnect everything in the outbox is sent again as it is: the server binds the client ids that it has issued to the
 * person, so changes made under the id of an earlier connection stay valid, and Yjs counts a change once.
 */

import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { AwarenessSync } from "./awareness";
import { cutOf } from "./hint";
import type { Ending, Options, Status } from "./listeners";
import type { Outbox } from "./outbox";
import { merged, Queue } from "./queue";
import { VERSION } from "./schema";
import { deletesWords, Hidden } from "./stray";
import { Timers } from "./timers";
import { backoff, browserSocket, Connection } from "./transport";
import * as wire from "./wire";

const FLUSH_MS = 40;
const HELLO_MS = 10_000;
const ACK_MS = 15_000;
const ALIVE_MS = 4_000;
const HOLD_MS = 5_000;
const WRITERS = new Set(["owner", "admin", "editor"]);
const REMOTE = Symbol("remote");
const STORED = Symbol("stored");

export class Provider {
  readonly doc = new Y.Doc();
  readonly awareness: Awareness;
  readonly outbox: Outbox;
  status: Status = "connecting";
  ending: Ending | null = null;
  role: string | null = null;
  isSynced = false;
  /** How much the server takes at once, as it said last. */
  room: wire.Limits = {};

  private connection: Connection | null = null;
  private isWelcome = false;
  private readonly queue = new Queue();
  private attempts = 0;
  private forgiven = 0;
  private isApplying = false;
  private isFirstSyncRunning = false;
  private readonly hidden = new Hidden();
  private held: Uint8Array[] | null = null;
  private flushedAt = 0;
  private readonly presence: AwarenessSync;
  private readonly timers = new Timers<"flush" | "retry" | "hello" | "ack" | "alive" | "hold">();

  constructor(private readonly options: Options) {
    this.outbox = options.outbox;
    this.presence = new AwarenessSync(this.doc, (states) => this.say(states));
    this.awareness = this.presence.awareness;
    this.doc.on("update", this.noteUpdate);
    this.doc.on("afterTransaction", this.noteTransaction);
  }

  get mayWrite(): boolean {
    return this.role !== null && WRITERS.has(this.role) && this.ending === null && !this.outbox.isForgotten;
  }

  /** Whether everything that was written here is confirmed by the server. */
  get isSaved(): boolean {
    return this.outbox.entries.length === 0;
  }

  // --- the connection ---------------------------------------------------------------------------------------------
  connect(): void {
    if (this.connection || this.ending) return;
    this.timers.stop("retry");
    this.isWelcome = false;
    const connection: Connection = new Connection(
      this.options.url,
      { message: (message) => this.receive(message), closed: (code) => this.closed(code) },
      this.options.make ?? browserSocket,
    );
    this.connection = connection;
    this.timers.start("hello", HELLO_MS, () => this.lose());
  }

  /** Try again at once: the network came back, or a person asked. */
  reconnect(): void {
    if (this.ending) return;
    this.attempts = 0;
    if (this.connection && !this.isWelcome) this.drop();
    this.connect();
  }

  /** The page was away (another tab, a phone that slept, a cable): connect again, or see whether we still are. */
  wake(): void {
    if (this.isWelcome) this.verify();
    else if (this.status !== "signed_out") this.reconnect();
  }

  /** The page is put aside as it is: a browser keeps no page with an open socket. */
  pause(): void {
    if (!this.connection || this.ending) return;
    this.drop();
    for (const name of ["hello", "ack", "alive"] as const) this.timers.stop(name);
    this.move("offline");
  }

  /** Make sure that the connection still lives: a network that went away says nothing. */
  verify(): void {
    if (!this.isWelcome) return;
    this.connection?.send(wire.step1(Y.encodeStateVector(this.doc)));
    this.timers.start("alive", ALIVE_MS, () => this.lose());
  }

  destroy(): void {
    this.timers.stopAll();
    this.doc.off("update", this.noteUpdate);
    this.doc.off("afterTransaction", this.noteTransaction);
    this.drop();
    this.presence.destroy();
    this.doc.destroy();
  }

  private drop(): void {
    this.connection?.close();
    this.connection = null;
    this.isWelcome = false;
  }

  private lose(): void {
    this.drop();
    this.closed(1006);
  }

  private closed(code: number): void {
    const wasWelcome = this.isWelcome;
    this.drop();
    for (const name of ["hello", "ack", "alive"] as const) this.timers.stop(name);
    if (this.ending) return;
    if (code === 4401) return this.signOut();
    if (code === 4404) return this.end("gone");
    if (code === 4426) return this.end("outdated");
    if (code === 4400 || code === 4413 || code === 4409 || code === 4403) return this.forgive(code);
    if (!wasWelcome) void this.ask();
    this.retry(code === 4429 ? 2 : 0);
  }

  /** A close that may pass (a new client id, a lower role), may be our own unsent words' fault, or is the end. */
  private forgive(code: number): void {
    this.forgiven += 1;
    const areWordsToBlame = code === 4400 || code === 4413 || this.forgiven > 2;
    if (areWordsToBlame && this.outbox.entries.length) return this.options.listeners.refused("");
    if (this.forgiven > 3) return this.end(code === 4403 ? "forbidden" : "broken");
    this.retry(0);
  }

  private retry(head: number): void {
    this.move("offline");
    this.timers.start("retry", backoff(this.attempts + head), () => this.connect());
    this.attempts += 1;
  }

  /** A refused handshake looks like a dead server; HTTP knows better. */
  private async ask(): Promise<void> {
    const answer = (await this.options.probe?.()) ?? null;
    if (this.isWelcome) return;
    if (answer === 401) this.signOut();
    if (answer === 403) this.end("forbidden");
    if (answer === 404) this.end("gone");
  }

  /** The session has ended: words wait for their author to sign in again. */
  signOut(): void {
    if (this.ending || this.status === "signed_out") return;
    this.leave("signed_out");
    this.options.listeners.signedOut();
  }

  end(why: Ending): void {
    if (this.ending) return;
    this.ending = why;
    this.leave("ended");
  }

  private leave(status: Status): void {
    this.timers.stop("retry");
    this.drop();
    this.presence.leaveOthers();
    this.move(status);
  }

  private move(status: Status): void {
    if (status === "offline" && this.status === "live") this.presence.leaveOthers();
    this.status = status;
    this.options.listeners.changed();
  }

  // --- what arrives -----------------------------------------------------------------------------------------------
  private receive(message: wire.Message): void {
    this.timers.stop("alive");
    if (message.kind === "control") return this.control(message.body);
    if (!this.isWelcome) return;
    // Step 1 asks for what the server lacks: exactly the outbox, which is sent anyway.
    if (message.kind === "awareness") this.presence.hear(message.update);
    if (message.kind === "update") {
      if (this.held) this.held.push(message.update);
      else this.apply(message.update, REMOTE);
      if (message.isStep2 && !this.isSynced) void this.firstSync();
    }
  }

  private control(body: wire.Control): void {
    if (body.type === "hello") return this.welcome(body);
    if (!this.isWelcome) return;
    if (body.type === "ack") this.ack(body.n, body.seq);
    if (body.type === "rejected") this.rejected(body.code, body.message);
    if (body.type === "role") {
      this.role = body.role;
      this.options.listeners.changed();
      // What was sent gets its answer from the server; what was not sent never may be.
      if (this.queue.unsent.length && !this.mayWrite) this.options.listeners.refused("");
    }
  }

  /** A gap may be a message that got lost with a room: everything is sent once more before it counts as refused. */
  private rejected(code: string, message: string): void {
    if (code === "gap" && this.forgiven++ === 0) return this.lose();
    // A later acknowledgement would count this message too.
    this.drop();
    this.timers.stop("ack");
    this.options.listeners.refused(message, code);
  }

  private welcome(hello: Extract<wire.Control, { type: "hello" }>): void {
    this.timers.stop("hello");
    if (hello.schema !== VERSION) return this.end("outdated");
    if (hello.user !== undefined && hello.user !== this.options.user) return this.end("stranger");
    if (!this.outbox.history.continues(hello)) return this.end("restored");
    this.isWelcome = true;
    this.attempts = 0;
    this.role = hello.role;
    this.room = hello.limits ?? this.room;
    this.presence.take(hello.client_id);
    this.connection?.send(wire.step1(Y.encodeStateVector(this.doc)));
    this.queue.restart(this.outbox.entries);
    if (this.isSynced && this.queue.unsent.length && !this.mayWrite) return this.options.listeners.refused("");
    this.status = "live";
    this.flush();
    this.options.listeners.changed();
    if (this.isSynced) void this.adopt();
  }

  /** Take over the words of this person's tabs that are gone. */
  private adopt(): Promise<void> {
    return this.outbox.adopt((entries) => {
      for (const entry of entries) this.apply(entry.update, STORED);
      this.queue.adopt(entries);
      if (this.isSynced && !this.mayWrite) return this.options.listeners.refused("");
      // Not at once: another tab may have left what these lean on.
      this.timers.start("flush", FLUSH_MS, () => this.flush());
      this.options.listeners.changed();
    }, this.options.listeners.found);
  }

  private async firstSync(): Promise<void> {
    if (this.isFirstSyncRunning) return;
    this.isFirstSyncRunning = true;
    await this.adopt();
    if (this.ending) return;
    this.isSynced = true;
    if (this.outbox.entries.length && !this.mayWrite) return this.options.listeners.refused("");
    this.options.listeners.synced();
    this.options.listeners.changed();
  }

  /** Run what shows the document to a person; what its binding deletes meanwhile is noticed and not sent. */
  guard<T>(show: () => T): T {
    this.isApplying = true;
    try {
      return show();
    } finally {
      this.isApplying = false;
    }
  }

  /** Change the document so that it can be shown. Who may not write keeps the change to themselves. */
  repair(change: () => void): void {
    this.guard(() => this.doc.transact(change, this.mayWrite ? null : STORED));
  }

  /** Keep what others write back, from now on so long: a change of the same words would end an input method's composition. */
  hold(ms = HOLD_MS): void {
    this.held ??= [];
    this.timers.start("hold", ms, () => this.release());
  }

  release(): void {
    this.timers.stop("hold");
    const held = this.held ?? [];
    this.held = null;
    for (const change of held) this.apply(change, REMOTE);
  }

  private apply(change: Uint8Array, origin: symbol): void {
    this.options.beforeRemote?.();
    const isStray = this.hidden.isWrittenInto(this.doc, change);
    this.guard(() => Y.applyUpdate(this.doc, change, origin));
    if (isStray) this.options.listeners.mismatch();
  }

  private ack(n: number, seq: number): void {
    this.forgiven = 0;
    this.outbox.history.note(seq);
    this.outbox.done(this.queue.ack(n));
    this.watchAck();
    if (this.queue.unsent.length) this.planFlush();
    this.options.listeners.changed();
  }

  private watchAck(): void {
    this.timers.stop("ack");
    if (this.queue.isWaiting) this.timers.start("ack", ACK_MS, () => this.lose());
  }

  // --- what leaves ------------------------------------------------------------------------------------------------
  private readonly noteTransaction = (transaction: Y.Transaction): void => {
    if (!this.isApplying || transaction.origin !== this.options.binding) return;
    this.hidden.note(transaction);
    if (deletesWords(transaction)) this.options.listeners.mismatch();
  };

  private readonly noteUpdate = (change: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    if (origin === REMOTE || origin === STORED) return;
    // Yjs tidies marks while it takes in others' words: of who may not write, it is no word of theirs.
    if (this.isApplying && (origin === this.options.binding || !this.mayWrite)) return;
    this.queue.unsent.push(this.outbox.add(change, cutOf(transaction)));
    this.planFlush();
    this.options.listeners.changed();
  };

  private planFlush(): void {
    if (this.timers.has("flush")) return;
    this.timers.start("flush", Math.max(0, this.flushedAt + FLUSH_MS - Date.now()), () => this.flush());
  }

  private flush(): void {
    this.timers.stop("flush");
    if (!this.isWelcome) return;
    this.flushedAt = Date.now();
    while (this.queue.unsent.length && this.mayWrite) {
      const chunk = this.queue.next();
      const change = merged(chunk);
      if (change.length > (this.room.bytes ?? Infinity)) {
        this.queue.putBack(chunk);
        // What was sent before is on its way into the log: it must not be taken back with this.
        if (!this.queue.isWaiting) return this.options.listeners.refused("");
        break;
      }
      this.queue.note(chunk);
      if (chunk[0]?.cut) this.connection?.send(wire.cut(chunk[0].cut));
      this.connection?.send(wire.update(change));
    }
    if (!this.timers.has("ack")) this.watchAck();
    this.presence.send();
  }

  private say(states: () => Uint8Array): boolean {
    if (!this.isWelcome) return false;
    this.connection?.send(wire.awareness(states()));
    return true;
  }
}
