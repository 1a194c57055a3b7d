/** A paste names the ids of what was cut: of nothing else, and not of words that stand. */

import { Editor } from "@tiptap/core";
import { Slice } from "@tiptap/pm/model";
import { TextSelection } from "@tiptap/pm/state";
import { afterEach, beforeEach, expect, test } from "vitest";
import { yUndoPluginKey } from "y-prosemirror";
import * as Y from "yjs";
import { cutOf, type Range } from "../src/editor/cut";
import { moveBlock } from "../src/editor/drag";
import { extensions } from "../src/editor/extensions";
import { rootOf } from "../src/editor/structure";
import { paragraph } from "./server";

let editor: Editor;
let doc: Y.Doc;
let hints: (Range[] | null)[];

beforeEach(() => {
  doc = new Y.Doc();
  const theirs = new Y.Doc();
  theirs.clientID = 7;
  for (const text of ["The agent wrote this sentence.", "Another paragraph of the agent.", "end"]) paragraph(rootOf(theirs), text, text.slice(0, 3));
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(theirs));
  editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: rootOf(doc), placeholder: "", taskLabel: () => "" }),
  });
  hints = [];
  doc.on("update", (_update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => hints.push(cutOf(transaction)));
});
afterEach(() => editor.destroy());

function find(text: string): number {
  let found = -1;
  editor.state.doc.descendants((node, position) => {
    if (node.isText && node.text?.includes(text)) found = position + node.text.indexOf(text);
  });
  if (found < 0) throw new Error(text);
  return found;
}

function select(text: string): void {
  const from = find(text);
  editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, from, from + text.length)));
}

function cut(text: string): Slice {
  select(text);
  const slice = editor.state.selection.content();
  editor.view.dispatch(editor.state.tr.deleteSelection().setMeta("uiEvent", "cut"));
  return slice;
}

function paste(slice: Slice, at = editor.state.doc.content.size - 1): Range[] | null {
  editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, at)));
  editor.view.dispatch(editor.state.tr.replaceSelection(slice).setMeta("paste", true).setMeta("uiEvent", "paste"));
  return hints.at(-1) ?? null;
}

/** The words of ids, as they were written. */
function textOf(ranges: Range[] | null): string {
  const all = new Y.Doc({ gc: false });
  for (const text of ["The agent wrote this sentence.", "Another paragraph of the agent.", "end"]) {
    all.clientID = 7;
    paragraph(rootOf(all), text, text.slice(0, 3));
  }
  const letters = new Map<number, string>();
  for (const struct of all.store.clients.get(7) ?? []) {
    if (struct instanceof Y.Item && struct.content instanceof Y.ContentString) [...struct.content.str].forEach((letter, at) => letters.set(struct.id.clock + at, letter));
  }
  return (ranges ?? []).map(([client, clock, length]) => (client === 7 ? Array.from({ length }, (_, at) => letters.get(clock + at)).join("") : "?")).join("|");
}

test("what is cut and pasted names the cut", () => {
  const slice = cut("agent wrote ");
  expect(hints).toEqual([null]);
  expect(textOf(paste(slice))).toBe("agent wrote ");
});

test("one letter that is cut and pasted counts, one that is deleted does not", () => {
  expect(textOf(paste(cut("T")))).toBe("T");
  select("w");
  const slice = editor.state.selection.content();
  editor.commands.deleteSelection();
  expect(paste(slice)).toBeNull();
});

test("what is copied, deleted and then pasted names what was deleted", () => {
  select("agent wrote this");
  const slice = editor.state.selection.content();
  editor.commands.deleteSelection();
  expect(textOf(paste(slice))).toBe("agent wrote this");
});

test("a copy names nothing: not of words that stand, not of a cut that stands again", () => {
  select("agent wrote this");
  const slice = editor.state.selection.content();
  expect(paste(slice)).toBeNull();
  const again = cut("Another paragraph");
  expect(paste(again)).not.toBeNull();
  expect(paste(again)).toBeNull();
});

test("a cut that was undone is no cut, one whose paste was undone is one again", () => {
  const slice = cut("agent wrote ");
  editor.commands.undo();
  expect(paste(slice)).toBeNull();
  const other = cut("Another paragraph");
  yUndoPluginKey.getState(editor.state)?.undoManager.stopCapturing(); // half a second passes
  expect(paste(other)).not.toBeNull();
  editor.commands.undo();
  expect(editor.getText()).not.toContain("Another paragraph");
  expect(textOf(paste(other))).toBe("Another paragraph");
});

test("whole blocks that are cut come with all their words, and the latest of equal cuts counts", () => {
  const [from, to] = [1, find("of the agent")];
  editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, from, to)));
  const slice = editor.state.selection.content();
  editor.view.dispatch(editor.state.tr.deleteSelection().setMeta("uiEvent", "cut"));
  const found = textOf(paste(slice));
  expect(found).toContain("The agent wrote this sentence"); // the binding keeps a full stop that both have
  expect(found).toContain("Another paragraph");
});

test("words that were moved are no cut", () => {
  select("The agent wrote this sentence.");
  const slice = editor.state.selection.content();
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  expect(paste(slice, 1)).toBeNull();
});

test("a paste of something else, and what others delete, name nothing", () => {
  const slice = cut("agent wrote ");
  select("Another");
  const other = editor.state.selection.content();
  expect(paste(other)).toBeNull();
  doc.transact(() => rootOf(doc).delete(1, 1), "remote");
  expect(hints.at(-1)).toBeNull();
  expect(slice.size).toBeGreaterThan(0);
});

test("more than 200 pieces are not named", () => {
  const place = (rootOf(doc).get(2) as Y.XmlElement).get(0) as Y.XmlText;
  for (let n = 0; n < 220; n += 1) {
    const one = new Y.Doc();
    one.clientID = 1000 + n;
    Y.applyUpdate(one, Y.encodeStateAsUpdate(doc));
    ((rootOf(one).get(2) as Y.XmlElement).get(0) as Y.XmlText).insert(0, "x");
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(one, Y.encodeStateVector(doc)));
  }
  expect(place.length).toBe(223);
  const text = place.toString();
  expect(paste(cut(text))).toBeNull();
});
