/** Small helpers of the page's scripts. */

/** Make an element; `text` is text, never HTML. */
export function make(tag: string, className = "", text = ""): HTMLElement {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag: string): SVGElement {
  return document.createElementNS(SVG, tag);
}

/** Make an icon of our sprite; where the sprite lies is read from an icon that the page has, else guessed. */
export function icon(name: string, size = "sm"): SVGElement {
  const drawn = svg("svg");
  drawn.setAttribute("class", size ? `icon icon-${size}` : "icon");
  drawn.setAttribute("aria-hidden", "true");
  const use = svg("use");
  use.setAttribute("href", `${sprite()}#${name}`);
  drawn.append(use);
  return drawn;
}

function sprite(): string {
  const known = document.querySelector("svg.icon use")?.getAttribute("href") ?? "/static/icons/icons.svg#";
  return known.slice(0, known.indexOf("#"));
}

/** Read a JSON block that the page carries; undefined when it has none. */
export function config<T>(id: string): T | undefined {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : undefined;
}

/** Return the nearest element that matches, for the target of an event. */
export function closest<E extends Element = HTMLElement>(event: Event, selector: string): E | null {
  return event.target instanceof Element ? event.target.closest<E>(selector) : null;
}

/** Call back for every element that matches, now and whenever htmx has put new ones into the page. */
export function each<E extends Element>(selector: string, found: (element: E) => void): void {
  const look = (): void => document.querySelectorAll<E>(selector).forEach(found);
  look();
  document.addEventListener("htmx:after:swap", look);
}
