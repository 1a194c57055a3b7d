/**
 * A database that was put back to an earlier state: nothing of the later copy is merged into it.
 *
 * Threads: duplication after a server was built anew (hocuspocus #84, #344, #509, #592, #725; jupyter-collaboration #594,
 * #595, #621; jupyterlab #14031; jupyverse #532) and generations in the handshake (siphonophore #10).
 */

import "fake-indexeddb/auto";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { looseWords } from "../src/editor/loose";
import { paragraph, until } from "./server";
import { live, server, tab } from "./tab";

/** A copy of what the server holds now, to be put back later. */
function backup(): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(server.doc));
  return doc;
}

const root = (): string => server.doc.getXmlFragment("default").toString();

describe("a copy of another history", () => {
  test.each([
    ["another generation", 2, 5],
    ["fewer rows than were acknowledged", 1, 1],
  ])("sends and merges nothing: %s", async (_name, generation, seq) => {
    server.write((at) => paragraph(at, "Old words"));
    const earlier = backup();
    const ada = await live();
    ada.type("acknowledged later");
    await until(() => ada.provider.isSaved);
    ada.type("and more");
    await until(() => ada.provider.isSaved);
    server.restore(earlier, seq, generation);
    ada.type("not sent yet");
    ada.provider.reconnect();
    await until(() => ada.provider.ending === "restored");

    expect(server.last.sent).toEqual([]);
    expect(root()).not.toContain("later");
    expect(ada.provider.mayWrite).toBe(false);
    expect(ada.outbox.entries).not.toHaveLength(0); // for their author
    ada.provider.reconnect();
    expect(ada.provider.ending).toBe("restored");
  });

  test("that has the same generation and at least as many rows is the same", async () => {
    const ada = await live();
    ada.type("one");
    await until(() => ada.provider.isSaved);
    server.seq += 10; // others wrote
    server.last.drop();
    await until(() => ada.provider.status === "live" && server.sockets.length === 2);
    expect(ada.provider.ending).toBeNull();
  });

  test("is not looked for at a server that says no generation", async () => {
    server.generation = undefined;
    server.seq = 7;
    const ada = await live();
    server.seq = 0;
    server.last.drop();
    await until(() => server.sockets.length === 2 && ada.provider.status === "live");
    expect(ada.provider.ending).toBeNull();
  });

  test.each([
    ["another generation", 2, 5],
    ["fewer rows than were known", 1, 0],
  ])("is found in what a reload left behind, and never sent: %s", async (_name, generation, seq) => {
    server.seq = 3;
    const earlier = backup();
    const ada = await live();
    server.stop();
    ada.type("written in the old history");
    await ada.stored();
    ada.leave();
    server.restore(earlier, seq, generation);
    const again = await live();

    expect(again.text()).not.toContain("old history");
    expect(again.outbox.entries).toEqual([]);
    expect(looseWords(again.old.map(({ update }) => update))).toBe("written in the old history");
    expect(root()).not.toContain("old history");
    again.outbox.done(again.old);
    const third = await live();
    expect(third.old).toEqual([]);
  });

  test("does not keep words of this history from being sent after a reload", async () => {
    server.seq = 3;
    const ada = await live();
    server.stop();
    ada.type("of this history");
    await ada.stored();
    ada.leave();
    server.isUp = true;
    server.seq = 9;
    const again = await live();
    await until(() => again.provider.isSaved);
    expect(root()).toContain("of this history");
  });
});

describe("loose words", () => {
  function typed(change: (text: Y.XmlText) => void): Uint8Array[] {
    const doc = new Y.Doc();
    const text = paragraph(doc.getXmlFragment("default"), "A base that is gone. ");
    const updates: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => updates.push(update));
    doc.clientID += 1;
    change(text);
    return updates;
  }

  test("are read without their document, in the order in which they stood", () => {
    const updates = typed((text) => {
      for (const [at, sign] of [..."悟空 🐒 writes"].entries()) text.insert(21 + [..."悟空 🐒 writes"].slice(0, at).join("").length, sign);
    });
    expect(looseWords(updates)).toBe("悟空 🐒 writes");
  });

  test("hold what was put between them later, and not what was deleted again", () => {
    const updates = typed((text) => {
      text.insert(21, "one three");
      text.insert(25, "two ");
      text.insert(34, "wrong");
      text.delete(34, 5);
      text.delete(0, 5); // of the base
    });
    expect(looseWords(updates)).toBe("one two three");
  });

  test("go on across a mark, and a new block is a new line", () => {
    const updates = typed((text) => {
      text.insert(21, "plain ");
      text.insert(27, "bold", { bold: {} });
      paragraph(text.doc!.getXmlFragment("default"), "Next block");
    });
    expect(looseWords(updates)).toBe("plain bold\nNext block");
  });

  test("come once, however often a change is given", () => {
    const updates = typed((text) => text.insert(21, "once"));
    expect(looseWords([...updates, ...updates])).toBe("once");
  });
});

test("a page of one person takes no document from a session of another", async () => {
  server.user = "bob";
  server.write((at) => paragraph(at, "Words"));
  const ada = await tab("ada");
  await until(() => ada.provider.ending === "stranger");
  expect(server.last.sent).toEqual([]);
  expect(ada.text()).toBe("");
});
