/** Tells that the page was away and is back: the network, another tab, the browser's page cache, a device that slept. */

const AWAY_MS = 20_000;
const BEAT_MS = 5_000;

interface Listener {
  /** The page is looked at again, or the network is back: connections may be dead without a word. */
  woke(): void;
  /** The network has gone, says the device. */
  lost(): void;
  /** The page is put into the browser's page cache. */
  frozen(): void;
}

export function watchWake(listener: Listener): void {
  let beatAt = Date.now();
  window.addEventListener("online", () => listener.woke());
  window.addEventListener("offline", () => listener.lost());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) listener.woke();
  });
  window.addEventListener("pagehide", (event) => event.persisted && listener.frozen());
  window.addEventListener("pageshow", (event) => event.persisted && listener.woke());
  // A laptop that slept with the page in front says nothing; its clock does.
  setInterval(() => {
    const gap = Date.now() - beatAt;
    beatAt = Date.now();
    if (gap > AWAY_MS && !document.hidden) listener.woke();
  }, BEAT_MS);
}
