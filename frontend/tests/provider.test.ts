import "fake-indexeddb/auto";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { forgetEverything } from "../src/editor/outbox";
import { unsavedWords } from "../src/editor/structure";
import * as wire from "../src/editor/wire";
import { paragraph, until } from "./server";
import { BINDING, live, server, tab } from "./tab";

describe("a connection", () => {
  test("asks for our protocol and writes nothing when it opens a document", async () => {
    server.write((root) => paragraph(root, "First words"));
    const ada = await live();
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(server.last.protocols).toEqual(["wukong.v1"]);
    expect(ada.text()).toContain("First words");
    expect(server.last.updates).toHaveLength(0);
    expect(ada.provider.isSaved).toBe(true);
  });

  test("writes under the id that the server issued, and under a new one after each reconnect", async () => {
    const ada = await live();
    ada.type("one");
    await until(() => ada.provider.isSaved);
    server.last.drop(1012);
    await until(() => ada.provider.status === "live" && ada.provider.doc.clientID === 1002);
    ada.type("two");
    await until(() => ada.provider.isSaved);
    const ids = [...server.doc.store.clients.keys()];
    expect(ids.sort()).toEqual([1001, 1002]);
    expect(ada.provider.awareness.clientID).toBe(1002);
  });

  test("shows names that are not ASCII to others, and others' to us", async () => {
    const ada = await live();
    await until(() => server.awareness.getStates().has(1001));
    expect(server.awareness.getStates().get(1001)).toEqual({ user: { name: "悟空 Ada" } });
    const { encodeAwarenessUpdate } = await import("y-protocols/awareness");
    server.awareness.setLocalState({ user: { name: "作家 🐒 é" } });
    server.last.say(wire.awareness(encodeAwarenessUpdate(server.awareness, [server.awareness.clientID])));
    expect(ada.provider.awareness.getStates().get(server.awareness.clientID)).toEqual({ user: { name: "作家 🐒 é" } });
  });

  test("ends when the server says so, and says why", async () => {
    for (const [code, ending] of [[4404, "gone"], [4426, "outdated"]] as const) {
      const ada = await live();
      server.last.drop(code);
      expect(ada.provider.ending).toBe(ending);
      expect(ada.provider.mayWrite).toBe(false);
      ada.leave();
    }
  });

  test("asks by HTTP why it was refused before it opened", async () => {
    server.isUp = false;
    const ada = await tab("ada", async () => 401);
    await until(() => ada.provider.status === "signed_out");
    expect(ada.ends).toBe(1);
  });

  test("does not open a document of a newer schema", async () => {
    server.schema += 1;
    const ada = await tab();
    await until(() => ada.provider.ending === "outdated");
    expect(ada.provider.isSynced).toBe(false);
  });

  test("is given up when nothing is acknowledged, and everything is sent again", async () => {
    const ada = await live();
    server.commits = false;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    ada.type("lost on the way");
    await vi.advanceTimersByTimeAsync(14_500);
    server.commits = true;
    await vi.advanceTimersByTimeAsync(2_000);
    vi.useRealTimers();
    await until(() => ada.provider.isSaved);
    expect(server.doc.getXmlFragment("default").toString()).toContain("lost on the way");
  });
});

describe("acknowledgements", () => {
  test("alone make a change saved, in the order in which it was sent", async () => {
    const ada = await live();
    server.acks = false;
    ada.type("one");
    await until(() => server.last.updates.length === 1);
    ada.type("two");
    await until(() => server.last.updates.length === 2);
    expect(ada.provider.isSaved).toBe(false);
    server.last.tell({ type: "ack", n: 1, seq: 1 });
    expect(ada.outbox.entries).toHaveLength(1);
    server.last.tell({ type: "ack", n: 2, seq: 2 });
    expect(ada.provider.isSaved).toBe(true);
  });

  test("of an earlier connection do not count for the next one", async () => {
    const ada = await live();
    server.acks = false;
    server.commits = false;
    ada.type("one");
    await until(() => server.last.updates.length === 1);
    const first = server.last;
    first.drop();
    await until(() => server.last !== first && server.last.updates.length === 1);
    first.isOpen = true;
    first.tell({ type: "ack", n: 1, seq: 1 });
    expect(ada.provider.isSaved).toBe(false);
  });

  test("that were lost with the connection come after the change was sent again", async () => {
    const ada = await live();
    server.acks = false;
    ada.type("said twice");
    await until(() => server.last.updates.length === 1);
    server.acks = true;
    server.last.drop();
    await until(() => ada.provider.isSaved);
    expect(server.doc.getXmlFragment("default").toString().match(/said twice/g)).toHaveLength(1);
  });
});

