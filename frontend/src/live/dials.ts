/** The workspace's meter reading turns with each token that is metered while the page is open. */

import { make } from "../ui/dom";

let ahead = 0;

/** Add tokens to the reading on the page. */
export function turn(count: number): void {
  if (count <= 0) return;
  ahead += count;
  draw();
}

/** Return the digits of a reading, at least six, with a mark between each three. */
export function digits(count: number): (string | null)[] {
  const all = String(Math.max(0, Math.round(count))).padStart(6, "0");
  return [...all].flatMap((digit, place) => (place && (all.length - place) % 3 === 0 ? [null, digit] : [digit]));
}

function draw(): void {
  const dials = document.querySelector<HTMLElement>("[data-meter]");
  if (!dials) return;
  const settled = Number(dials.dataset.meter);
  const shown = Number(dials.dataset.shown ?? settled);
  const reading = Math.max(settled + ahead, shown);
  dials.dataset.shown = String(reading);
  const unit = dials.querySelector("span");
  const cells = digits(reading).map((digit) => (digit === null ? make("i") : make("b", "", digit)));
  cells.at(-1)?.classList.add("last");
  dials.replaceChildren(...cells, ...(unit ? [unit] : []));
  dials.setAttribute("aria-label", `${reading.toLocaleString("en")} ${unit?.textContent ?? ""}`.trim());
}

// A new reading from the server has in it what was counted ahead of it.
document.addEventListener("htmx:after:swap", () => {
  if (document.querySelector("[data-meter]:not([data-shown])")) ahead = 0;
});
