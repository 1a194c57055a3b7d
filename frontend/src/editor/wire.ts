/** The bytes of the documents socket: y-protocols, and our own message 64. Pure: values in, bytes out, and back. */

const SYNC = 0;
const AWARENESS = 1;
const CONTROL = 64;
const STEP1 = 0;
const STEP2 = 1;
const UPDATE = 2;

/** What the server tells our own browser beside the document. */
export type Control =
  | Hello
  | { type: "ack"; n: number; seq: number }
  | { type: "rejected"; n: number; code: string; message: string }
  | { type: "role"; role: string };

/** The first message. `generation` and `seq` say how far which history of the document has come, `user` whose session it is. */
export interface Hello {
  type: "hello";
  client_id: number;
  role: string;
  schema: number;
  seq: number;
  generation?: number;
  user?: string;
  limits?: Limits;
}

/** The most that one message and one document may hold: bytes, and a number of blocks. */
export interface Limits {
  bytes?: number;
  presence_bytes?: number;
  document_bytes?: number;
  blocks?: number;
}

export type Message =
  | { kind: "step1"; vector: Uint8Array }
  | { kind: "update"; update: Uint8Array; isStep2: boolean }
  | { kind: "awareness"; update: Uint8Array }
  | { kind: "control"; body: Control };

class Reader {
  private at = 0;
  constructor(private readonly data: Uint8Array) {}

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.data[this.at++];
      if (byte === undefined) throw new RangeError("a message is cut");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError("a number is too large");
    }
  }

  bytes(): Uint8Array {
    const length = this.uint();
    const end = this.at + length;
    if (end > this.data.length) throw new RangeError("a message is cut");
    const part = this.data.subarray(this.at, end);
    this.at = end;
    return part;
  }
}

function uint(value: number): number[] {
  const out = [];
  while (value > 127) {
    out.push(128 | (value % 128));
    value = Math.floor(value / 128);
  }
  out.push(value);
  return out;
}

function framed(head: number[], payload: Uint8Array): Uint8Array {
  const start = [...head, ...uint(payload.length)];
  const out = new Uint8Array(start.length + payload.length);
  out.set(start);
  out.set(payload, start.length);
  return out;
}

/** Return the message of one frame, null for a kind that we do not know. Throws RangeError for cut bytes. */
export function read(frame: Uint8Array): Message | null {
  const reader = new Reader(frame);
  const kind = reader.uint();
  if (kind === SYNC) {
    const step = reader.uint();
    if (step === STEP1) return { kind: "step1", vector: reader.bytes() };
    return { kind: "update", update: reader.bytes(), isStep2: step === STEP2 };
  }
  if (kind === AWARENESS) return { kind: "awareness", update: reader.bytes() };
  if (kind === CONTROL) return { kind: "control", body: JSON.parse(new TextDecoder().decode(reader.bytes())) as Control };
  return null;
}

export const step1 = (vector: Uint8Array): Uint8Array => framed([SYNC, STEP1], vector);
export const step2 = (update: Uint8Array): Uint8Array => framed([SYNC, STEP2], update);
export const update = (change: Uint8Array): Uint8Array => framed([SYNC, UPDATE], change);
export const awareness = (states: Uint8Array): Uint8Array => framed([AWARENESS], states);
/** Names the words that the next update of this connection pastes: [client id, clock, length] each. */
export const cut = (ranges: [number, number, number][]): Uint8Array =>
  framed([CONTROL], new TextEncoder().encode(JSON.stringify({ type: "cut", ranges })));
export const control = (body: Control): Uint8Array => framed([CONTROL], new TextEncoder().encode(JSON.stringify(body)));
