// Three people with the product's editor (Tiptap, y-prosemirror, Yjs) and without a network. One JSON command a line,
// one JSON answer a line; bytes are base64. What the editor's binding changes by itself while it shows others' words is
// kept from the others, as frontend/src/editor/provider.ts does: counted in `hidden`; if it deleted words the page is
// opened anew.
import "./screen.mjs";
import { createInterface } from "node:readline";
import { Editor } from "@tiptap/core";
import { ySyncPluginKey } from "y-prosemirror";
import * as Y from "yjs";
import { extensions } from "../../frontend/src/editor/extensions";
import { deletesWords, Hidden } from "../../frontend/src/editor/stray";
import { isBroken, mend, rootOf } from "../../frontend/src/editor/structure";

const WORDS = ["a", "b c ", "中文", "字", "é", "e\u0301", "😀", "👩\u200d👩\u200d👧", "🇩🇪", "𠮷野家", "\u200d"];
const HTML = [
  "<ul><li><p>x</p></li><li><p>甲</p></li></ul>",
  "<table><tr><td><p>a</p></td><td><p>😀</p></td></tr><tr><td><p>字</p></td><td><p>b</p></td></tr></table>",
  "<h2>标题</h2>",
  "<blockquote><p>quote 🎉</p></blockquote>",
  "<p>plain</p>",
  "<pre><code>code 字</code></pre>",
];
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const text = (data) => Buffer.from(data).toString("base64");

function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Person {
  history = []; // every update that others know, of ours and theirs
  own = [];
  made = [];
  reopened = 0;
  hidden = 0;
  undone = 0;

  constructor({ state, client, seed }) {
    this.client = client;
    this.random = dice(seed);
    this.history.push(bytes(state));
    this.open();
  }

  open() {
    this.doc = new Y.Doc();
    this.isGuarded = true;
    for (const update of this.history) Y.applyUpdate(this.doc, update, "remote");
    this.doc.clientID = this.client; // only now: Yjs gives it up when others' words come under it
    this.hasMismatch = false;
    this.takenOut = new Hidden();
    this.doc.on("update", (update, origin) => {
      if (origin === "remote") return;
      if (this.isGuarded && origin === ySyncPluginKey) {
        this.hidden += 1;
        return;
      }
      this.history.push(update);
      this.own.push(update);
      this.made.push(update);
    });
    this.doc.on("afterTransaction", (transaction) => {
      if (!this.isGuarded || transaction.origin !== ySyncPluginKey) return;
      this.takenOut.note(transaction);
      this.hasMismatch ||= deletesWords(transaction);
    });
    if (isBroken(this.doc)) mend(this.doc);
    this.editor = new Editor({
      element: document.createElement("div"),
      injectCSS: false,
      extensions: extensions({ fragment: rootOf(this.doc), placeholder: "", taskLabel: () => "" }),
    });
    this.isGuarded = false;
  }

  close() {
    this.editor.destroy();
    this.doc.destroy();
  }

  apply(update) {
    this.history.push(update);
    this.hasMismatch ||= this.takenOut.isWrittenInto(this.doc, update);
    this.isGuarded = true;
    Y.applyUpdate(this.doc, update, "remote");
    this.isGuarded = false;
    if (this.hasMismatch) this.reopen();
  }

  /** The number of the client stays: what we wrote under it is in the history. */
  reopen() {
    this.reopened += 1;
    this.close();
    this.open();
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** A position of a caret: no browser puts it into the middle of a surrogate pair. */
  place() {
    const { doc } = this.editor.state;
    const at = Math.floor(this.random() * (doc.content.size + 1));
    const isInPair = /[\ud800-\udbff]$/.test(doc.textBetween(Math.max(0, at - 1), at));
    return isInPair ? at + 1 : at;
  }

  /** Do one thing that people do. What the editor refuses is nothing. */
  edit() {
    try {
      this.act();
    } catch (error) {
      if (!["TransformError", "ReplaceError", "RangeError"].includes(error?.name)) throw error;
    }
    return this.taken();
  }

  act() {
    const { editor } = this;
    const what = this.random();
    const [from, to] = [this.place(), this.place()].sort((a, b) => a - b);
    const { commands } = editor;
    if (what < 0.08) this.undone += commands.undo() ? 1 : 0;
    else if (what < 0.1) commands.redo();
    else if (what < 0.16) commands.insertContentAt(editor.state.doc.content.size, this.pick(HTML));
    else if (what < 0.2) commands.insertContentAt(from, this.pick(HTML));
    else if (what < 0.3) editor.chain().setTextSelection(from).splitBlock().run();
    else if (what < 0.36) editor.chain().setTextSelection(from).joinBackward().run();
    else if (what < 0.4) editor.chain().setTextSelection(from).joinForward().run();
    else if (what < 0.46) commands.deleteRange({ from, to });
    else if (what < 0.56) editor.chain().setTextSelection({ from, to }).toggleMark(this.pick(["bold", "italic", "strike"])).run();
    else if (what < 0.59) editor.chain().setTextSelection({ from, to }).setLink({ href: "https://example.com/字" }).run();
    else if (what < 0.62) editor.chain().setTextSelection(from).toggleBulletList().run();
    else if (what < 0.65) editor.chain().setTextSelection(from).toggleHeading({ level: 2 }).run();
    else if (what < 0.68) editor.chain().setTextSelection(from).addRowAfter().run();
    else if (what < 0.7) editor.chain().setTextSelection(from).deleteRow().run();
    else if (what < 0.71) editor.chain().setTextSelection(from).addColumnAfter().run();
    else if (what < 0.73) commands.setContent("<p></p>"); // select all, delete
    else editor.chain().setTextSelection(from).insertContent(this.pick(WORDS)).run();
  }

  taken() {
    const made = this.made;
    this.made = [];
    return made.map(text);
  }
}

const people = new Map();
const commands = {
  open: ({ at, ...options }) => {
    people.get(at)?.close();
    people.set(at, new Person(options));
    return { updates: people.get(at).taken() };
  },
  edit: ({ at }) => ({ updates: people.get(at).edit() }),
  apply: ({ at, update }) => {
    people.get(at).apply(bytes(update));
    return { updates: people.get(at).taken() };
  },
  vector: ({ at }) => ({ vector: text(Y.encodeStateVector(people.get(at).doc)) }),
  own: ({ at }) => {
    const { own } = people.get(at);
    return { update: own.length ? text(Y.mergeUpdates(own)) : "" };
  },
  seen: ({ at }) => {
    const { doc, editor, reopened, hidden, undone } = people.get(at);
    return { state: text(Y.encodeStateAsUpdate(doc)), shown: editor.getJSON(), reopened, hidden, undone };
  },
  reload: ({ at }) => {
    people.get(at).reopen();
    return { updates: people.get(at).taken() };
  },
};

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = commands[op](options);
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
