/** Gives every block an id: when it comes to be here, never when a document is opened or somebody else writes. */

import { Extension } from "@tiptap/core";
import { Fragment, type Node, Slice } from "@tiptap/pm/model";
import { Plugin, PluginKey, type Transaction } from "@tiptap/pm/state";
import { isRemote } from "./local";
import { IDENTIFIED, newId } from "./schema";

const BLOCKS = new Set(IDENTIFIED);

interface Place {
  node: Node;
  position: number;
  id: string | null;
}

/** Return from where to where the transactions have changed the document, in positions of the last one. */
function changed(transactions: readonly Transaction[]): { from: number; to: number } | null {
  let [from, to] = [Infinity, -1];
  for (const { mapping } of transactions) {
    for (const map of mapping.maps) {
      if (to >= 0) [from, to] = [map.map(from, -1), map.map(to, 1)];
      map.forEach((_from, _to, start, end) => {
        from = Math.min(from, start);
        to = Math.max(to, end);
      });
    }
  }
  return to < 0 ? null : { from, to };
}

function placesIn(doc: Node, from: number, to: number): Place[] {
  const places: Place[] = [];
  doc.nodesBetween(from, to, (node, position) => {
    if (BLOCKS.has(node.type.name)) places.push({ node, position, id: (node.attrs["id"] as string | null) ?? null });
    return !node.isTextblock;
  });
  return places;
}

/** Return the blocks that need an id: they have none, or another's. Of two halves the one with the words keeps it. */
function needy(doc: Node, { from, to }: { from: number; to: number }): Place[] {
  const places = placesIn(doc, from, to);
  const holders = new Map<string, Place>();
  const found = places.filter(({ id }) => id === null);
  const isWhole = ({ node, position }: Place): boolean => position >= from && position + node.nodeSize <= to;
  if (places.some((place) => place.id !== null && isWhole(place))) {
    const inside = new Set(places.map(({ position }) => position));
    for (const place of placesIn(doc, 0, doc.content.size)) {
      if (place.id !== null && !inside.has(place.position)) holders.set(place.id, place);
    }
  }
  for (const place of places) {
    if (place.id === null) continue;
    const holder = holders.get(place.id);
    if (!holder) holders.set(place.id, place);
    else if (places.includes(holder) && holder.node.content.size === 0 && place.node.content.size > 0) {
      found.push(holder);
      holders.set(place.id, place);
    } else found.push(place);
  }
  return found;
}

/** What comes from a clipboard is a copy: it never brings ids along. */
function renewed(content: Fragment): Fragment {
  const nodes: Node[] = [];
  content.forEach((node) => {
    if (node.isText) nodes.push(node);
    else if (BLOCKS.has(node.type.name)) nodes.push(node.type.create({ ...node.attrs, id: newId() }, renewed(node.content), node.marks));
    else nodes.push(node.copy(renewed(node.content)));
  });
  return Fragment.from(nodes);
}

export const BlockIds = Extension.create({
  name: "blockIds",
  // Before all that looks at what a change has become.
  priority: 10_000,
  addGlobalAttributes() {
    const id = {
      default: null,
      parseHTML: (element: HTMLElement) => element.getAttribute("data-id"),
      renderHTML: (attributes: Record<string, unknown>) => (attributes["id"] ? { "data-id": attributes["id"] as string } : {}),
    };
    return [{ types: IDENTIFIED, attributes: { id } }];
  },
  addProseMirrorPlugins() {
    return [
      new Plugin({
        key: new PluginKey("blockIds"),
        appendTransaction(transactions, _before, { tr, doc, storedMarks }) {
          if (transactions.some(isRemote)) return null;
          const range = changed(transactions);
          if (!range) return null;
          for (const { position } of needy(doc, range)) tr.setNodeAttribute(position, "id", newId());
          return tr.docChanged ? tr.setStoredMarks(storedMarks) : null;
        },
        props: {
          transformPasted: ({ content, openStart, openEnd }) => new Slice(renewed(content), openStart, openEnd),
        },
      }),
    ];
  },
});
