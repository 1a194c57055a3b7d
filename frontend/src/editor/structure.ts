/** Looks at the shared document itself, below the editor: what it holds, and what an editor could not show. */

import * as Y from "yjs";
import { attributesOf, MARKS, NODES, ROOT } from "./schema";

export function rootOf(doc: Y.Doc): Y.XmlFragment {
  return doc.getXmlFragment(ROOT);
}

function* elementsIn(parent: Y.XmlFragment): Generator<Y.XmlElement> {
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlElement) {
      yield child;
      yield* elementsIn(child);
    }
  }
}

function textsOf(element: Y.XmlElement): Y.XmlText[] {
  return element.toArray().filter((child) => child instanceof Y.XmlText);
}

/** Return the first name that this page's schema does not have, null when the editor knows everything. */
export function unknownIn(doc: Y.Doc): string | null {
  for (const element of elementsIn(rootOf(doc))) {
    if (!NODES[element.nodeName]) return element.nodeName;
    const known = attributesOf(element.nodeName);
    for (const name of Object.keys(element.getAttributes())) {
      if (!known[name]) return `${element.nodeName}.${name}`;
    }
    for (const text of textsOf(element)) {
      for (const part of text.toDelta() as { attributes?: Record<string, unknown> }[]) {
        for (const mark of Object.keys(part.attributes ?? {})) {
          if (!MARKS[mark]) return mark;
        }
      }
    }
  }
  return null;
}

/** Whether two people's changes together left a block without what it has to begin with: a list without an item, an item
 * without its paragraph. */
export function isBroken(doc: Y.Doc): boolean {
  return [...elementsIn(rootOf(doc))].some((element) => missingIn(element) !== null);
}

/** Return the name of what the element has to begin with and does not. */
function missingIn(element: Y.XmlElement): string | null {
  const node = NODES[element.nodeName];
  if (!node) return null;
  const child = element.get(0);
  if (child instanceof Y.XmlElement) return !node.first || node.first.includes(child.nodeName) ? null : (node.first[0] ?? null);
  if (node.first?.[0]) return node.first[0];
  if (Array.isArray(node.content)) return node.content.at(-1) ?? null;
  return node.content === "blocks" ? "paragraph" : null;
}

/** Give such blocks what they lack, empty, so that the editor shows what they hold instead of deleting it. */
export function mend(doc: Y.Doc): void {
  doc.transact(() => {
    for (const element of [...elementsIn(rootOf(doc))]) {
      let broken: Y.XmlElement | null = element;
      for (let name = missingIn(broken); broken && name; name = broken && missingIn(broken)) {
        const missing: Y.XmlElement = new Y.XmlElement(name);
        broken.insert(0, [missing]);
        broken = missing;
      }
    }
  });
}

/**
 * Return the words of the blocks that the given updates wrote into, as they stand now: what is lost without them.
 *
 * `updates` are changes of this document that the server has not confirmed.
 */
export function unsavedWords(doc: Y.Doc, updates: Uint8Array[]): string {
  const since = new Map<number, number>();
  for (const update of updates) {
    for (const { id } of Y.decodeUpdate(update).structs) {
      since.set(id.client, Math.min(id.clock, since.get(id.client) ?? Infinity));
    }
  }
  const isUnsaved = ({ id, length }: Y.Item): boolean => id.clock + length > (since.get(id.client) ?? Infinity);
  const lines: string[] = [];
  for (const element of elementsIn(rootOf(doc))) {
    const texts = textsOf(element);
    if (texts.some((text) => wordItems(text).some(isUnsaved))) lines.push(texts.map(plain).join(""));
  }
  return lines.filter((line) => line.trim()).join("\n");
}

function wordItems(text: Y.XmlText): Y.Item[] {
  const items: Y.Item[] = [];
  for (let item = text._start; item; item = item.right) {
    if (!item.deleted && item.content instanceof Y.ContentString) items.push(item);
  }
  return items;
}

function plain(text: Y.XmlText): string {
  return (text.toDelta() as { insert: unknown }[]).map(({ insert }) => (typeof insert === "string" ? insert : "\n")).join("");
}
