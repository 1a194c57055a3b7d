/** A copy that differs from the server's: what the editor's binding took out of it, and words that come in a strange order. */

import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { isBroken, mend, rootOf } from "../src/editor/structure";
import * as wire from "../src/editor/wire";
import { paragraph, until } from "./server";
import { BINDING, live, server } from "./tab";

test.each([
  ["bulletList", "<bulletlist><listitem><paragraph></paragraph></listitem></bulletlist>"],
  ["taskItem", "<taskitem><paragraph></paragraph></taskitem>"],
  ["table", "<table><tablerow><tablecell><paragraph></paragraph></tablecell></tablerow></table>"],
  ["blockquote", "<blockquote><paragraph></paragraph></blockquote>"],
])("a %s that lost all it held is given what it needs", (name, whole) => {
  const doc = new Y.Doc();
  rootOf(doc).push([new Y.XmlElement(name)]);
  expect(isBroken(doc)).toBe(true);
  mend(doc);
  expect(isBroken(doc)).toBe(false);
  expect(rootOf(doc).toString()).toBe(whole);
});

/** A page whose editor has hidden a list that two people emptied together; the list lives on the server. */
async function hidden() {
  server.write((root) => {
    const list = new Y.XmlElement("bulletList");
    list.insert(0, [new Y.XmlElement("listItem")]);
    root.insert(0, [list]);
    paragraph(root, "beside");
  });
  server.write((root) => listOf(root).delete(0, 1));
  const ada = await live();
  const root = rootOf(ada.provider.doc);
  ada.provider.guard(() => ada.provider.doc.transact(() => root.delete(0, 1), BINDING));
  return ada;
}

const listOf = (root: Y.XmlFragment) => root.get(0) as Y.XmlElement;

function item(text: string): Y.XmlElement {
  const [made, words] = [new Y.XmlElement("listItem"), new Y.XmlElement("paragraph")];
  words.insert(0, [new Y.XmlText(text)]);
  made.insert(0, [words]);
  return made;
}

/** Somebody else's words come that this page has to show; what was sent before them has come too. */
async function hear(ada: Awaited<ReturnType<typeof live>>) {
  server.write((root) => paragraph(root, "the last"));
  await until(() => ada.text().includes("the last"));
}

/** Somebody who sends several changes as one message. */
function atOnce(...changes: ((root: Y.XmlFragment) => void)[]) {
  const theirs = new Y.Doc();
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(server.doc));
  const made: Uint8Array[] = [];
  theirs.on("update", (update: Uint8Array) => made.push(update));
  for (const change of changes) theirs.transact(() => change(rootOf(theirs)));
  const update = Y.mergeUpdates(made);
  Y.applyUpdate(server.doc, update);
  server.last.say(wire.update(update));
}

test("words that somebody writes into a block that only this copy lost open the document anew", async () => {
  const ada = await hidden();
  server.write((root) => listOf(root).insert(0, [item("not to be missed")])); // beside the item that is gone
  await hear(ada);
  expect(ada.mismatches).toBe(1);
  expect(ada.text()).not.toContain("not to be missed");
});

test("so do words in a block that never held anything: they name it as their parent", async () => {
  server.write((root) => root.insert(0, [new Y.XmlElement("bulletList")]));
  const ada = await live();
  const root = rootOf(ada.provider.doc);
  ada.provider.guard(() => ada.provider.doc.transact(() => root.delete(0, 1), BINDING));
  server.write((theirs) => listOf(theirs).insert(0, [item("not to be missed")]));
  await hear(ada);
  expect(ada.mismatches).toBe(1);
});

test("so do words beside others that came and went unseen", async () => {
  const ada = await hidden();
  atOnce(
    (root) => listOf(root).insert(0, [item("one"), item("two")]),
    (root) => listOf(root).delete(0, 2),
  );
  await hear(ada);
  expect(ada.mismatches).toBe(0);
  server.write((root) => listOf(root).insert(0, [item("not to be missed")]));
  await hear(ada);
  expect(ada.mismatches).toBe(1);
});

test.each<[string, ...((root: Y.XmlFragment) => void)[]]>([
  ["words", (root) => paragraph(root, "elsewhere")],
  ["words right after it", (root) => root.insert(1, [new Y.XmlElement("paragraph")])],
  [
    "words that are deleted at once",
    (root) => paragraph(root, "elsewhere").insert(9, "!"),
    (root) => ((root.get(2) as Y.XmlElement).get(0) as Y.XmlText).delete(3, 7),
    (root) => root.delete(2, 1),
  ],
  [
    "an attribute that is set twice",
    (root) => (root.get(1) as Y.XmlElement).setAttribute("align", "left"),
    (root) => (root.get(1) as Y.XmlElement).setAttribute("align", "right"),
  ],
  [
    "an attribute of the block itself that is set twice",
    (root) => listOf(root).setAttribute("id", "a"),
    (root) => listOf(root).setAttribute("id", "b"),
  ],
])("elsewhere %s do not", async (_what, ...changes) => {
  const ada = await hidden();
  atOnce(...changes);
  await hear(ada);
  expect(ada.mismatches).toBe(0);
});

test("words of two tabs that are gone are sent in the order in which they were written, also after a reconnect", async () => {
  const before = Y.encodeStateAsUpdate(server.doc);
  server.commits = false;
  const first = await live();
  first.type("first");
  await first.stored();
  first.leave();
  const second = await live(); // it takes over what the first left, and writes after it
  (rootOf(second.provider.doc).firstChild as Y.XmlElement).insert(1, [new Y.XmlText(" and second")]);
  await second.stored();
  second.leave();
  const third = await live();
  third.provider.pause();
  third.provider.reconnect();
  await until(() => server.last.updates.length > 0);
  const told = new Y.Doc();
  Y.applyUpdate(told, before);
  for (const update of server.last.updates) {
    Y.applyUpdate(told, update);
    expect(told.store.pendingStructs).toBeNull();
  }
  expect(rootOf(told).toString()).toContain("first and second");
  const orders = third.outbox.entries.map(({ order }) => order ?? Infinity);
  expect(orders).toEqual([...orders].sort((one, other) => one - other));
  expect(third.refusals).toEqual([]);
});
