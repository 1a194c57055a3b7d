/** Words that an undo brings back stand at one place in every replica, whoever has deleted or written beside them. */

import { afterEach, expect, test } from "vitest";
import * as Y from "yjs";
import { rootOf } from "../src/editor/structure";
import { Undo } from "../src/editor/undo";
import { Dice } from "./authorship/voices";

const STEPS = 40;
/** When Yjs chooses the neighbours, two of these end in replicas that differ and one in an exception. */
const SEEDS = Array.from({ length: 160 }, (_, at) => 6000 + at);

let docs: Y.Doc[] = [];
afterEach(() => {
  for (const doc of docs) doc.destroy();
  docs = [];
});

function made(clientID: number): Y.Doc {
  const doc = new Y.Doc();
  doc.clientID = clientID;
  docs.push(doc);
  return doc;
}

/** Paragraphs come and go, and letters in them. */
function edit(root: Y.XmlFragment, dice: Dice): void {
  const choice = dice.next();
  if (choice < 0.25 || !root.length) {
    const block = new Y.XmlElement("paragraph");
    block.insert(0, [new Y.XmlText("ab")]);
    root.insert(dice.below(root.length + 1), [block]);
  } else if (choice < 0.4) root.delete(dice.below(root.length), 1);
  else {
    const text = (root.get(dice.below(root.length)) as Y.XmlElement).get(0) as Y.XmlText;
    if (dice.next() < 0.6) text.insert(dice.below(text.length + 1), "xy");
    else if (text.length > 1) text.delete(dice.below(text.length - 1), 1);
  }
}

/** What all who have seen it take the document for: the one who undoes, another one, a replay of the log, a new reader. */
function shown(seed: number): string[] {
  const dice = new Dice(seed);
  const [ours, theirs, replay, reader] = [made(1), made(2), made(3), made(4)];
  const undo = new Undo(rootOf(ours));
  undo.trackedOrigins.add("typing");
  undo.captureTimeout = 0;
  const log: Uint8Array[] = [];
  const [forUs, forThem]: [Uint8Array[], Uint8Array[]] = [[], []];
  for (const [doc, queue] of [[ours, forThem], [theirs, forUs]] as const)
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== "told") log.push(update) && queue.push(update);
    });
  const tell = (): void => {
    for (const update of forUs.splice(0)) Y.applyUpdate(ours, update, "told");
    for (const update of forThem.splice(0)) Y.applyUpdate(theirs, update, "told");
  };
  for (let step = 0; step < STEPS; step += 1) {
    const doc = dice.next() < 0.7 ? ours : theirs;
    doc.transact(() => edit(rootOf(doc), dice), "typing");
    if (dice.next() < 0.3) undo.undo();
    if (dice.next() < 0.15) undo.redo();
    if (dice.next() < 0.4) tell();
  }
  tell();
  for (const update of log) Y.applyUpdate(replay, update);
  Y.applyUpdate(reader, Y.encodeStateAsUpdate(ours));
  return [ours, theirs, replay, reader].map((doc) => rootOf(doc).toString());
}

test("all replicas show the same after any undo", () => {
  for (const seed of SEEDS) expect(new Set(shown(seed)).size, `seed ${seed}`).toBe(1);
});
