/** Which addresses a link may lead to: the same rule as the server's (workspaces/documents/links.py). */

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const KNOWN = new Set(["http", "https", "mailto", "tel"]);
// Browsers skip some of these inside of an address.
const IGNORED = /[\u0000-\u0020\u007f-\u00a0\u200b-\u200f\u2028-\u202f\ufeff]/g;

export function isSafe(href: string): boolean {
  const bare = href.replace(IGNORED, "");
  const scheme = SCHEME.exec(bare)?.[1];
  if (scheme !== undefined) return KNOWN.has(scheme.toLowerCase());
  const start = bare.split(/[/?#]/, 1)[0] ?? "";
  return bare !== "" && !start.includes(":") && !/^[/\\]{2}/.test(bare);
}

/** Return what a person typed as an address: `example.com` gets https, an e-mail address gets mailto; null if unsafe. */
export function completed(typed: string): string | null {
  const text = typed.trim();
  if (/^[^\s@/:]+@[^\s@/:]+\.[^\s@/:]+$/.test(text)) return `mailto:${text}`;
  const address = SCHEME.test(text) || /^[/#?]/.test(text) ? text : `https://${text}`;
  return text && address.length <= 2000 && isSafe(address) ? address : null;
}
