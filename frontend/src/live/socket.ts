/** The workspace's events: one socket, rows in their order, connected again after a break from where it was. */

export interface Frame {
  type: string;
  seq?: number;
  actor?: string;
  run?: string | null;
  data: Record<string, unknown>;
}

export interface Listener {
  frame(frame: Frame): void;
  /** Something may have been missed: read everything again. */
  gap(): void;
  online(isOnline: boolean): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PATIENCE_MS = 10_000;
/** Signed out, role lost, workspace gone: asking again changes nothing. */
const FINAL = new Set([4401, 4403, 4404]);

/** Follow a workspace from `since` on, for as long as the page lives. */
export function follow(path: string, since: number, listener: Listener): void {
  let last = since;
  let wait = FIRST_WAIT_MS;
  let timer = 0;
  let socket: WebSocket | null = null;

  const take = (frame: Frame): void => {
    if (frame.type === "hello") {
      wait = FIRST_WAIT_MS;
      listener.online(true);
      if (typeof frame.seq === "number" && frame.seq < last) {
        last = frame.seq; // another database under the same address: a restored backup
        listener.gap();
      }
      return;
    }
    if (typeof frame.seq === "number") {
      if (frame.seq <= last) return;
      const isGap = frame.seq !== last + 1;
      last = frame.seq;
      if (isGap) listener.gap();
    }
    listener.frame({ ...frame, data: frame.data ?? {} });
  };

  const connect = (): void => {
    clearTimeout(timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opened = (socket = new WebSocket(`${scheme}://${location.host}${path}?since=${last}`));
    // Browsers open one socket to a server at a time: one that is never answered would hold back all others.
    const patience = window.setTimeout(() => opened.close(), PATIENCE_MS);
    opened.addEventListener("open", () => clearTimeout(patience));
    opened.addEventListener("message", (event) => take(JSON.parse(String(event.data)) as Frame));
    opened.addEventListener("close", (event) => {
      if (socket !== opened) return;
      socket = null;
      listener.online(false);
      if (FINAL.has(event.code)) {
        listener.gap(); // the next answer of the server says what has happened
        return;
      }
      timer = window.setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
  };

  const now = (): void => {
    if (socket === null && timer) {
      wait = FIRST_WAIT_MS;
      connect();
    }
  };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  addEventListener("pagehide", () => {
    const open = socket;
    socket = null;
    open?.close();
  });
  addEventListener("pageshow", (event) => event.persisted && connect());
  addEventListener("signed-in", () => socket === null && connect()); // the session had ended, and is back
  connect();
}
