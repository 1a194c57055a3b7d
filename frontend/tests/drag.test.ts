/** A move is one Yjs transaction of delete + insert: nothing else gets new ids, one undo takes it back, peers agree. */

import { Editor } from "@tiptap/core";
import { TextSelection } from "@tiptap/pm/state";
import { afterEach, describe, expect, test } from "vitest";
import { yUndoPluginKey } from "y-prosemirror";
import * as Y from "yjs";
import { type Direction, dropAt, moveBlock, moveBy } from "../src/editor/drag";
import { extensions } from "../src/editor/extensions";
import { rootOf } from "../src/editor/structure";

let editors: Editor[] = [];
afterEach(() => {
  for (const editor of editors) editor.destroy();
  editors = [];
});

interface Page {
  editor: Editor;
  doc: Y.Doc;
  /** Somebody else's copy. */
  theirs: Y.Doc;
  updates: Uint8Array[];
}

function page(html: string, isBound = true): Page {
  const [doc, theirs] = [new Y.Doc(), new Y.Doc()];
  const editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: isBound ? rootOf(doc) : null, placeholder: "", taskLabel: () => "" }),
  });
  editors.push(editor);
  doc.on("update", (update: Uint8Array) => Y.applyUpdate(theirs, update));
  editor.commands.setContent(html);
  if (isBound) yUndoPluginKey.getState(editor.state)?.undoManager.clear();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  return { editor, doc, theirs, updates };
}

function find(editor: Editor, text: string): number {
  let found = -1;
  editor.state.doc.descendants((node, position) => {
    if (node.isText && node.text?.includes(text)) found = position + node.text.indexOf(text);
  });
  if (found < 0) throw new Error(text);
  return found;
}

function caretIn(editor: Editor, text: string, offset = 1): void {
  editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, find(editor, text) + offset)));
}

const lines = (editor: Editor): string => editor.getText({ blockSeparator: "|" });
const shape = (editor: Editor): string => editor.getHTML().replace(/ (id|data-[a-z]+|class|start|style|colspan|rowspan)="[^"]*"/g, "").replace(/<(label|input|span|colgroup|col|div|tbody)[^>]*>|<\/(label|span|colgroup|div|tbody)>/g, ""); // prettier-ignore
const words = (update: Uint8Array): string[] =>
  Y.decodeUpdate(update).structs.flatMap((one) => (one instanceof Y.Item && one.content instanceof Y.ContentString ? [one.content.str] : []));

const FIVE = "<p>alpha</p><p>beta</p><h2>gamma</h2><p>delta</p><p>epsilon</p>";

test("a block that is moved is all that gets new ids, in one update", () => {
  const { editor, doc, theirs, updates } = page(FIVE);
  const ids = rootOf(doc).toArray().map((one) => (one as Y.XmlElement).getAttribute("id"));
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  expect(lines(editor)).toBe("beta|gamma|delta|epsilon|alpha");
  expect(updates).toHaveLength(1);
  expect(words(updates[0]!)).toEqual(["alpha"]);
  const after = rootOf(doc).toArray().map((one) => (one as Y.XmlElement).getAttribute("id"));
  expect(after).toEqual([...ids.slice(1), ids[0]]);
  expect(rootOf(theirs).toString()).toBe(rootOf(doc).toString());
});

test("undo takes a move back in one step and leaves what was typed around it", () => {
  const { editor, doc, theirs } = page(FIVE);
  const before = rootOf(doc).toString();
  caretIn(editor, "alpha");
  editor.commands.insertContent("X");
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  caretIn(editor, "beta");
  editor.commands.insertContent("Y");
  editor.commands.undo();
  expect(lines(editor)).toBe("beta|gamma|delta|epsilon|aXlpha");
  editor.commands.undo();
  expect(lines(editor)).toBe("aXlpha|beta|gamma|delta|epsilon");
  editor.commands.redo();
  expect(lines(editor)).toBe("beta|gamma|delta|epsilon|aXlpha");
  editor.commands.undo();
  editor.commands.undo();
  expect(lines(editor)).toBe("alpha|beta|gamma|delta|epsilon");
  expect(rootOf(doc).toString()).toBe(before);
  expect(rootOf(theirs).toString()).toBe(before);
});

