/**
 * What a person wrote and the server has not confirmed yet: in memory, and in IndexedDB so that a reload loses nothing.
 *
 * Each tab writes under a session of its own and holds a lock with its name. Another tab takes a session over only when
 * its lock is free, that is, when its tab is gone. No import of the editor here: signing out clears it from any page.
 */

import type { Range } from "./hint";
import { History, type Standing } from "./history";

const DATABASE = "wukong";
const UPDATES = "updates";
const KEPT = "kept";
const BURST_MS = 1000;

/**
 * One local change: a Yjs v1 update, and the number of the edit (a burst of keystrokes) that it belongs to. `cut` names
 * the words that it pastes, when they were cut here before.
 */
export interface Entry extends Partial<Standing> {
  update: Uint8Array;
  session: string;
  edit: number;
  cut?: Range[];
  /** Where it stands among what was stored on this device; absent: after all of that. */
  order?: number;
  stored: Promise<IDBValidKey | null>;
}

export function inOrder(one: Entry, other: Entry): number {
  const [here, there] = [one.order ?? Infinity, other.order ?? Infinity];
  return here === there ? 0 : here - there;
}

interface Row extends Partial<Standing> {
  document: string;
  user: string;
  session: string;
  edit: number;
  cut?: Range[];
  update: Uint8Array;
}

/** Words that the server refused, kept until their author has taken them or thrown them away. */
export interface Kept {
  key: IDBValidKey | null;
  text: string;
  /** The sentence that says why; absent: the server refused them without one. */
  why?: string;
}

/** The part of the Web Locks API that is used; absent on pages without TLS. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, held: () => Promise<void>): Promise<unknown>;
}

interface Options {
  document: string;
  user: string;
  locks?: Locks | undefined;
  now?: () => number;
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      for (const name of [UPDATES, KEPT]) {
        request.result.createObjectStore(name, { autoIncrement: true }).createIndex("place", ["document", "user"]);
      }
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function newSession(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Where tabs see that somebody signed out: its value is another one after each sign-out. */
export const SIGNED_OUT_KEY = "wukong:signed-out";

function mark(): string {
  try {
    return localStorage.getItem(SIGNED_OUT_KEY) ?? "";
  } catch {
    return ""; // no storage: then nothing is stored at all
  }
}

/** Throw away all unsent words of this browser: a person signs out of it. Never throws. */
export async function forgetEverything(): Promise<void> {
  try {
    localStorage.setItem(SIGNED_OUT_KEY, newSession()); // first: from here on no open tab stores anything
  } catch {
    // See mark().
  }
  try {
    const database = await opened();
    const clearing = database.transaction([UPDATES, KEPT], "readwrite");
    clearing.objectStore(UPDATES).clear();
    clearing.objectStore(KEPT).clear();
    await new Promise((resolve) => {
      clearing.oncomplete = clearing.onabort = resolve;
    });
    database.close();
  } catch {
    // No IndexedDB (a private window): nothing was stored.
  }
}

export class Outbox {
  readonly entries: Entry[] = [];
  readonly session = newSession();
  readonly history = new History();
  /** Somebody has signed out of this browser: nothing may be stored in it any more. */
  isForgotten = false;
  private mark = mark();
  private database: IDBDatabase | null = null;
  private readonly ending = new AbortController();
  private readonly awaited = new Set<string>();
  private readonly now: () => number;
  private hasFailed = false;
  private edit = 0;
  private lastAt = -Infinity;

  private constructor(private readonly options: Options) {
    this.now = options.now ?? Date.now;
  }

  /** Open the outbox of one person's document. Never fails: without IndexedDB words are kept in memory alone. */
  static async open(options: Options): Promise<Outbox> {
    const outbox = new Outbox(options);
    try {
      outbox.database = await opened();
    } catch {
      outbox.hasFailed = true;
    }
    outbox.hold(outbox.session);
    return outbox;
  }

  /** Whether every change that is not confirmed would survive a reload. */
  get isSafe(): boolean {
    return !this.hasFailed || this.entries.length === 0;
  }

  get isStoring(): boolean {
    return !this.hasFailed;
  }

  /** How many edits wait: keystrokes within a second count as one. */
  get edits(): number {
    return new Set(this.entries.map((entry) => `${entry.session}:${entry.edit}`)).size;
  }

  add(update: Uint8Array, cut: Range[] | null = null): Entry {
    const at = this.now();
    if (at - this.lastAt > BURST_MS) this.edit += 1;
    this.lastAt = at;
    const { generation, seq } = this.history;
    const row: Row = { ...this.place, session: this.session, edit: this.edit, generation, seq, update, ...(cut ? { cut } : {}) };
    const entry: Entry = { ...row, stored: this.put(UPDATES, row) };
    this.entries.push(entry);
    return entry;
  }

  /** Forget entries: they are committed, or they were refused. */
  done(gone: Iterable<Entry>): void {
    const leaving = new Set(gone);
    if (!leaving.size) return;
    this.entries.splice(0, this.entries.length, ...this.entries.filter((entry) => !leaving.has(entry)));
    for (const entry of leaving) {
      void entry.stored.then((key) => this.remove(UPDATES, key));
    }
  }

  /** Look whether somebody has signed out of this browser meanwhile; returns `isForgotten`. */
  look(): boolean {
    this.isForgotten ||= mark() !== this.mark;
    return this.isForgotten;
  }

