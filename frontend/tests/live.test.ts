// @vitest-environment jsdom
/** What scripts write is what the server writes: money, tokens, clocks, dials; events wake the page, never in a storm. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { digits } from "../src/live/dials";
import { money, tokens } from "../src/live/format";
import { parts } from "../src/live/shares";
import { startRefresh } from "../src/live/refresh";
import { Spark } from "../src/live/spark";
import { clock } from "../src/ui/clock";

describe("numbers", () => {
  it.each([
    ["0.000000000", "$ 0.00"],
    ["12.345678901", "$ 12.35"],
    ["0.004200000", "$ 0.0042"],
    ["0.000000001", "$ 0.000000"],
    ["-2.500000000", "$ −2.50"],
    ["1234567.000000000", "$ 1,234,567.00"],
  ])("%s is shown as %s", (amount, text) => {
    expect(money({ amount, currency: "USD" })).toBe(text);
  });

  it.each([
    [812, "812"],
    [9999, "9,999"],
    [34_120, "34.1 k"],
    [5_230_000, "5.2 M"],
  ])("%d tokens are %s", (count, text) => {
    expect(tokens(count)).toBe(text);
  });

  it("counts minutes and hours", () => {
    expect([clock(0), clock(252), clock(3729)]).toEqual(["0:00", "4:12", "1:02:09"]);
  });

  it("keeps six dials with a mark between each three", () => {
    expect(digits(20_207).join("")).toBe("020207");
    expect(digits(1_234_567)).toEqual(["1", null, "2", "3", "4", null, "5", "6", "7"]);
  });
});

describe("the bar of spend", () => {
  it("shows shares of the limit, and of their sum when that is more", () => {
    expect(parts([["teal", 30], ["blue", 0], ["rose", 20]], 100)).toEqual([["teal", 0, 297], ["rose", 300, 197]]);
    expect(parts([["teal", 3], ["blue", 1]], 2)).toEqual([["teal", 0, 747], ["blue", 750, 247]]);
  });
});

describe("the spark line", () => {
  it("keeps the last sixty readings and draws them with attributes alone", () => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const spark = new Spark();
    for (let rate = 0; rate < 70; rate += 1) spark.add(rate);
    spark.draw(line);

    expect(line.childElementCount).toBe(60);
    expect(line.querySelectorAll(".hot")).toHaveLength(6);
    expect(line.outerHTML).not.toContain("style");
  });
});

describe("events", () => {
  const heard: string[] = [];
  const hear = (event: Event): number => heard.push(event.type);

  beforeEach(() => {
    vi.useFakeTimers();
    document.body.innerHTML = "";
    heard.length = 0;
    document.body.addEventListener("run-moved", hear);
    document.body.addEventListener("balance-moved", hear);
  });
  afterEach(() => {
    document.body.removeEventListener("run-moved", hear);
    document.body.removeEventListener("balance-moved", hear);
    vi.useRealTimers();
  });

  it("are gathered into one refresh", () => {
    const refresh = startRefresh(null);
    for (let seq = 1; seq <= 20; seq += 1) refresh.moved({ type: "step.moved", seq, run: "a", data: {} });
    vi.advanceTimersByTime(300);

    expect(heard).toEqual(["run-moved"]);
  });

  it("of another run leave a run's page alone, except that it begins or ends", () => {
    const refresh = startRefresh("mine");
    refresh.moved({ type: "step.moved", run: "other", data: {} });
    refresh.moved({ type: "step.progressed", run: "other", data: {} });
    vi.advanceTimersByTime(5000);
    expect(heard).toEqual([]);
    refresh.moved({ type: "run.moved", run: "other", data: {} });
    vi.advanceTimersByTime(300);

    expect(heard).toEqual(["run-moved"]);
  });

  it("about one limit are one note, about another one a second", () => {
    HTMLElement.prototype.showPopover ??= () => undefined;
    HTMLElement.prototype.hidePopover ??= () => undefined;
    // the test's DOM does not know `:popover-open`, and looks for what it means until its stack ends
    const matches = vi.spyOn(Element.prototype, "matches").mockReturnValue(false);
    const strings = { "limit.agent": "{percent} % of {name}", "limit.workspace": "{percent} % of all" };
    document.body.innerHTML = `<script id="strings" type="application/json">${JSON.stringify(strings)}</script>`;
    const refresh = startRefresh(null);
    const reached = (level: string, name: string, threshold: number): void =>
      refresh.moved({ type: "budget.reached", run: null, data: { level, name, threshold } });
    reached("agent", "Writer", 50);
    reached("agent", "Writer", 80);
    reached("workspace", "", 50);

    expect([...document.querySelectorAll(".toast .grow")].map((note) => note.textContent)).toEqual([
      "80 % of Writer",
      "50 % of all",
    ]);
    expect(heard).toEqual([]);
    matches.mockRestore();
  });

  it("are asked for while there is no connection, and only while a run is at work", () => {
    const refresh = startRefresh(null);
    refresh.online(false);
    vi.advanceTimersByTime(9000);
    expect(heard).toEqual([]);
    document.body.innerHTML = '<div id="offline-banner"></div><span data-clock="2026-01-01T00:00:00Z">0:00</span>';
    vi.advanceTimersByTime(4500);
    expect(heard).toEqual(["run-moved", "balance-moved"]);
    refresh.online(true);
    vi.advanceTimersByTime(20_000);

    expect(heard).toHaveLength(4); // once more when it is back, then silence
  });
});