describe("words written without a connection", () => {
  test("are sent when it is back, merged with what others wrote meanwhile", async () => {
    const ada = await live();
    server.stop();
    ada.type("written offline");
    server.isUp = true;
    server.write((root) => paragraph(root, "written by Bob"));
    ada.provider.reconnect();
    await until(() => ada.provider.isSaved && ada.text().includes("Bob"));
    const text = server.doc.getXmlFragment("default").toString();
    expect(text).toContain("written offline");
    expect(text).toContain("written by Bob");
  });

  test("go out in few messages, however many keys were pressed", async () => {
    const ada = await live();
    server.stop();
    ada.type("x");
    const text = (ada.provider.doc.getXmlFragment("default").get(0) as Y.XmlElement).get(0) as Y.XmlText;
    for (let n = 0; n < 500; n += 1) text.insert(0, "y");
    expect(ada.outbox.entries).toHaveLength(501);
    server.isUp = true;
    ada.provider.reconnect();
    await until(() => ada.provider.isSaved);
    expect(server.last.updates.length).toBeLessThan(5);
  });

  test("survive a reload", async () => {
    const ada = await live();
    server.stop();
    ada.type("before the reload");
    await Promise.all(ada.outbox.entries.map((entry) => entry.stored));
    ada.leave();
    server.isUp = true;
    const again = await live();
    expect(again.text()).toContain("before the reload");
    await until(() => again.provider.isSaved);
    expect(server.doc.getXmlFragment("default").toString()).toContain("before the reload");
    const third = await live();
    expect(third.outbox.entries).toHaveLength(0);
    expect(third.text().match(/before the reload/g)).toHaveLength(1);
  });

  test("survive a reload by the same person only", async () => {
    const ada = await live("ada");
    server.stop();
    ada.type("Ada's words");
    await Promise.all(ada.outbox.entries.map((entry) => entry.stored));
    ada.leave();
    server.isUp = true;
    const bob = await live("bob");
    expect(bob.text()).not.toContain("Ada's words");
  });

  test("are not taken by another tab while their own is open, and are when it has closed", async () => {
    const first = await live();
    server.stop();
    first.type("of the first tab");
    await Promise.all(first.outbox.entries.map((entry) => entry.stored));
    server.isUp = true;
    const second = await live();
    expect(second.text()).not.toContain("of the first tab");
    expect(second.outbox.entries).toHaveLength(0);
    first.leave();
    await until(() => server.doc.getXmlFragment("default").toString().includes("of the first tab"));
    await until(() => second.provider.isSaved);
  });

  test("are forgotten when the person signs out", async () => {
    const ada = await live();
    server.stop();
    ada.type("secret");
    await Promise.all(ada.outbox.entries.map((entry) => entry.stored));
    ada.leave();
    await forgetEverything();
    server.isUp = true;
    expect((await live()).text()).not.toContain("secret");
  });

  test("count as edits, not as keys", async () => {
    const ada = await live();
    server.stop();
    for (const word of ["one", "two", "three"]) ada.type(word);
    expect(ada.outbox.entries).toHaveLength(3);
    expect(ada.outbox.edits).toBe(1);
  });
});

