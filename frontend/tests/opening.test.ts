import { Editor } from "@tiptap/core";
import * as bound from "@tiptap/y-tiptap";
import { afterEach, expect, test } from "vitest";
import * as fast from "y-prosemirror";
import * as Y from "yjs";
import { extensions } from "../src/editor/extensions";
import { isBroken, mend, rootOf, unknownIn } from "../src/editor/structure";
import { paragraph } from "./server";

let editors: Editor[] = [];
afterEach(() => {
  for (const editor of editors) editor.destroy();
  editors = [];
});

function element(name: string, attributes: Record<string, unknown>, ...children: (Y.XmlElement | Y.XmlText)[]): Y.XmlElement {
  const made = new Y.XmlElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value as string);
  made.insert(0, children);
  return made;
}

function open(doc: Y.Doc): { editor: Editor; updates: number[] } {
  const updates: number[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update.length));
  const editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: rootOf(doc), placeholder: "", taskLabel: () => "" }),
  });
  editors.push(editor);
  return { editor, updates };
}

const cell = (text: string): Y.XmlElement => element("tableCell", {}, element("paragraph", {}, new Y.XmlText(text)));

test("the editor is bound by y-prosemirror, and there is one copy of it", () => {
  expect(bound.ySyncPluginKey).toBe(fast.ySyncPluginKey);
});

test("opening a document writes nothing, whatever an editor would like to repair", async () => {
  const doc = new Y.Doc();
  rootOf(doc).push([
    element("heading", { level: 2 }, new Y.XmlText("No id, see https://example.com now")),
    element("paragraph", { id: "twice" }, new Y.XmlText("https://example.com ")),
    element("paragraph", { id: "twice" }, new Y.XmlText("the same id")),
    element("table", { id: "t" }, element("tableRow", {}, cell("a"), cell("b")), element("tableRow", {}, cell("ragged"))),
    element("codeBlock", { id: "c" }, new Y.XmlText("no paragraph at the end")),
  ]);
  const before = Y.encodeStateAsUpdate(doc);
  const shown = rootOf(doc).toString();
  const { editor, updates } = open(doc);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(updates).toEqual([]);
  expect(Y.encodeStateAsUpdate(doc)).toEqual(before);
  // A repair that only the editor's own copy has would go out with the first key.
  editor.commands.insertContentAt(editor.state.doc.content.size - 1, "!");
  expect(rootOf(doc).toString()).toBe(shown.replace("at the end", "at the end!"));
});

test("opening an empty document writes nothing, and the first key gives its paragraph an id", () => {
  const doc = new Y.Doc();
  const { editor, updates } = open(doc);
  expect(updates).toEqual([]);
  editor.commands.insertContent("a");
  const first = rootOf(doc).get(0) as Y.XmlElement;
  expect(first.getAttribute("id")).toMatch(/^[a-z0-9]{12}$/);
});

test("other people's words are answered with no words of ours", () => {
  const doc = new Y.Doc();
  const other = new Y.Doc();
  const words = paragraph(rootOf(other), "see ", "p");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other), "remote");
  const { editor, updates } = open(doc);
  other.on("update", (update: Uint8Array) => Y.applyUpdate(doc, update, "remote"));
  const before = updates.length;
  words.insert(4, "https://example.com is a place ");
  rootOf(other).push([element("table", { id: "t" }, element("tableRow", {}, cell("a"), cell("b")), element("tableRow", {}, cell("c")))]);
  expect(updates.length - before).toBe(2);
  expect(Y.encodeStateVector(doc)).toEqual(Y.encodeStateVector(other));
  const shown = rootOf(other).toString();
  editor.commands.insertContentAt(1, "I ");
  expect(rootOf(doc).toString()).toBe(shown.replace("see", "I see"));
});

test("undo takes back our own words alone", () => {
  const doc = new Y.Doc();
  const other = new Y.Doc();
  paragraph(rootOf(other), "theirs", "p");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other), "remote");
  const { editor } = open(doc);
  editor.commands.insertContentAt(1, "ours ");
  doc.on("update", (update: Uint8Array, origin: unknown) => origin !== "remote" && Y.applyUpdate(other, update, "remote"));
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc), "remote");
  const before = Y.encodeStateVector(other);
  ((rootOf(other).get(0) as Y.XmlElement).get(0) as Y.XmlText).insert(11, " and more");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, before), "remote");
  expect(editor.getText()).toBe("ours theirs and more");
  editor.commands.undo();
  expect(editor.getText()).toBe("theirs and more");
  editor.commands.redo();
  expect(editor.getText()).toBe("ours theirs and more");
});

test("a document that holds what this page does not know is recognised before an editor deletes it", () => {
  const strange: [string, Y.XmlElement][] = [
    ["video", element("video", {}, new Y.XmlText("words"))],
    ["paragraph.mood", element("paragraph", { mood: "x" }, new Y.XmlText("words"))],
  ];
  const marked = element("paragraph", {}, new Y.XmlText("words"));
  for (const [name, block] of [...strange, ["shiny", marked] as [string, Y.XmlElement]]) {
    const doc = new Y.Doc();
    rootOf(doc).push([block]);
    if (block === marked) (marked.get(0) as Y.XmlText).format(0, 3, { shiny: {} });
    expect(unknownIn(doc)).toBe(name);
  }
});

test("an item of a list that lost its paragraph is mended, and its words stay", () => {
  const doc = new Y.Doc();
  const inner = element("bulletList", {}, element("listItem", {}, element("paragraph", {}, new Y.XmlText("deep words"))));
  rootOf(doc).push([element("bulletList", {}, element("listItem", {}, inner))]);
  expect(unknownIn(doc)).toBeNull();
  expect(isBroken(doc)).toBe(true);
  mend(doc);
  const { editor } = open(doc);
  expect(editor.getText()).toContain("deep words");
  expect(rootOf(doc).toString()).toContain("deep words");
});

test("typing in a document of two thousand blocks touches the shared document once a key", () => {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (let n = 0; n < 2000; n += 1) paragraph(rootOf(doc), `Block ${n} with some words in it`, `b${n}`);
  });
  const { editor, updates } = open(doc);
  for (let n = 0; n < 10; n += 1) editor.commands.insertContentAt(5, "x");
  expect(updates).toHaveLength(10);
  expect(Math.max(...updates)).toBeLessThan(60);
}, 30_000);
