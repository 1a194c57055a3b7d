/** Turns events into what templates listen for: `run-moved` and `balance-moved` on the body, gathered, never a storm. */

import { t } from "../strings";
import { say, unsay } from "../ui/toast";
import type { Frame } from "./socket";

const SOON_MS = 250;
/** Progress of a step is only a word beside an agent: once in a while is enough. */
const LATER_MS = 1500;
const POLL_MS = 4000;
const QUIET_MS = 10_000;

export interface Refresh {
  moved(frame: Frame): void;
  all(): void;
  online(isOnline: boolean): void;
}

export function startRefresh(run: string | null): Refresh {
  const timers = new Map<string, { at: number; id: number }>();
  const fire = (name: string, wait: number): void => {
    const known = timers.get(name);
    const at = performance.now() + wait;
    if (known && known.at <= at) return;
    if (known) clearTimeout(known.id);
    const id = window.setTimeout(() => {
      timers.delete(name);
      document.body.dispatchEvent(new CustomEvent(name));
    }, wait);
    timers.set(name, { at, id });
  };
  const all = (): void => {
    fire("run-moved", SOON_MS);
    fire("balance-moved", SOON_MS);
  };
  const isShown = (id: unknown): boolean => run === null || id === run;
  return { moved: (frame) => moved(frame, isShown, fire), all, online: connection(all) };
}

function moved(frame: Frame, isShown: (run: unknown) => boolean, fire: (name: string, wait: number) => void): void {
  const run = frame.run ?? frame.data.run;
  if (frame.type === "run.moved") fire("run-moved", SOON_MS);
  else if (frame.type === "step.moved" && isShown(run)) fire("run-moved", SOON_MS);
  else if (frame.type === "step.progressed" && isShown(run)) fire("run-moved", LATER_MS);
  else if (frame.type === "balance.moved") {
    fire("balance-moved", SOON_MS);
    if (isShown(run)) fire("run-moved", LATER_MS); // its cost is now in the ledger
  } else if (frame.type === "budget.reached") reached(frame.data);
}

/** A call may leap over more than one threshold: the note about a limit is the last one. */
function reached({ level, name, threshold }: Record<string, unknown>): void {
  const words = { name: String(name), percent: Number(threshold) };
  say(`limit:${String(level)}:${words.name}`, t(`limit.${String(level)}`, words), { icon: "wallet", seconds: 20 });
}

/** Without a socket the page asks by itself, but only while a run is at work on it. */
function connection(all: () => void): (isOnline: boolean) => void {
  let poll = 0;
  let quiet = 0;
  return (isOnline) => {
    if (isOnline) {
      if (poll) all();
      clearInterval(poll);
      clearTimeout(quiet);
      poll = quiet = 0;
      unsay("live");
      return;
    }
    if (poll) return;
    poll = window.setInterval(() => {
      if (!document.hidden && hasLiveRun()) all();
    }, POLL_MS);
    quiet = window.setTimeout(() => {
      // A document has a banner of its own for this.
      if (hasLiveRun() && !document.getElementById("offline-banner")) say("live", t("live.lost"), { seconds: 0, icon: "wifi-off" });
    }, QUIET_MS);
  };
}

function hasLiveRun(): boolean {
  return [...document.querySelectorAll<HTMLElement>("[data-clock]")].some((clock) => clock.dataset.clock);
}