  /** The same person has signed in again: store what waits in memory, and what follows. */
  renew(): void {
    if (!this.isForgotten) return;
    this.mark = mark();
    this.isForgotten = this.hasFailed = false;
    for (const entry of this.entries) {
      const { stored: _gone, order: _place, ...words } = entry;
      entry.stored = this.put(UPDATES, { ...this.place, ...words });
    }
  }

  /** How many edits of this person wait on this device, those of tabs that are gone and of other tabs too. */
  async waiting(): Promise<number> {
    return new Set((await this.rows()).map(([, row]) => `${row.session}:${row.edit}`)).size;
  }

  /**
   * Take over what tabs that are gone left behind, now and whenever another tab closes. `taken` gets the entries of one
   * session, oldest first, already in `entries`; `old` gets those of an earlier history, which are in no list.
   */
  async adopt(taken: (entries: Entry[]) => void, old: (entries: Entry[]) => void): Promise<void> {
    const found = await this.rows();
    const sessions = new Set(found.map(([, row]) => row.session));
    sessions.delete(this.session);
    for (const session of this.awaited) sessions.delete(session);
    for (const session of sessions) this.awaited.add(session);
    const { locks } = this.options;
    if (!locks) {
      // Without locks a session may still live in another tab. Sending its words twice does no harm: Yjs counts them once.
      for (const session of sessions) this.take(found, session, taken, old);
      return;
    }
    const first: Promise<void>[] = [];
    for (const session of sessions) {
      const held = this.hold(session, async () => {
        if (!this.ending.signal.aborted) this.take(await this.rows(), session, taken, old);
      });
      // A dead tab's lock is free at once; a live tab's is waited for in the background.
      first.push(Promise.race([held, new Promise<void>((resolve) => setTimeout(resolve, 150))]));
    }
    await Promise.all(first);
  }

  /** Store words that the server refused. */
  async keep(text: string, why = ""): Promise<Kept> {
    return { text, why, key: await this.put(KEPT, { ...this.place, text, why }) };
  }

  async kept(): Promise<Kept[]> {
    return (await this.all<{ text: string; why?: string }>(KEPT)).map(([key, { text, why = "" }]) => ({ key, text, why }));
  }

  async drop(kept: Kept): Promise<void> {
    await this.remove(KEPT, kept.key);
  }

  close(): void {
    this.ending.abort();
  }

  private get place(): { document: string; user: string } {
    return { document: this.options.document, user: this.options.user };
  }

  /** Hold the lock of a session until this outbox closes; resolves when `then` is done with it. */
  private hold(session: string, then: () => Promise<void> = async () => {}): Promise<void> {
    const { locks } = this.options;
    if (!locks) return Promise.resolve();
    const { signal } = this.ending;
    return new Promise((resolve) => {
      const held = async (): Promise<void> => {
        await then();
        resolve();
        await new Promise<void>((release) => {
          if (signal.aborted) release();
          signal.addEventListener("abort", () => release());
        });
      };
      locks.request(`wukong:${session}`, { signal }, held).catch(() => resolve());
    });
  }

  private take(
    found: [IDBValidKey, Row][],
    session: string,
    taken: (entries: Entry[]) => void,
    old: (entries: Entry[]) => void,
  ): void {
    const all: Entry[] = found
      .filter(([, row]) => row.session === session)
      .map(([key, row]) => ({ ...row, order: Number(key), stored: Promise.resolve(key) }));
    const entries = all.filter((entry) => this.history.holds(entry));
    if (entries.length < all.length) old(all.filter((entry) => !this.history.holds(entry)));
    if (!entries.length) return;
    // Words of a later session lean on those of an earlier one, whichever was free first.
    this.entries.unshift(...entries);
    this.entries.sort(inOrder);
    taken(entries);
  }

  private rows(): Promise<[IDBValidKey, Row][]> {
    return this.all<Row>(UPDATES);
  }

  private async all<T>(store: string): Promise<[IDBValidKey, T][]> {
    if (!this.database) return [];
    try {
      const index = this.database.transaction(store, "readonly").objectStore(store).index("place");
      const place = [this.options.document, this.options.user];
      const [keys, values] = await Promise.all([answer(index.getAllKeys(place)), answer(index.getAll(place))]);
      return keys.map((key, at) => [key, values[at] as T]);
    } catch {
      return [];
    }
  }

  private async put(store: string, row: object): Promise<IDBValidKey | null> {
    try {
      if (!this.database || this.look()) throw new Error("nothing is stored");
      const adding = this.database.transaction(store, "readwrite");
      const request = adding.objectStore(store).add(row);
      adding.commit(); // now, not once the page has heard of it: a page that is closed meanwhile loses it
      const key = await answer(request);
      if (!this.look()) return key;
      await this.remove(store, key); // it may have been stored after the sign-out had cleared everything
      throw new Error("nothing is stored");
    } catch {
      this.hasFailed = true;
      return null;
    }
  }

  private async remove(store: string, key: IDBValidKey | null): Promise<void> {
    if (key === null || !this.database) return;
    try {
      await answer(this.database.transaction(store, "readwrite").objectStore(store).delete(key));
    } catch {
      // It will be sent again after a reload: harmless, Yjs counts every struct once.
    }
  }
}
