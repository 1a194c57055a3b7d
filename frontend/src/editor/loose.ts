/** Reads the words in changes whose document is not at hand: of an earlier history, for their author to take. */

import * as Y from "yjs";

interface Sign {
  text: string;
  before: string | null;
  order: number;
}

const key = (client: number, clock: number): string => `${client}:${clock}`;

/**
 * Return the words that the updates insert and do not delete again, a line for each stretch.
 *
 * Words that stood beside each other do so here; where a stretch stood in the document cannot be said.
 */
export function looseWords(updates: Uint8Array[]): string {
  const signs = new Map<string, Sign>();
  const decoded = updates.map((update) => Y.decodeUpdate(update));
  for (const { structs } of decoded) for (const struct of structs) read(struct, signs);
  for (const { ds } of decoded) {
    for (const [client, ranges] of ds.clients) for (const range of ranges) forget(client, range.clock, range.len, signs);
  }
  return lines(signs).join("\n");
}

function read(struct: ReturnType<typeof Y.decodeUpdate>["structs"][number], signs: Map<string, Sign>): void {
  if (!(struct instanceof Y.Item)) return;
  const { id, content, origin, length } = struct;
  for (let at = 0; at < length; at += 1) {
    const own = key(id.client, id.clock + at);
    if (signs.has(own)) continue; // the same change twice
    const before = at > 0 ? key(id.client, id.clock + at - 1) : origin ? key(origin.client, origin.clock) : null;
    const text = content instanceof Y.ContentString ? (content.str[at] ?? "") : "";
    signs.set(own, { text, before, order: signs.size });
  }
}

/** Words that were deleted again. A range may reach over much more than what is here. */
function forget(client: number, clock: number, length: number, signs: Map<string, Sign>): void {
  if (length > signs.size) {
    for (const [id, sign] of signs) {
      const [owner, at] = id.split(":").map(Number) as [number, number];
      if (owner === client && at >= clock && at < clock + length) sign.text = "";
    }
    return;
  }
  for (let at = clock; at < clock + length; at += 1) {
    const sign = signs.get(key(client, at));
    if (sign) sign.text = "";
  }
}

/** Follow each stretch from its first sign. What was inserted later at one place stands before what was there. */
function lines(signs: Map<string, Sign>): string[] {
  const after = new Map<string, string[]>();
  const first: string[] = [];
  for (const [id, { before }] of signs) {
    if (before === null || !signs.has(before)) first.push(id);
    else after.set(before, [...(after.get(before) ?? []), id]);
  }
  return first.map((id) => stretch(id, signs, after)).filter((line) => line.trim());
}

function stretch(first: string, signs: Map<string, Sign>, after: Map<string, string[]>): string {
  const rest = [first];
  let line = "";
  for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
    line += signs.get(id)?.text ?? "";
    rest.push(...(after.get(id) ?? [])); // oldest first, so that the newest is taken first
  }
  return line;
}
