/** A copy that differs from the server's: what the editor's binding took out of it, and words that come in a strange order. */

import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { isBroken, mend, rootOf } from "../src/editor/structure";
import { until } from "./server";
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
  server.write((root) => root.insert(0, [new Y.XmlElement("bulletList")]));
  const ada = await live();
  const root = rootOf(ada.provider.doc);
  ada.provider.guard(() => ada.provider.doc.transact(() => root.delete(0, 1), BINDING));
  return ada;
}

test("words that somebody writes into a block that only this copy lost open the document anew", async () => {
  const ada = await hidden();
  server.write((root) => {
    const [item, words] = [new Y.XmlElement("listItem"), new Y.XmlElement("paragraph")];
    words.insert(0, [new Y.XmlText("not to be missed")]);
    item.insert(0, [words]);
    (root.get(0) as Y.XmlElement).insert(0, [item]);
  });
  await until(() => ada.mismatches === 1);
  expect(ada.text()).not.toContain("not to be missed");
});

test("words that somebody writes elsewhere do not", async () => {
  const ada = await hidden();
  server.write((root) => {
    const words = new Y.XmlElement("paragraph");
    words.insert(0, [new Y.XmlText("elsewhere")]);
    root.push([words]);
  });
  await until(() => ada.text().includes("elsewhere"));
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
  expect(third.outbox.entries.map(({ order }) => order)).toEqual([...third.outbox.entries.map(({ order }) => order)].sort());
  expect(third.refusals).toEqual([]);
});
