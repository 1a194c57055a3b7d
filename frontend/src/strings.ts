/** The sentences that scripts say come from the page (templatetags/strings.py), in the reader's language. */

type Values = Record<string, string | number>;

let known: Record<string, string> | undefined;

function strings(): Record<string, string> {
  if (known === undefined) {
    const holder = document.getElementById("strings");
    known = holder?.textContent ? (JSON.parse(holder.textContent) as Record<string, string>) : {};
  }
  return known;
}

/** Return the sentence of a key with its `{name}` places filled; the key itself when the page does not have it. */
export function t(key: string, values: Values = {}): string {
  const sentence = strings()[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}
