import { Editor } from "@tiptap/core";
import { afterEach, expect, test } from "vitest";
import * as Y from "yjs";
import { extensions } from "../src/editor/extensions";
import { rootOf } from "../src/editor/structure";
import { paragraph } from "./server";

let editors: Editor[] = [];
afterEach(() => {
  for (const editor of editors) editor.destroy();
  editors = [];
});

/** Two people in one document: we have the editor, the other one writes into `theirs`. */
function together(): { editor: Editor; doc: Y.Doc; theirs: Y.Doc } {
  const [doc, theirs] = [new Y.Doc(), new Y.Doc()];
  paragraph(rootOf(theirs), "before", "p");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(theirs), "remote");
  const editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: rootOf(doc), placeholder: "", taskLabel: () => "" }),
  });
  editors.push(editor);
  doc.on("update", (update: Uint8Array, origin: unknown) => origin !== "remote" && Y.applyUpdate(theirs, update, "remote"));
  theirs.on("update", (update: Uint8Array, origin: unknown) => origin !== "remote" && Y.applyUpdate(doc, update, "remote"));
  return { editor, doc, theirs };
}

function found(doc: Y.Doc, name: string): Y.XmlElement {
  const [element] = rootOf(doc).createTreeWalker((one) => one instanceof Y.XmlElement && one.nodeName === name);
  if (!(element instanceof Y.XmlElement)) throw new Error(name);
  return element;
}

test.each([
  ["heading", "<h2>ours</h2>"],
  ["listItem", "<ul><li><p>ours</p></li></ul>"],
  ["taskItem", '<ul data-type="taskList"><li data-type="taskItem"><p>ours</p></li></ul>'],
  ["tableCell", "<table><tr><td><p>ours</p></td></tr></table>"],
  ["blockquote", "<blockquote><p>ours</p></blockquote>"],
  ["codeBlock", "<pre><code>ours</code></pre>"],
])("undo of a %s of ours leaves the words that somebody else has put into it", (name, html) => {
  const { editor, theirs } = together();
  editor.commands.insertContentAt(editor.state.doc.content.size, html);
  const place = found(theirs, name);
  const attributes = place.getAttributes();
  const inner = place.get(0) instanceof Y.XmlElement ? (place.get(0) as Y.XmlElement) : place;
  (inner.get(0) as Y.XmlText).insert(0, "THEIRS ");
  editor.commands.undo();
  expect(editor.getText()).toContain("THEIRS");
  expect(editor.getText()).not.toContain("ours");
  expect(rootOf(theirs).toString()).toContain("THEIRS");
  expect(found(theirs, name).getAttributes()).toEqual(attributes);
});

test("undo of a block that nobody else has touched takes it away whole, and redo brings it back", () => {
  const { editor, theirs } = together();
  editor.commands.insertContentAt(editor.state.doc.content.size, "<ul><li><p>one</p><ul><li><p>two</p></li></ul></li></ul>");
  const shown = rootOf(theirs).toString();
  editor.commands.undo();
  expect(rootOf(theirs).toString()).toBe('<paragraph id="p">before</paragraph>');
  editor.commands.redo();
  expect(rootOf(theirs).toString()).toBe(shown);
});

test("undo of an item of ours keeps the list that somebody else has hung below it", () => {
  const { editor, theirs } = together();
  editor.commands.insertContentAt(editor.state.doc.content.size, "<ul><li><p>ours</p></li></ul>");
  const [list, item, below] = ["bulletList", "listItem", "paragraph"].map((name) => new Y.XmlElement(name)) as [Y.XmlElement, Y.XmlElement, Y.XmlElement];
  below.insert(0, [new Y.XmlText("THEIRS")]);
  item.insert(0, [below]);
  list.insert(0, [item]);
  found(theirs, "listItem").push([list]);
  editor.commands.undo();
  expect(editor.getText()).toContain("THEIRS");
  expect(rootOf(theirs).toString()).toContain("THEIRS");
  expect(rootOf(theirs).toString()).not.toContain("ours");
});

test("undo takes back an attribute that somebody else's block did not have before", () => {
  const { editor, theirs } = together();
  const [list, item, words] = ["taskList", "taskItem", "paragraph"].map((name) => new Y.XmlElement(name)) as [Y.XmlElement, Y.XmlElement, Y.XmlElement];
  words.insert(0, [new Y.XmlText("to do")]);
  item.insert(0, [words]);
  list.insert(0, [item]);
  rootOf(theirs).push([list]);
  editor.commands.setTextSelection(editor.state.doc.content.size - 4);
  editor.commands.updateAttributes("taskItem", { checked: true });
  expect(found(theirs, "taskItem").getAttribute("checked")).toBe(true);
  editor.commands.undo();
  expect(found(theirs, "taskItem").getAttribute("checked")).not.toBe(true);
});
