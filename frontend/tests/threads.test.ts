/** What has gone wrong in other editors: each test names the threads whose failure it would show here. */

import { Editor } from "@tiptap/core";
import { afterEach, expect, test } from "vitest";
import * as Y from "yjs";
import { extensions } from "../src/editor/extensions";
import { rootOf } from "../src/editor/structure";
import { paragraph } from "./server";

let editor: Editor | null = null;
afterEach(() => editor?.destroy());

function open(doc: Y.Doc, editable: boolean): Editor {
  editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    editable,
    extensions: extensions({ fragment: rootOf(doc), placeholder: "", taskLabel: () => "" }),
  });
  return editor;
}

// BlockNote #511: an editor that may not be edited deleted the content of the shared document.
test.each([
  ["from the beginning", false],
  ["later", true],
])("BlockNote #511: an editor that is closed to editing %s keeps the document and shows it", async (_name, atFirst) => {
  const doc = new Y.Doc();
  paragraph(rootOf(doc), "First words");
  paragraph(rootOf(doc), "Second words");
  const before = Y.encodeStateAsUpdate(doc);
  const made = open(doc, atFirst);
  made.setEditable(false);
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(Y.encodeStateAsUpdate(doc)).toEqual(before);
  expect(made.getText({ blockSeparator: "|" })).toBe("First words|Second words");

  const other = new Y.Doc(); // somebody else goes on writing
  Y.applyUpdate(other, before);
  paragraph(rootOf(other), "Third words");
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other));
  made.setEditable(true);
  made.setEditable(false);

  expect(made.getText({ blockSeparator: "|" })).toBe("First words|Second words|Third words");
  expect(Y.encodeStateAsUpdate(doc)).toEqual(Y.encodeStateAsUpdate(other));
});
