/** A paste that the server would refuse changes nothing; a large one that it takes goes through in one update. */

import { Editor } from "@tiptap/core";
import { Fragment, Slice } from "@tiptap/pm/model";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as Y from "yjs";
import { moveBlock } from "../src/editor/drag";
import { extensions } from "../src/editor/extensions";
import { bytesOf, type Excess, type Room, Size } from "../src/editor/size";
import { rootOf } from "../src/editor/structure";
import { paragraph } from "./server";

let editor: Editor;
let doc: Y.Doc;
let room: Room;
let refused: Excess[];
let updates: Uint8Array[];

beforeEach(() => {
  doc = new Y.Doc();
  room = { bytes: 256 * 1024, blocks: 50 };
  refused = [];
  updates = [];
  paragraph(rootOf(doc), "first", "a");
  paragraph(rootOf(doc), "second", "b");
  const kit = extensions({ fragment: rootOf(doc), placeholder: "", taskLabel: () => "" }).filter(({ name }) => name !== "size");
  editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: [...kit, Size.configure({ room: () => room, refused: (why) => refused.push(why) })],
  });
  doc.on("update", (update: Uint8Array) => updates.push(update));
});
afterEach(() => editor.destroy());

function paste(lines: string[]): void {
  const { schema } = editor;
  const content = Fragment.from(lines.map((line) => schema.node("paragraph", null, line ? schema.text(line) : undefined)));
  editor.view.dispatch(editor.state.tr.replaceSelection(new Slice(content, 1, 1)).setMeta("uiEvent", "paste"));
}

test.each([
  ["Latin", "x".repeat(300_000)],
  ["Chinese", "悟".repeat(90_000)],
  ["emoji", "🐒".repeat(66_000)],
])("%s text of more than a message is refused, and the document stays", async (_name, text) => {
  const before = rootOf(doc).toString();
  paste([text]);
  await Promise.resolve();
  expect(refused).toEqual(["bytes"]);
  expect(rootOf(doc).toString()).toBe(before);
  expect(updates).toEqual([]);
});

test.each([
  ["Latin", ["x".repeat(250_000)]],
  ["Chinese", ["悟".repeat(80_000)]],
  ["many short lines", Array.from({ length: 45 }, (_, at) => `line ${at}`)],
])("%s text that just fits is taken, in one update within the limit", async (_name, lines) => {
  paste(lines);
  await Promise.resolve();
  expect(refused).toEqual([]);
  expect(updates).toHaveLength(1);
  expect(updates[0]?.length).toBeLessThanOrEqual(256 * 1024);
});

test("the size that is foretold is not below the size that comes", () => {
  room = { bytes: 1e9, blocks: 1e9 };
  const lines = Array.from({ length: 2000 }, (_, at) => `line ${at} with some words`);
  const { schema } = editor;
  const content = Fragment.from(lines.map((line) => schema.node("paragraph", null, schema.text(line))));
  paste(lines);
  expect(bytesOf(content)).toBeGreaterThan(updates[0]?.length ?? Infinity);
  expect(bytesOf(content)).toBeLessThan((updates[0]?.length ?? 0) * 1.3);
});

test("more blocks than a document holds are refused; typing in a full one goes on", async () => {
  paste(Array.from({ length: 60 }, () => "line"));
  await Promise.resolve();
  expect(refused).toEqual(["blocks"]);
  expect(editor.state.doc.childCount).toBe(2);
  room.blocks = 2;
  editor.commands.insertContent("typed");
  expect(editor.getText()).toContain("typed");
  editor.commands.splitBlock();
  expect(editor.state.doc.childCount).toBe(2);
  moveBlock(editor.view, 0, editor.state.doc.content.size);
  expect(editor.getText().indexOf("second")).toBeLessThan(editor.getText().indexOf("first"));
});

test("a block that is too large to be inserted anew is not moved", async () => {
  room.bytes = 1e9;
  paste(["y".repeat(20_000)]);
  room.bytes = 10_000;
  updates = [];
  expect(moveBlock(editor.view, 0, editor.state.doc.content.size)).toBe(false);
  await Promise.resolve();
  expect(refused).toEqual(["bytes"]);
  expect(updates).toEqual([]);
});

test("what others write is shown whatever its size", () => {
  room = { bytes: 10, blocks: 1 };
  const theirs = new Y.Doc();
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(doc));
  paragraph(rootOf(theirs), "z".repeat(5000), "z");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(theirs), "remote");
  expect(editor.getText()).toContain("zzzz");
});
