/**
 * Remembers what a person cuts or deletes, so that pasting it says whose words they were.
 *
 * A paste (a transaction whose `uiEvent` is "paste") brings words with new ids. When its text is what was deleted here
 * before, the Yjs transaction carries the ids of the deleted words; the server compares the two texts and decides. Words
 * that are back (undone), or that were pasted already and still stand, are no cut: a copy belongs to who made it.
 */

import { Extension } from "@tiptap/core";
import { Plugin, PluginKey, type Transaction } from "@tiptap/pm/state";
import type { EditorView } from "@tiptap/pm/view";
import { ySyncPluginKey } from "y-prosemirror";
import * as Y from "yjs";
import { markCut, MOST_RANGES, type Range } from "./hint";
import { isRemote } from "./local";

export { cutOf, type Range } from "./hint";

const MOST_CUTS = 50;
/** Text of any length can be cut; what was merely deleted counts from this length on. */
const SHORTEST_DELETED = 4;
/** A cut that is only a part of what is pasted, or the other way round, counts from this length on. */
const SHORTEST_PART = 12;

interface Cut {
  text: string;
  ranges: Range[];
  /** Where it stands since it was pasted. */
  pasted: Range[];
}

interface Change {
  removed: string;
  pasted: string;
}

const NOTHING: Change = { removed: "", pasted: "" };
const cutKey = new PluginKey<Change>("cut");

/** Letters alone: blocks become lines, and white space changes on the way through a clipboard. */
const letters = (text: string): string => text.replace(/\s+/gu, "");

/** What one transaction of the editor takes away and pastes, in the order of the document. */
function changeOf(tr: Transaction): Change {
  if (!tr.docChanged || isRemote(tr)) return NOTHING;
  let [removed, inserted] = ["", ""];
  tr.mapping.maps.forEach((map, step) => {
    const before = tr.docs[step];
    const after = tr.docs[step + 1] ?? tr.doc;
    map.forEach((from, to, start, end) => {
      if (before && to > from) removed += letters(before.textBetween(from, to, "\n", "\n"));
      if (end > start) inserted += letters(after.textBetween(start, end, "\n", "\n"));
    });
  });
  const event: unknown = tr.getMeta("uiEvent");
  if (event === "paste") return { removed, pasted: inserted };
  // Words that were put back in the same change have moved. Single letters are corrections.
  const isCut = event === "cut" || (removed.length >= SHORTEST_DELETED && !inserted.includes(removed));
  return { removed: isCut ? removed : "", pasted: "" };
}

/** The deleted words of a Yjs transaction; none when they are too many to name. */
function deletedText(transaction: Y.Transaction): Range[] {
  const found: Range[] = [];
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) return;
    const { client, clock } = struct.id;
    const last = found.at(-1);
    if (last && last[0] === client && last[1] + last[2] === clock) last[2] += struct.length;
    else found.push([client, clock, struct.length]);
  });
  return found.length > MOST_RANGES ? [] : found;
}

/** What a Yjs transaction has added under our own id. */
function added({ doc, beforeState, afterState }: Y.Transaction): Range[] {
  const [from, to] = [beforeState.get(doc.clientID) ?? 0, afterState.get(doc.clientID) ?? 0];
  return to > from ? [[doc.clientID, from, to - from]] : [];
}

/** Whether any of the words stands in the document, perhaps brought back by undo under another id. */
function isAlive(doc: Y.Doc, ranges: Range[]): boolean {
  return ranges.some(([client, clock, length]) => {
    const structs = doc.store.clients.get(client) ?? [];
    const last = structs.at(-1);
    if (!last || last.id.clock + last.length <= clock) return false;
    for (let at = Y.findIndexSS(structs, clock); at < structs.length; at += 1) {
      const struct = structs[at];
      if (!struct || struct.id.clock >= clock + length) return false;
      if (struct instanceof Y.Item && struct.content instanceof Y.ContentString && stands(doc, struct)) return true;
    }
    return false;
  });
}

function stands(doc: Y.Doc, item: Y.Item): boolean {
  let now: Y.Item | null = item;
  while (now?.redone) {
    const next: unknown = Y.getItem(doc.store, now.redone);
    now = next instanceof Y.Item ? next : null;
  }
  return now !== null && !now.deleted;
}

/** The cuts of one document, as long as its page is open. */
export class Cuts {
  private readonly cuts: Cut[] = [];

  constructor(private readonly doc: Y.Doc) {}

  /** Note what a Yjs transaction of ours did to the words; a paste of something cut is marked for `cutOf`. */
  note(transaction: Y.Transaction, { removed, pasted }: Change): void {
    const cut = pasted ? this.find(pasted) : null;
    if (cut) {
      markCut(transaction, cut.ranges);
      cut.pasted = added(transaction);
    }
    const ranges = removed ? deletedText(transaction) : [];
    if (!ranges.length) return;
    this.cuts.push({ text: removed, ranges, pasted: [] });
    if (this.cuts.length > MOST_CUTS) this.cuts.shift();
  }

  private find(pasted: string): Cut | null {
    return this.cuts.findLast((cut) => fits(cut.text, pasted) && !isAlive(this.doc, [...cut.ranges, ...cut.pasted])) ?? null;
  }
}

function fits(cut: string, pasted: string): boolean {
  if (cut === pasted) return true;
  return (cut.length >= SHORTEST_PART && pasted.includes(cut)) || (pasted.length >= SHORTEST_PART && cut.includes(pasted));
}

/** Follows one editor that is bound to a shared document. */
export const CutHints = Extension.create({
  name: "cutHints",
  addProseMirrorPlugins() {
    return [
      new Plugin<Change>({
        key: cutKey,
        state: {
          init: () => NOTHING,
          apply(tr, before) {
            const change = changeOf(tr);
            if (!tr.getMeta("appendedTransaction")) return change;
            // What plugins add to a change is a part of it.
            return { removed: before.removed + change.removed, pasted: before.pasted + change.pasted };
          },
        },
        view: (view) => follow(view),
      }),
    ];
  },
});

function follow(view: EditorView): { destroy?: () => void } {
  const doc = (ySyncPluginKey.getState(view.state) as { doc: Y.Doc } | undefined)?.doc;
  if (!doc) return {};
  const cuts = new Cuts(doc);
  let last: Change | undefined = NOTHING;
  const noted = (transaction: Y.Transaction): void => {
    const change = transaction.origin === ySyncPluginKey ? cutKey.getState(view.state) : undefined;
    if (!change || change === last) return; // the binding writes by itself too
    last = change;
    if (change.removed || change.pasted) cuts.note(transaction, change);
  };
  doc.on("afterTransaction", noted);
  return { destroy: () => doc.off("afterTransaction", noted) };
}
