/** Refuses what the server would refuse for its size, before the document changes: a large paste, drop or move. */

import { Extension } from "@tiptap/core";
import type { Fragment, Node } from "@tiptap/pm/model";
import { Plugin, PluginKey, type Transaction } from "@tiptap/pm/state";
import { updateYFragment } from "y-prosemirror";
import * as Y from "yjs";
import { t } from "../strings";
import { say } from "../ui/toast";
import { isRemote } from "./local";
import { IDENTIFIED } from "./schema";

/** What one message and one document may hold: bytes of an update, and blocks. Undefined: as much as one likes. */
export interface Room {
  bytes?: number | undefined;
  blocks?: number | undefined;
}

export type Excess = "bytes" | "blocks";

export interface SizeOptions {
  /** The server says it when it greets, so it is asked for each time. */
  room: () => Room;
  refused: (why: Excess, room: Room) => void;
}

const BLOCKS = new Set(IDENTIFIED);
/** What an id costs in an update: it comes after the check. */
const ID_BYTES = 40;
/** So much of an update is not its new words: what it deletes, and names of neighbours. */
const MARGIN_BYTES = 4096;
/** No position of a document takes more bytes in an update than this: a letter three, a node with its attributes more. */
const BYTES_PER_POSITION = 64;

export function blocksIn(content: Fragment): number {
  let count = 0;
  content.descendants(({ type, isTextblock }) => {
    if (BLOCKS.has(type.name)) count += 1;
    return !isTextblock;
  });
  return count;
}

/** Return the bytes of an update that inserts this. */
export function bytesOf(content: Fragment): number {
  const doc = new Y.Doc();
  const root = doc.getXmlFragment("size");
  updateYFragment(doc, root, { content } as Node, { mapping: new Map(), isOMark: new Map() });
  const bytes = Y.encodeStateAsUpdate(doc).length;
  doc.destroy();
  return bytes + blocksIn(content) * ID_BYTES;
}

/** Return what of a change there is too much of, null when it fits. */
export function excessOf(tr: Transaction, { bytes = Infinity, blocks = Infinity }: Room): Excess | null {
  const inserted: Fragment[] = [];
  let size = 0;
  tr.mapping.maps.forEach((map, step) => {
    const after = tr.docs[step + 1] ?? tr.doc;
    map.forEach((_from, _to, start, end) => {
      if (end === start) return;
      size += end - start;
      inserted.push(after.slice(start, end).content);
    });
  });
  if (size * BYTES_PER_POSITION > bytes) {
    const sum = inserted.reduce((all, content) => all + bytesOf(content), MARGIN_BYTES);
    if (sum > bytes) return "bytes";
  }
  if (!inserted.some((content) => blocksIn(content) > 0)) return null;
  const after = blocksIn(tr.doc.content);
  return after > blocks && after > blocksIn(tr.before.content) ? "blocks" : null;
}

function tell(why: Excess, { blocks }: Room): void {
  const text = why === "bytes" ? t("editor.paste_bytes") : t("editor.paste_blocks", { n: blocks ?? 0 });
  say("size", text, { icon: "triangle-alert" });
}

export const Size = Extension.create<SizeOptions>({
  name: "size",
  addOptions: () => ({ room: () => ({}), refused: tell }),
  addProseMirrorPlugins() {
    const { room, refused } = this.options;
    return [
      new Plugin({
        key: new PluginKey("size"),
        filterTransaction(tr) {
          if (!tr.docChanged || isRemote(tr)) return true;
          const most = room();
          const why = excessOf(tr, most);
          if (why) queueMicrotask(() => refused(why, most));
          return why === null;
        },
      }),
    ];
  },
});
