import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import type * as Y from "yjs";
import { markCut, type Range } from "../src/editor/hint";
import { paragraph, until } from "./server";
import { BINDING, live, server } from "./tab";

const CUT: Range[] = [[7, 0, 12], [8, 3, 1]];

/** Paste words that were cut: a transaction of the editor with its mark. */
function paste(doc: Y.Doc, text: string, ranges: Range[] | null): void {
  doc.transact((transaction) => {
    paragraph(doc.getXmlFragment("default"), text);
    if (ranges) markCut(transaction, ranges);
  }, BINDING);
}

/** What the server was told, in order: the letters of updates, and the ranges of cuts. */
function told(): string[] {
  return server.last.sent.flatMap((message) => {
    if (message.kind === "update") return [/[A-Z]/g.exec(new TextDecoder().decode(message.update))?.[0] ?? "?"];
    return message.kind === "control" ? [JSON.stringify(message.body)] : [];
  });
}

const SAID = JSON.stringify({ type: "cut", ranges: CUT });

test("the cut of a paste is said right before its update, and the update holds nothing else", async () => {
  const ada = await live();
  server.acks = false;
  paste(ada.provider.doc, "A", null);
  paste(ada.provider.doc, "B", null);
  paste(ada.provider.doc, "C", CUT);
  paste(ada.provider.doc, "D", null);
  await until(() => server.last.updates.length === 3);
  expect(told()).toEqual(["A", SAID, "C", "D"]);
});

test("it is said again after a reconnect, and by the tab that takes over after a reload", async () => {
  const ada = await live();
  server.commits = false;
  paste(ada.provider.doc, "C", CUT);
  await until(() => server.last.updates.length === 1);
  const first = server.last;
  first.drop();
  await until(() => server.last !== first && server.last.updates.length === 1);
  expect(told()).toEqual([SAID, "C"]);
  await Promise.all(ada.outbox.entries.map(({ stored }) => stored));
  ada.leave();
  server.commits = true;
  const again = await live();
  await until(() => again.provider.isSaved && server.last.updates.length === 1);
  expect(told()).toEqual([SAID, "C"]);
});
