/** Three agents and two people at one document, and the log of what they write. */

import { Editor } from "@tiptap/core";
import type { EditorView } from "@tiptap/pm/view";
import * as Y from "yjs";
import { extensions } from "../../src/editor/extensions";
import { cutOf, type Range } from "../../src/editor/hint";
import { rootOf } from "../../src/editor/structure";
import { type Dice, speak, type Vocabulary } from "./voices";

export interface Row {
  data: Uint8Array;
  client: number;
  voice: number;
  kind: "agent" | "person";
  at: number;
  operation: string;
  cut: Range[] | null;
}

/** The log in its order, the clock, and what is being done. */
export class Log {
  readonly rows: Row[] = [];
  now = 0;
  operation = "begin";
}

export class Peer {
  readonly doc = new Y.Doc();
  private read = 0;

  constructor(
    readonly log: Log,
    readonly voice: number,
    readonly kind: Row["kind"],
    client: number,
  ) {
    this.doc.clientID = client;
    this.doc.on("update", (data: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
      if (origin === "log") return;
      log.rows.push({ data, client, voice, kind, at: log.now, operation: log.operation, cut: cutOf(transaction) });
    });
  }

  /** Take in what others have written. */
  sync(): void {
    for (; this.read < this.log.rows.length; this.read += 1) {
      const row = this.log.rows[this.read];
      if (row && row.client !== this.doc.clientID) Y.applyUpdate(this.doc, row.data, "log");
    }
  }
}

export function editorOf(peer: Peer): Editor {
  return new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: rootOf(peer.doc), placeholder: "", taskLabel: () => "" }),
  });
}

/** Return the place next to `position` that is not inside of an emoji. */
export function whole(view: EditorView, position: number): number {
  const before = position > 0 ? view.state.doc.textBetween(position - 1, position, "\n", "\n").charCodeAt(0) : 0;
  return before >= 0xd800 && before <= 0xdbff ? position + 1 : position;
}

function textsIn(parent: Y.XmlFragment, found: Y.XmlText[] = []): Y.XmlText[] {
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlText) found.push(child);
    else if (child instanceof Y.XmlFragment) textsIn(child, found);
  }
  return found;
}

function plain(text: Y.XmlText): string {
  return (text.toDelta() as { insert: unknown }[]).map(({ insert }) => (typeof insert === "string" ? insert : " ")).join("");
}

function wholeIn(text: string, index: number): number {
  const code = index > 0 ? text.charCodeAt(index - 1) : 0;
  return code >= 0xd800 && code <= 0xdbff ? index + 1 : index;
}

let blocks = 0;

export function addParagraph(peer: Peer, at: number, words: string): void {
  const block = new Y.XmlElement("paragraph");
  block.setAttribute("id", `agent${(blocks += 1)}`);
  const text = new Y.XmlText();
  text.insert(0, words);
  block.insert(0, [text]);
  rootOf(peer.doc).insert(at, [block]);
}

/** An agent writes a paragraph, goes on in one, or exchanges some words. */
export function work(peer: Peer, dice: Dice, vocabulary: Vocabulary): void {
  const root = rootOf(peer.doc);
  const say = (count: number): string => speak(vocabulary.words(count), peer.voice);
  const texts = textsIn(root).filter((text) => text.length > 3);
  const kind = dice.next();
  peer.doc.transact(() => {
    if (kind < 0.35 || !texts.length || root.length < 6) {
      if (root.length <= 40) addParagraph(peer, dice.below(root.length + 1), say(5 + dice.below(15)));
      return;
    }
    const text = dice.of(texts);
    const words = plain(text);
    if (kind < 0.75) {
      text.insert(wholeIn(words, dice.below(text.length)), say(1 + dice.below(5)));
      return;
    }
    const from = wholeIn(words, dice.below(text.length - 2));
    const to = wholeIn(words, Math.min(text.length, from + 2 + dice.below(10)));
    text.delete(from, to - from);
    text.insert(from, say(1 + dice.below(2)));
  });
}
