/** A server for tests: one document, sockets of its own, and answers that come only when a test says so. */

import { applyAwarenessUpdate, Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { VERSION } from "../src/editor/schema";
import type { Socket, SocketMaker } from "../src/editor/transport";
import * as wire from "../src/editor/wire";

export class FakeSocket implements Socket {
  binaryType = "";
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  isOpen = true;
  readonly sent: wire.Message[] = [];

  constructor(
    readonly server: FakeServer,
    readonly protocols: string[],
  ) {}

  send(data: Uint8Array): void {
    const message = wire.read(data.slice());
    if (!message || !this.isOpen) return;
    this.sent.push(message);
    this.server.receive(this, message);
  }

  /** The browser closes. */
  close(): void {
    this.isOpen = false;
  }

  /** The server closes, or the network does. */
  drop(code = 1006): void {
    this.isOpen = false;
    this.onclose?.({ code });
  }

  say(bytes: Uint8Array): void {
    if (this.isOpen) this.onmessage?.({ data: bytes.slice().buffer });
  }

  tell(body: wire.Control): void {
    this.say(wire.control(body));
  }

  get updates(): Uint8Array[] {
    return this.sent.flatMap((message) => (message.kind === "update" ? [message.update] : []));
  }
}

export class FakeServer {
  doc = new Y.Doc();
  readonly awareness = new Awareness(new Y.Doc());
  readonly sockets: FakeSocket[] = [];
  role = "editor";
  schema = VERSION;
  nextId = 1001;
  /** Which history, how far its log has come, and whose session it takes the sockets for. */
  generation: number | undefined = 1;
  seq = 0;
  user: string | undefined;
  /** Whether it commits what it gets, whether it says so, whether it answers a handshake at all. */
  commits = true;
  acks = true;
  isUp = true;

  readonly make: SocketMaker = (_url, protocols) => {
    const socket = new FakeSocket(this, protocols);
    this.sockets.push(socket);
    queueMicrotask(() => {
      if (!this.isUp) return socket.drop();
      socket.tell({
        type: "hello",
        client_id: this.nextId++,
        role: this.role,
        schema: this.schema,
        seq: this.seq,
        limits: { bytes: 1 << 20 },
        ...(this.generation === undefined ? {} : { generation: this.generation }),
        ...(this.user === undefined ? {} : { user: this.user }),
      });
      if (this.role === "editor") socket.say(wire.step1(Y.encodeStateVector(this.doc)));
    });
    return socket;
  };

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nobody has connected");
    return socket;
  }

  receive(socket: FakeSocket, message: wire.Message): void {
    if (message.kind === "step1") socket.say(wire.step2(Y.encodeStateAsUpdate(this.doc, message.vector)));
    if (message.kind === "awareness") applyAwarenessUpdate(this.awareness, message.update, socket);
    if (message.kind !== "update" || !this.commits) return;
    Y.applyUpdate(this.doc, message.update);
    this.seq += 1;
    if (this.acks) socket.tell({ type: "ack", n: socket.updates.length, seq: this.seq });
  }

  /** Somebody else writes. */
  write(change: (root: Y.XmlFragment, doc: Y.Doc) => void): void {
    const before = Y.encodeStateVector(this.doc);
    this.doc.transact(() => change(this.doc.getXmlFragment("default"), this.doc));
    for (const socket of this.sockets) socket.say(wire.update(Y.encodeStateAsUpdate(this.doc, before)));
  }

  /** The database is put back to an earlier state: `doc` and `seq` are those of then. */
  restore(doc: Y.Doc, seq: number, generation: number | undefined): void {
    this.stop();
    this.doc = doc;
    this.seq = seq;
    this.generation = generation;
    this.isUp = true;
  }

  /** End of the server, and of all sockets. */
  stop(): void {
    this.isUp = false;
    for (const socket of this.sockets) if (socket.isOpen) socket.drop();
  }
}

/** Add a paragraph to a document. */
export function paragraph(root: Y.XmlFragment, text: string, id?: string): Y.XmlText {
  const element = new Y.XmlElement("paragraph");
  const words = new Y.XmlText(text);
  element.insert(0, [words]);
  if (id) element.setAttribute("id", id);
  root.push([element]);
  return words;
}

/** Web Locks of one browser, shared by its tabs. */
export class FakeLocks {
  private readonly waiting = new Map<string, (() => void)[]>();

  async request(name: string, { signal }: { signal: AbortSignal }, held: () => Promise<void>): Promise<void> {
    const queue = this.waiting.get(name);
    if (queue) await new Promise<void>((resolve, reject) => {
      queue.push(resolve);
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    }); // prettier-ignore
    else this.waiting.set(name, []);
    await held();
    const next = this.waiting.get(name)?.shift();
    if (next) next();
    else this.waiting.delete(name);
  }
}

/** Wait until something holds; fails after two seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 2000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("it never came to be");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