test("the caret goes along with its block, and stays in another one", () => {
  const { editor } = page(FIVE);
  caretIn(editor, "beta", 2);
  moveBy(editor.view, "down");
  editor.commands.insertContent("_");
  expect(lines(editor)).toBe("alpha|gamma|be_ta|delta|epsilon");
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  editor.commands.insertContent("_");
  expect(lines(editor)).toBe("gamma|be__ta|delta|epsilon|alpha");
});

test("what somebody else writes beside a moved block stays, and both agree", () => {
  const { editor, doc, theirs } = page(FIVE);
  const vector = Y.encodeStateVector(theirs);
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(theirs, new Uint8Array([0])));
  ((rootOf(other).get(0) as Y.XmlElement).get(0) as Y.XmlText).insert(4, " THEIRS");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, vector));
  expect(lines(editor)).toBe("beta THEIRS|gamma|delta|epsilon|alpha");
});

test("words that come into a block in the moment of its move go with the old one", () => {
  const { editor, doc, theirs } = page(FIVE);
  const late = new Y.Doc();
  Y.applyUpdate(late, Y.encodeStateAsUpdate(doc));
  const first = Y.encodeStateVector(late);
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  ((rootOf(late).get(0) as Y.XmlElement).get(0) as Y.XmlText).insert(5, " LOST");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(late, first));
  expect(lines(editor)).toBe("beta|gamma|delta|epsilon|alpha");
  expect(rootOf(theirs).toString()).toBe(rootOf(doc).toString());
});

const UL = "<p>top</p><ul><li><p>one</p></li><li><p>two</p><ul><li><p>in</p></li><li><p>side</p></li></ul></li></ul><p>end</p>";
const TASKS = '<ul data-type="taskList"><li data-type="taskItem"><p>do</p></li><li data-type="taskItem"><p>done</p></li></ul><p>end</p>';
const TABLE = "<p>a</p><table><tbody><tr><th><p>x</p></th></tr><tr><td><p>y</p></td></tr></tbody></table><p>b</p>";

