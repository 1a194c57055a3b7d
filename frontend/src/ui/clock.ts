/** time[data-relative] stays true while the page is open; [data-clock] counts the seconds of a run. */

import { t } from "../strings";

/** Return how long ago a moment was, in words; "" when it is a day or more: then the date on the page is right. */
export function ago(seconds: number): string {
  if (seconds < 60) return t("time.now");
  if (seconds < 3600) return many("time.minute", Math.floor(seconds / 60));
  if (seconds < 86_400) return many("time.hour", Math.floor(seconds / 3600));
  return "";
}

function many(key: string, n: number): string {
  return n === 1 ? t(key) : t(`${key}s`, { n });
}

/** Return a duration as 4:12 or 1:02:09. */
export function clock(total: number): string {
  const whole = Math.max(0, Math.floor(total));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// The server's clock and this device's may differ: elapsed seconds come with the page, only their growth is measured here.
const seen = new WeakMap<Element, number>();

function tick(): void {
  document.querySelectorAll<HTMLElement>("[data-clock]").forEach((element) => {
    if (!element.dataset.clock) return;
    if (!seen.has(element)) seen.set(element, performance.now());
    const grown = (performance.now() - (seen.get(element) ?? 0)) / 1000;
    const text = clock(Number(element.dataset.elapsed ?? 0) + grown);
    if (element.textContent !== text) element.textContent = text;
  });
}

function refresh(): void {
  document.querySelectorAll<HTMLTimeElement>("time[data-relative]").forEach((element) => {
    const text = ago((Date.now() - Date.parse(element.dateTime)) / 1000);
    if (text && element.textContent !== text) element.textContent = text;
  });
}

export function startClocks(): void {
  tick();
  setInterval(() => document.hidden || tick(), 1000);
  setInterval(() => document.hidden || refresh(), 30_000);
  document.addEventListener("htmx:after:swap", tick);
}
