/** One websocket with the subprotocol wukong.v1. What it carries is not its business. */

import { type Message, read } from "./wire";

export const PROTOCOL = "wukong.v1";
const NORMAL = 1000;

/** The part of WebSocket that is used, so that tests can stand in for it. */
export interface Socket {
  binaryType: string;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number): void;
}

export type SocketMaker = (url: string, protocols: string[]) => Socket;

export const browserSocket: SocketMaker = (url, protocols) => new WebSocket(url, protocols) as unknown as Socket;

export interface Listener {
  message(message: Message): void;
  closed(code: number): void;
}

/** A connection that calls its listener until it is closed, by either side, and never after. */
export class Connection {
  private readonly socket: Socket;
  private isOver = false;

  constructor(url: string, listener: Listener, make: SocketMaker) {
    this.socket = make(url, [PROTOCOL]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      if (this.isOver || !(data instanceof ArrayBuffer)) return;
      const message = read(new Uint8Array(data));
      if (message) listener.message(message);
    };
    this.socket.onclose = ({ code }) => {
      if (this.isOver) return;
      this.isOver = true;
      listener.closed(code);
    };
  }

  send(bytes: Uint8Array): void {
    if (!this.isOver) this.socket.send(bytes);
  }

  /** Close without telling the listener. */
  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.socket.close(NORMAL);
  }
}

/** A server that is started again is back within a minute: so long the pauses stay short. */
const EAGER_ATTEMPTS = 15;

/** Return the milliseconds to wait before the attempt `n` (from 0): doubling to 5 s, later 15 s, never all browsers at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const longest = attempt < EAGER_ATTEMPTS ? 5_000 : 15_000;
  return Math.min(longest, 400 * 2 ** attempt) * (0.5 + random() / 2);
}
