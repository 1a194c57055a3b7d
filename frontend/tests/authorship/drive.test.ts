/**
 * Two people in real editors and three agents edit one document for a while, seeded, and the log of it is written down.
 *
 * Started by tests/workspaces/documents/authorship/driver.py, which says what drives there are; else skipped. One JSON
 * object a line: rows of the log, then {"final", "failures"}: the document at the end, and what went wrong.
 */

import { appendFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import * as Y from "yjs";
import { rootOf } from "../../src/editor/structure";
import { addParagraph, editorOf, Log, Peer, work } from "./peers";
import { Person } from "./person";
import { Dice, speak, Vocabulary } from "./voices";

const env = import.meta.env as Record<string, string | undefined>;
const folder = env["VITE_DRIVE_FOLDER"] ?? "";
/** Seed, steps, and how long people do not look at what others do (0: never). */
const drives = (env["VITE_DRIVES"] ?? "").split(" ").filter(Boolean).map((drive) => drive.split("-").map(Number) as [number, number, number]);

/** What people do, and how often. */
const OPERATIONS: [string, number][] = [
  ["type", 14], ["letters", 6], ["enter", 10], ["join", 7], ["heading", 7], ["bullet", 5], ["ordered", 4], ["task", 4], ["lift", 4],
  ["sink", 5], ["quote", 4], ["code", 1], ["drag", 7], ["cut", 6], ["paste", 9], ["table", 1], ["cell", 4], ["row", 2], ["bold", 4],
  ["delete", 5], ["undo", 9], ["redo", 5], ["retype", 3], ["retypeLetters", 3], ["paraphrase", 3],
];
const TOTAL = OPERATIONS.reduce((sum, [, often]) => sum + often, 0);
const STEP_S = 3;
const LARGEST = 9000;

function chosen(dice: Dice, person: Person): string {
  let place = dice.below(TOTAL);
  const name = OPERATIONS.find(([, often]) => (place -= often) < 0)?.[0] ?? "type";
  if (name === "cut" && person.hasCut) return "paste";
  return person.size > LARGEST && ["type", "paraphrase"].includes(name) ? "delete" : name;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

test.skipIf(drives.length)("there is nothing to drive", () => {});

test.each(drives)("people and agents edit one document: seed %i, %i steps, late by %i", async (seed, steps, lag) => {
  const dice = new Dice((seed * 2654435761) >>> 0);
  const ids = new Dice(seed);
  vi.spyOn(crypto, "getRandomValues").mockImplementation((bytes) => (bytes as unknown as Uint8Array).map(() => ids.below(256)) as never);
  const vocabulary = new Vocabulary(dice);
  const log = new Log();
  const agents = [0, 1, 2].map((voice) => new Peer(log, voice, "agent", 11 + voice));
  const [writer] = agents as [Peer];
  writer.doc.transact(() => {
    for (let n = 0; n < 10; n += 1) addParagraph(writer, n, speak(vocabulary.words(20, n % 3 === 2), 0));
  });
  const peers = [3, 4].map((voice) => new Peer(log, voice, "person", 98 + voice));
  for (const peer of [...agents, ...peers]) peer.sync();
  const people = peers.map((peer) => new Person(peer, editorOf(peer), dice, vocabulary));
  await new Promise((resolve) => setTimeout(resolve, 60));
  const failures: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    log.now += STEP_S;
    if (dice.next() < 0.22) {
      log.operation = "agent";
      const agent = dice.of(agents);
      agent.sync();
      work(agent, dice, vocabulary);
      continue;
    }
    const person = dice.of(people);
    if (dice.below(lag + 1) === 0 || step % 7 === 0) person.peer.sync();
    log.operation = chosen(dice, person);
    if (!["undo", "redo"].includes(log.operation) && dice.next() < 0.6) person.pause();
    try {
      person.act(log.operation);
    } catch (error) {
      failures.push(`${log.operation}: ${String(error)}`);
    }
  }
  const everybody = [...agents, ...peers];
  // An editor may answer what it sees; it has to come to rest.
  for (let [round, rows] = [0, 0]; rows < log.rows.length && round < 9; round += 1) {
    rows = log.rows.length;
    for (const peer of everybody) peer.sync();
  }
  const shown = everybody.map((peer) => rootOf(peer.doc).toString());
  expect(new Set(shown).size).toBe(1);
  const lines = log.rows.map((row) => JSON.stringify({ ...row, data: base64(row.data) }));
  lines.push(JSON.stringify({ final: base64(Y.encodeStateAsUpdate(writer.doc)), failures }));
  appendFileSync(`${folder}/drive-${seed}-${steps}-${lag}.ndjson`, `${lines.join("\n")}\n`);
  for (const person of people) person.editor.destroy();
  vi.restoreAllMocks();
}, 600_000);
