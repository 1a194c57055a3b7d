/** What a provider is given, and what it tells whoever shows its document. */

import type { Entry, Outbox } from "./outbox";
import type { SocketMaker } from "./transport";

/** "signed_out": words may still be written, and are sent once the same person has signed in again. */
export type Status = "connecting" | "live" | "offline" | "signed_out" | "ended";
/** Why there will be no further connection. */
export type Ending = "forbidden" | "gone" | "outdated" | "broken" | "restored" | "stranger";

export interface Listeners {
  /** Status, role or the number of unsaved edits moved. */
  changed(): void;
  /** The document is complete for the first time: the editor may show it. */
  synced(): void;
  /** The server does not take what is in the outbox: roll back. `message` is the server's sentence, or empty. */
  refused(message: string, code?: string): void;
  /** These words of an earlier history were found on this device: they are not sent, their author may take them. */
  found(old: Entry[]): void;
  /** The session has ended: nothing is sent until somebody calls `reconnect`. */
  signedOut(): void;
  /** The editor's binding has deleted words that it could not show: stop before anybody loses them. */
  mismatch(): void;
}

export interface Options {
  url: string;
  /** The id of the person whose words these are: they are sent in nobody else's name. */
  user: string;
  outbox: Outbox;
  listeners: Listeners;
  /** The origin of the editor binding's transactions. */
  binding: unknown;
  /** Called before others' words come in, so that the editor can take in what has been done here. */
  beforeRemote?: () => void;
  make?: SocketMaker;
  /** Ask by HTTP why the socket was not accepted; null when the server does not answer. */
  probe?: () => Promise<number | null>;
}
