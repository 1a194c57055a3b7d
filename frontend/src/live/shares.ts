/** The bar of spend grows while agents work: one part for each, in its hue, of the limit or of their sum. */

import { svg } from "../ui/dom";

const WHOLE = 1000;
const GAP = 3;

/** Return [hue, x, width] of each part in thousandths, as templatetags/ui.py does. */
export function parts(shares: [string, number][], limit: number): [string, number, number][] {
  const spent = shares.filter(([, amount]) => amount > 0);
  const whole = Math.max(spent.reduce((sum, [, amount]) => sum + amount, 0), limit) || 1;
  let x = 0;
  return spent.map(([hue, amount]) => {
    const width = (amount / whole) * WHOLE;
    const part: [string, number, number] = [hue, x, Math.max(width - GAP, 1)];
    x += width;
    return part;
  });
}

/** Draw parts into an svg.split of the server. */
export function draw(bar: SVGSVGElement, shares: [string, number][], limit: number): void {
  const rects = parts(shares, limit).map(([hue, x, width]) => {
    const rect = svg("rect");
    rect.setAttribute("data-hue", hue);
    rect.setAttribute("x", x.toFixed(1));
    rect.setAttribute("width", width.toFixed(1));
    rect.setAttribute("height", "6");
    return rect;
  });
  bar.replaceChildren(...rects);
}
