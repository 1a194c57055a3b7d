/** `meter.ticked`: spend, tokens, speed and the spark line of a run, and the dials of the workspace, as they turn. */

import { turn } from "./dials";
import { money, nano, tokens, type Money } from "./format";
import { draw } from "./shares";
import type { Frame } from "./socket";
import { Spark } from "./spark";

interface Tick {
  run: string;
  spent: Money;
  tokens_in: number;
  tokens_out: number;
  tokens_per_second?: number;
  agents: Record<string, { tokens: number; cost: Money }>;
}

export interface Meters {
  tick(data: Record<string, unknown>): void;
  moved(frame: Frame): void;
}

const AT_REST = new Set(["paused", "done", "failed", "cancelled"]);
/** A reading older than this says nothing about now. */
const STALE_MS = 3000;

export function startMeters(): Meters {
  const last = new Map<string, { tick: Tick; at: number }>();
  const sparks = new Map<string, Spark>();

  const show = (tick: Tick, rate: number): void => {
    for (const meter of document.querySelectorAll<HTMLElement>(`[data-run-meter="${CSS.escape(tick.run)}"]`)) {
      spend(meter, tick.spent);
      put(meter, "[data-in]", tokens(tick.tokens_in));
      put(meter, "[data-out]", tokens(tick.tokens_out));
      put(meter, "[data-all]", tokens(tick.tokens_in + tick.tokens_out));
      put(meter, "[data-rate]", tokens(rate));
      const line = meter.querySelector<SVGSVGElement>("[data-spark]");
      if (line) sparks.get(tick.run)?.draw(line);
      agents(meter, tick);
    }
  };

  const again = (): void => {
    for (const [run, { tick, at }] of last) {
      if (performance.now() - at < STALE_MS) show(tick, tick.tokens_per_second ?? 0);
      else quiet(run);
    }
  };

  const quiet = (run: string): void => {
    const spark = sparks.get(run);
    for (const meter of document.querySelectorAll<HTMLElement>(`[data-run-meter="${CSS.escape(run)}"]`)) {
      put(meter, "[data-rate]", "0");
      const line = meter.querySelector<SVGSVGElement>("[data-spark]");
      if (line && spark) spark.draw(line);
    }
  };

  // What the server renders anew knows only what is settled: the reading that was shown goes on top of it.
  document.addEventListener("htmx:after:swap", again);
  setInterval(() => {
    for (const [run, { at }] of last) {
      if (performance.now() - at < STALE_MS || document.hidden) continue;
      sparks.get(run)?.add(0);
      quiet(run);
    }
  }, 2000);

  return {
    tick(data) {
      const tick = data as unknown as Tick;
      const before = last.get(tick.run)?.tick;
      const rate = tick.tokens_per_second ?? 0;
      const all = tick.tokens_in + tick.tokens_out;
      if (before) turn(all - before.tokens_in - before.tokens_out);
      last.set(tick.run, { tick, at: performance.now() });
      if (!sparks.has(tick.run)) sparks.set(tick.run, new Spark());
      sparks.get(tick.run)?.add(rate);
      show(tick, rate);
    },
    moved(frame) {
      const run = String(frame.data.run ?? "");
      if (frame.type !== "run.moved" || !AT_REST.has(String(frame.data.state))) return;
      quiet(run);
      last.delete(run);
    },
  };
}

/** Show what each agent of the panel has used, and its part of the bar. */
function agents(meter: HTMLElement, tick: Tick): void {
  const shares: [string, number][] = [];
  for (const agent of meter.parentElement?.querySelectorAll<HTMLElement>("[data-agent]") ?? []) {
    const reading = tick.agents[agent.dataset.agent ?? ""];
    if (!reading) continue;
    put(agent, "[data-cost]", money(reading.cost));
    put(agent, "[data-tokens]", tokens(reading.tokens));
    shares.push([agent.dataset.hue ?? "person", Number(reading.cost.amount)]);
  }
  const bar = meter.querySelector<SVGSVGElement>("svg.split");
  if (bar && shares.length) draw(bar, shares, Number(meter.dataset.limit ?? 0) / 1e9);
}

/** Spend never runs backwards while a run is at work: a hold that is settled lower is shown when the run rests. */
function spend(meter: HTMLElement, spent: Money): void {
  const element = meter.querySelector<HTMLElement>("[data-spend]");
  if (!element) return;
  const shown = element.dataset.nano ? BigInt(element.dataset.nano) : 0n;
  const value = nano(spent.amount);
  if (value < shown) return;
  element.dataset.nano = value.toString();
  put(meter, "[data-spend]", money(spent));
}

function put(root: HTMLElement, selector: string, text: string): void {
  const element = root.querySelector(selector);
  if (element && element.textContent !== text) element.textContent = text;
}
