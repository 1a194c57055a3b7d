/** Tokens per second as a row of thin bars: the last ones are hot while words come in. */

import { svg } from "../ui/dom";

const BARS = 60;
const WIDTH = 320;
const HEIGHT = 34;
const HOT = 6;

export class Spark {
  private readonly values: number[] = [];

  add(rate: number): void {
    this.values.push(rate);
    if (this.values.length > BARS) this.values.shift();
  }

  /** Draw into the meter's <svg>; only attributes are set, so that a strict policy for styles is kept. */
  draw(line: SVGSVGElement): void {
    const top = Math.max(...this.values, 1);
    const step = WIDTH / BARS;
    while (line.childElementCount < this.values.length) line.append(svg("rect"));
    while (line.childElementCount > this.values.length) line.lastElementChild?.remove();
    const first = BARS - this.values.length;
    this.values.forEach((value, index) => {
      const bar = line.children[index];
      if (!bar) return;
      const height = Math.max(value > 0 ? 2 : 0.75, (value / top) * HEIGHT);
      set(bar, "x", ((first + index) * step).toFixed(1));
      set(bar, "y", (HEIGHT - height).toFixed(1));
      set(bar, "width", (step - 2).toFixed(1));
      set(bar, "height", height.toFixed(1));
      set(bar, "rx", "1");
      set(bar, "class", value > 0 && index >= this.values.length - HOT ? "hot" : "");
    });
  }
}

function set(bar: Element, name: string, value: string): void {
  if (bar.getAttribute(name) !== value) bar.setAttribute(name, value);
}