describe("a refusal", () => {
  test("is told with the server's reason", async () => {
    const ada = await live();
    server.commits = false;
    ada.type("too bold");
    await until(() => server.last.updates.length === 1);
    server.last.tell({ type: "rejected", n: 1, code: "forbidden", message: "Not here." });
    expect(ada.refusals).toEqual(["Not here."]);
    expect(unsavedWords(ada.provider.doc, ada.outbox.entries.map(({ update }) => update))).toBe("too bold");
  });

  test("of a document that is full says so, and is not sent again", async () => {
    const ada = await live();
    server.commits = false;
    ada.type("one too many");
    await until(() => server.last.updates.length === 1);
    server.last.tell({ type: "rejected", n: 1, code: "full", message: "" });
    expect(ada.codes).toEqual(["full"]);
    expect(server.sockets).toHaveLength(1);
    expect(ada.outbox.entries).toHaveLength(1); // its author's, until the page has kept the words
  });

  test("of words that are too many for one message waits for what was sent before them", async () => {
    const ada = await live();
    server.acks = false;
    ada.type("on their way");
    await until(() => server.last.updates.length === 1);
    ada.type("x".repeat(1 << 20));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ada.refusals).toEqual([]);
    server.last.tell({ type: "ack", n: 1, seq: 1 });
    await until(() => ada.refusals.length === 1);
    expect(unsavedWords(ada.provider.doc, ada.outbox.entries.map(({ update }) => update))).not.toContain("on their way");
    expect(ada.outbox.entries).toHaveLength(1);
  });

  test("of words that are too many does not keep the page from missing the answer to those before them", async () => {
    const ada = await live();
    server.acks = false;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    ada.type("small");
    ada.type("x".repeat(1 << 20));
    vi.advanceTimersByTime(100);
    expect(server.last.updates).toHaveLength(1);
    vi.advanceTimersByTime(15_100);
    expect(ada.provider.status).toBe("offline");
    vi.useRealTimers();
  });

  test("is not made good by an acknowledgement of what came after it", async () => {
    const ada = await live();
    server.commits = false;
    ada.type("refused");
    await until(() => server.last.updates.length === 1);
    server.last.tell({ type: "rejected", n: 1, code: "forbidden", message: "Not here." });
    server.last.tell({ type: "ack", n: 2, seq: 2 });
    expect(ada.outbox.entries).toHaveLength(1);
  });

  test("for a gap comes only after everything was sent once more", async () => {
    const ada = await live();
    server.commits = false;
    ada.type("leans on nothing");
    await until(() => server.last.updates.length === 1);
    server.last.tell({ type: "rejected", n: 1, code: "gap", message: "Gap." });
    expect(ada.refusals).toEqual([]);
    const first = server.last;
    await until(() => server.last !== first && server.last.updates.length === 1);
    server.last.tell({ type: "rejected", n: 1, code: "gap", message: "Gap." });
    expect(ada.refusals).toEqual(["Gap."]);
  });

  test("meets words that wait when the role is taken away", async () => {
    const ada = await live();
    server.stop();
    ada.type("too late");
    server.isUp = true;
    server.role = "viewer";
    ada.provider.reconnect();
    await until(() => ada.refusals.length === 1);
    expect(server.last.updates).toHaveLength(0);
  });

  test("closes the socket for bytes that nobody takes", async () => {
    for (const code of [4400, 4413]) {
      const ada = await live();
      server.commits = false;
      ada.type("poison");
      await until(() => server.last.updates.length === 1);
      server.last.drop(code);
      expect(ada.refusals).toEqual([""]);
      ada.leave();
      await forgetEverything();
    }
  });

  test("leaves the role live: it may come back", async () => {
    const ada = await live();
    server.last.tell({ type: "role", role: "viewer" });
    expect(ada.provider.mayWrite).toBe(false);
    server.last.tell({ type: "role", role: "editor" });
    expect(ada.provider.mayWrite).toBe(true);
  });
});

test("others' words wait while an input method composes, and come in when it is done", async () => {
  const ada = await live();
  ada.provider.hold();
  server.write((root) => paragraph(root, "meanwhile"));
  expect(ada.text()).not.toContain("meanwhile");
  ada.type("悟空");
  await until(() => ada.provider.isSaved);
  ada.provider.release();
  expect(ada.text()).toContain("meanwhile");
  expect(ada.text()).toContain("悟空");
});

test("a composition that follows the last one at once keeps others' words waiting", async () => {
  const ada = await live();
  ada.provider.hold();
  ada.provider.hold(20);
  ada.provider.hold();
  server.write((root) => paragraph(root, "meanwhile"));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(ada.text()).not.toContain("meanwhile");
  ada.provider.hold(20);
  await until(() => ada.text().includes("meanwhile"));
});

test.each([["editor", 1], ["viewer", 0]])("what has to be mended so that it can be shown is sent by whoever may write: %s, %i times", async (role, times) => {
  server.role = role;
  const ada = await live();
  ada.provider.repair(() => ada.type(""));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(server.last.updates).toHaveLength(times);
  expect(ada.provider.isSaved).toBe(true);
  expect(ada.text()).toContain("paragraph");
});

test("what the editor's binding deletes while it shows other people's words is not sent", async () => {
  server.write((root) => paragraph(root, "words that a binding cannot show"));
  const ada = await live();
  const root = ada.provider.doc.getXmlFragment("default");
  ada.provider.guard(() => ada.provider.doc.transact(() => root.delete(0, 1), BINDING));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(ada.mismatches).toBe(1);
  expect(ada.provider.isSaved).toBe(true);
  expect(server.doc.getXmlFragment("default").toString()).toContain("cannot show");
});

test.each([["editor", 1], ["viewer", 0]])("marks that two people set at once and Yjs tidies are sent by whoever may write: %s, %i times", async (role, times) => {
  server.write((root) => paragraph(root, "words"));
  server.role = role;
  const ada = await live();
  const bold = [1, 2].map((id) => {
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(server.doc));
    doc.clientID = id;
    const words = (doc.getXmlFragment("default").get(0) as Y.XmlElement).get(0) as Y.XmlText;
    words.format(0, 5, { bold: {} });
    return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(server.doc));
  });
  for (const update of bold) server.last.say(wire.update(update));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(ada.text()).toContain("<bold>words</bold>");
  expect(server.last.updates).toHaveLength(times);
  expect(ada.outbox.entries).toEqual([]);
  server.last.drop(1012);
  await until(() => ada.provider.status === "live" && server.sockets.length === 2);
  expect(ada.refusals).toEqual([]);
});
