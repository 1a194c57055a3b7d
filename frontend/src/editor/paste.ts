/** Makes pasted HTML harmless before the editor reads it: the page's policy would complain about every handler and style. */

const SCRIPTED = "script, iframe, object, embed, link, meta, style, template, svg, math, form";

/** Formatting that word processors say in styles instead of elements. */
const STYLES: [RegExp, string][] = [
  [/font-weight:\s*(bold|[6-9]00)/i, "strong"],
  [/font-style:\s*italic/i, "em"],
  [/text-decoration[^;]*underline/i, "u"],
  [/text-decoration[^;]*line-through/i, "s"],
];

// Read as text before it becomes elements, so that not even a detached document sees a style or a handler.
const STYLE = /(<[^<>]*?\s)style(\s*=\s*(?:"[^"]*"|'[^']*'))/gi;
const HANDLER = /(<[^<>]*?\s)on[a-z]+(\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+))/gi;

function replaced(html: string, pattern: RegExp, by: string): string {
  let before = html;
  for (;;) {
    const after = before.replace(pattern, by);
    if (after === before) return after;
    before = after;
  }
}

/** Return HTML without handlers, styles and what loads things; bold, italic, underline and strike stay. */
export function harmless(html: string): string {
  const bare = replaced(replaced(html, HANDLER, "$1data-was$2"), STYLE, "$1data-look$2");
  const { body } = new DOMParser().parseFromString(bare, "text/html");
  for (const element of body.querySelectorAll(SCRIPTED)) element.remove();
  for (const element of [...body.querySelectorAll("[data-look]")]) {
    const look = element.getAttribute("data-look") ?? "";
    element.removeAttribute("data-look");
    // A wrapper of Google Docs: bold that says it is not.
    if (element.matches("b, strong") && /font-weight:\s*(normal|400)/i.test(look)) element.replaceWith(...element.childNodes);
    else if (element.matches("span, font")) wrap(element, look);
  }
  for (const element of body.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) if (name.startsWith("on") || name === "style" || name === "data-was") element.removeAttribute(name);
  }
  return body.innerHTML;
}

function wrap(element: Element, look: string): void {
  for (const [pattern, tag] of STYLES) {
    if (!pattern.test(look)) continue;
    const mark = element.ownerDocument.createElement(tag);
    mark.append(...element.childNodes);
    element.append(mark);
  }
}