describe("one place up or down", () => {
  test.each<[string, string, string, Direction, string | null]>([
    ["a paragraph", FIVE, "beta", "up", "<p>beta</p><p>alpha</p><h2>gamma</h2><p>delta</p><p>epsilon</p>"],
    ["a heading", FIVE, "gamma", "down", "<p>alpha</p><p>beta</p><p>delta</p><h2>gamma</h2><p>epsilon</p>"],
    ["the first block", FIVE, "alpha", "up", null],
    ["the last block", FIVE, "epsilon", "down", null],
    ["an item", UL, "one", "down", "<p>top</p><ul><li><p>two</p><ul><li><p>in</p></li><li><p>side</p></li></ul></li><li><p>one</p></li></ul><p>end</p>"],
    ["the first item, out of its list", UL, "one", "up", "<ul><li><p>one</p></li></ul><p>top</p><ul><li><p>two</p><ul><li><p>in</p></li><li><p>side</p></li></ul></li></ul><p>end</p>"],
    ["the last item, out of its list", UL, "two", "down", "<p>top</p><ul><li><p>one</p></li></ul><p>end</p><ul><li><p>two</p><ul><li><p>in</p></li><li><p>side</p></li></ul></li></ul>"],
    ["an inner item", UL, "side", "up", "<p>top</p><ul><li><p>one</p></li><li><p>two</p><ul><li><p>side</p></li><li><p>in</p></li></ul></li></ul><p>end</p>"],
    ["an inner item, out of its item", UL, "in", "up", "<p>top</p><ul><li><p>one</p></li><li><p>in</p></li><li><p>two</p><ul><li><p>side</p></li></ul></li></ul><p>end</p>"],
    ["an inner item, below its item", UL, "side", "down", "<p>top</p><ul><li><p>one</p></li><li><p>two</p><ul><li><p>in</p></li></ul></li><li><p>side</p></li></ul><p>end</p>"],
    ["a list of one item into its neighbour", "<ul><li><p>a</p></li></ul><ol><li><p>x</p></li></ol><ol><li><p>y</p></li></ol>", "y", "up", "<ul><li><p>a</p></li></ul><ol><li><p>x</p></li><li><p>y</p></li></ol>"],
    ["a list of one item over another kind", "<ul><li><p>a</p></li></ul><ol><li><p>x</p></li></ol>", "x", "up", "<ol><li><p>x</p></li></ol><ul><li><p>a</p></li></ul>"],
    ["a task", TASKS, "done", "up", "<ul><li><p>done</p></li><li><p>do</p></li></ul><p>end</p>"],
    ["a whole table, from a cell", TABLE, "y", "up", "<table><tr><th><p>x</p></th></tr><tr><td><p>y</p></td></tr></table><p>a</p><p>b</p>"],
    ["a block over a table", TABLE, "b", "up", "<p>a</p><p>b</p><table><tr><th><p>x</p></th></tr><tr><td><p>y</p></td></tr></table>"],
    ["a block out of a quote", "<p>a</p><blockquote><p>q</p><p>r</p></blockquote>", "q", "up", "<p>a</p><p>q</p><blockquote><p>r</p></blockquote>"],
    ["a quote of one block", "<p>a</p><blockquote><p>q</p></blockquote>", "q", "up", "<blockquote><p>q</p></blockquote><p>a</p>"],
    ["code", "<p>a</p><pre><code>x = 1</code></pre>", "x =", "up", "<pre><code>x = 1</code></pre><p>a</p>"],
  ])("%s", (_name, html, text, direction, wanted) => {
    const { editor, doc, theirs, updates } = page(html);
    const before = shape(editor);
    const original = rootOf(doc).toString();
    caretIn(editor, text);
    expect(moveBy(editor.view, direction)).toBe(wanted !== null);
    expect(shape(editor)).toBe(wanted ?? before);
    expect(updates).toHaveLength(wanted === null ? 0 : 1);
    expect(rootOf(theirs).toString()).toBe(rootOf(doc).toString());
    editor.state.doc.check();
    expect(editor.state.selection.$head.parent.textContent).toContain(text);
    if (wanted === null) return;
    editor.commands.undo();
    expect(rootOf(doc).toString()).toBe(original);
  });

  test("several blocks go together and stay selected", () => {
    const { editor, updates } = page(FIVE);
    editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, find(editor, "beta") + 1, find(editor, "gamma") + 2)));
    moveBy(editor.view, "down");
    expect(lines(editor)).toBe("alpha|delta|beta|gamma|epsilon");
    expect(words(updates[0]!).sort()).toEqual(["beta", "gamma"]);
    const { from, to } = editor.state.selection;
    expect(editor.state.doc.textBetween(from, to, "|")).toBe("eta|ga");
  });

  test("works in an editor that nobody shares", () => {
    const { editor } = page(FIVE, false);
    caretIn(editor, "beta");
    moveBy(editor.view, "up");
    expect(lines(editor)).toBe("beta|alpha|gamma|delta|epsilon");
  });
});

test("selected words that are dropped elsewhere are two small changes of one update", () => {
  const { editor, doc, theirs, updates } = page("<p>one two three</p><p>middle stays</p><p>four five</p>");
  const before = rootOf(doc).toString();
  const from = find(editor, "two");
  editor.view.dispatch(editor.state.tr.setSelection(TextSelection.create(editor.state.doc, from, from + 4)));
  const { selection } = editor.state;
  dropAt(editor.view, selection.content(), selection, find(editor, "five"), (tr) => tr.deleteSelection());
  expect(lines(editor)).toBe("one three|middle stays|four two five");
  expect(updates).toHaveLength(1);
  expect(words(updates[0]!)).toEqual(["two "]);
  expect(rootOf(theirs).toString()).toBe(rootOf(doc).toString());
  editor.commands.undo();
  expect(rootOf(doc).toString()).toBe(before);
});

test("an item that is dropped between paragraphs brings a list along", () => {
  const { editor, doc, theirs } = page(UL);
  const item = editor.state.doc.resolve(find(editor, "one")).before(2);
  const node = editor.state.doc.nodeAt(item)!;
  const span = { from: item, to: item + node.nodeSize };
  dropAt(editor.view, editor.state.doc.slice(span.from, span.to), span, editor.state.doc.content.size, (tr) => tr.delete(span.from, span.to));
  expect(shape(editor)).toContain("<p>end</p><ul><li><p>one</p></li></ul>");
  expect(rootOf(theirs).toString()).toBe(rootOf(doc).toString());
  editor.state.doc.check();
});
