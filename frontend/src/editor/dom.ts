/** Elements, icons and places on the screen. No style attributes: the page's policy forbids them. */

const STATIC = import.meta.env.BASE_URL.replace("dist/", "");
/** Drawings that only the editor uses are in a sprite of their own. */
const OWN = new Set(["heading-3", "minus", "square-code", "row-plus", "row-minus", "column-plus", "column-minus"]);
const SVG = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Return an element; attributes that are null, undefined or false are left out, true is the empty string. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

export function icon(name: string, size: "" | "sm" | "xs" = ""): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", size ? `icon icon-${size}` : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${STATIC}icons/${OWN.has(name) ? "editor" : "icons"}.svg#${name}`);
  svg.append(use);
  return svg;
}

/** The place of floating parts: inside the page's main landmark, outside of what scrolls. */
export function layer(): HTMLElement {
  return document.getElementById("main") ?? document.body;
}

const GAP = 8;

/** Put a fixed element beside a rectangle of the window: above or below it, wherever there is room, inside the window. */
export function place(element: HTMLElement, at: DOMRect, side: "above" | "below"): void {
  const { width, height } = element.getBoundingClientRect();
  const above = at.top - height - GAP;
  const below = at.bottom + GAP;
  const fitsBelow = below + height < window.innerHeight - GAP;
  const top = side === "above" ? (above > GAP ? above : below) : fitsBelow || above < GAP ? below : above;
  const left = Math.max(GAP, Math.min(at.left + at.width / 2 - width / 2, window.innerWidth - width - GAP));
  element.style.left = `${Math.round(left)}px`;
  element.style.top = `${Math.round(top)}px`;
}

/**
 * Let the arrow keys, Home and End move along a row of buttons of which one at a time is in the tab order.
 *
 * Returns what to call when buttons have appeared or gone.
 */
export function rove(row: HTMLElement): () => void {
  const buttons = (): HTMLButtonElement[] =>
    [...row.querySelectorAll<HTMLButtonElement>("button")].filter((one) => !one.disabled && !one.closest("[hidden]"));
  const focusable = (chosen: HTMLButtonElement | undefined): void => {
    for (const one of row.querySelectorAll<HTMLButtonElement>("button")) one.tabIndex = one === chosen ? 0 : -1;
  };
  row.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: all.length - 1 - at }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = all[(at + step + all.length) % all.length];
    focusable(next);
    next?.focus();
  });
  row.addEventListener("focusin", (event) => focusable(event.target as HTMLButtonElement));
  const refresh = (): void => {
    const all = buttons();
    if (!all.some((one) => one.getAttribute("tabindex") === "0")) focusable(all[0]);
  };
  refresh();
  return refresh;
}
