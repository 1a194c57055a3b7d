/** What a person does in an editor: typing, and everything that takes words away and puts them somewhere else. */

import type { Editor } from "@tiptap/core";
import type { Node, Slice } from "@tiptap/pm/model";
import { TextSelection, type Transaction } from "@tiptap/pm/state";
import { yUndoPluginKey } from "y-prosemirror";
import type * as Y from "yjs";
import { moveBlock } from "../../src/editor/drag";
import { type Peer, whole } from "./peers";
import { type Dice, fold, speak, type Vocabulary } from "./voices";

interface Block {
  position: number;
  node: Node;
}

const CELLS = new Set(["tableCell", "tableHeader"]);
const WORD = /[a-z]{3,}|[\u4e00-\u51ff]{2,4}/g;

export class Person {
  private clipboard: Slice | null = null;

  constructor(
    readonly peer: Peer,
    readonly editor: Editor,
    private readonly dice: Dice,
    private readonly vocabulary: Vocabulary,
  ) {
    this.undoing.captureTimeout = Infinity; // steps begin where `pause` says, on slow machines too
  }

  private get undoing(): Y.UndoManager {
    return (yUndoPluginKey.getState(this.editor.state) as { undoManager: Y.UndoManager }).undoManager;
  }

  /** Whether something lies in the clipboard that was cut. */
  get hasCut(): boolean {
    return this.clipboard !== null;
  }

  get size(): number {
    return this.editor.state.doc.content.size;
  }

  /** Begin a new step of undo. */
  pause(): void {
    this.undoing.stopCapturing();
  }

  /** Do one thing at a random place. */
  act(operation: string): void {
    const blocks = this.blocks();
    if (!blocks.length) return;
    const block = this.dice.of(blocks);
    const length = block.node.content.size;
    const at = whole(this.editor.view, block.position + 1 + this.dice.below(length + 1));
    const act = (this as unknown as Record<string, (block: Block, at: number, blocks: Block[]) => void>)[`_${operation}`];
    if (!act) throw new Error(operation);
    act.call(this, block, at, blocks);
  }

  private blocks(): Block[] {
    const found: Block[] = [];
    this.editor.state.doc.descendants((node, position) => {
      if (node.isTextblock) found.push({ node, position });
      return !node.isTextblock;
    });
    return found;
  }

  private say(count: number): string {
    return speak(this.vocabulary.words(count), this.peer.voice);
  }

  private change(change: (tr: Transaction) => Transaction): void {
    this.editor.view.dispatch(change(this.editor.state.tr));
  }

  private type(words: string, at: number): void {
    this.change((tr) => tr.insert(at, this.editor.schema.text(words)));
  }

  private typeLetters(words: string, at: number): void {
    for (const letter of words) {
      this.type(letter, at);
      at += letter.length;
    }
  }

  private select(from: number, to = from): void {
    this.change((tr) => tr.setSelection(TextSelection.create(tr.doc, from, to)));
  }

  // --- words ---------------------------------------------------------------------------------------------------------
  protected _type(_block: Block, at: number): void {
    this.type(this.say(1 + this.dice.below(5)), at);
  }

  protected _letters(_block: Block, at: number): void {
    this.typeLetters(this.say(1 + this.dice.below(2)), at);
  }

  protected _delete({ node, position }: Block, at: number): void {
    const to = whole(this.editor.view, Math.min(at + this.dice.below(30), position + 1 + node.content.size));
    if (to > at) this.change((tr) => tr.delete(at, to));
  }

  protected _retype(block: Block): void {
    this.retype(block, (words, at) => this.type(words, at));
  }

  protected _retypeLetters(block: Block): void {
    this.retype(block, (words, at) => this.typeLetters(words, at));
  }

  /** Write a word of somebody's once more, over it or after deleting it. */
  private retype({ node, position }: Block, type: (words: string, at: number) => void): void {
    if (node.textContent.length !== node.content.size) return;
    const found = [...fold(node.textContent).matchAll(WORD)];
    if (!found.length) return;
    const word = this.dice.of(found);
    const from = position + 1 + word.index;
    const own = speak(word[0], this.peer.voice);
    const first = this.dice.next() < 0.5 ? Array.from(own)[0] ?? "" : "";
    if (!first) this.change((tr) => tr.delete(from, from + word[0].length));
    else this.change((tr) => tr.replaceWith(from, from + word[0].length, this.editor.schema.text(first)));
    const rest = own.slice(first.length);
    if (rest) type(rest, from + first.length);
  }

  /** Replace a part of a paragraph by half of its words and others, shuffled: hostile to any comparison. */
  protected _paraphrase({ node, position }: Block): void {
    const length = node.content.size;
    if (node.textContent.length !== length || length < 20) return;
    const from = whole(this.editor.view, position + 1 + this.dice.below(length - 15));
    const to = whole(this.editor.view, Math.min(position + 1 + length, from + 15 + this.dice.below(40)));
    const words = fold(this.editor.state.doc.textBetween(from, to)).split(/ +/);
    const others = words.map((word) => (this.dice.next() < 0.5 ? word : this.vocabulary.word()));
    const text = others.sort(() => this.dice.next() - 0.5).join(" ");
    this.change((tr) => tr.replaceWith(from, to, this.editor.schema.text(speak(text, this.peer.voice))));
  }

  protected _bold({ node, position }: Block, at: number): void {
    const other = whole(this.editor.view, position + 1 + this.dice.below(node.content.size + 1));
    this.select(Math.min(at, other), Math.max(at, other));
    this.editor.commands.toggleBold();
  }

  // --- structure -----------------------------------------------------------------------------------------------------
  protected _enter(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.first(({ commands }) => [
      () => commands.splitListItem("listItem"),
      () => commands.splitListItem("taskItem"),
      () => commands.splitBlock(),
    ]);
  }

  protected _join({ position }: Block): void {
    this.select(position + 1);
    this.editor.commands.joinBackward();
  }

  protected _heading(_block: Block, at: number): void {
    this.select(at);
    if (this.dice.next() < 0.6) this.editor.commands.toggleHeading({ level: this.dice.of([1, 2, 3] as const) });
    else this.editor.commands.setParagraph();
  }

  protected _bullet(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.toggleBulletList();
  }

  protected _ordered(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.toggleOrderedList();
  }

  protected _task(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.toggleTaskList();
  }

  protected _lift(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.first(({ commands }) => [
      () => commands.liftListItem("listItem"),
      () => commands.liftListItem("taskItem"),
      () => commands.liftEmptyBlock(),
    ]);
  }

  protected _sink(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.first(({ commands }) => [() => commands.sinkListItem("listItem"), () => commands.sinkListItem("taskItem")]);
  }

  protected _quote(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.toggleBlockquote();
  }

  protected _code(_block: Block, at: number): void {
    this.select(at);
    this.editor.commands.toggleCodeBlock();
  }

  protected _drag(): void {
    const { doc } = this.editor.state;
    const places = [...Array(doc.childCount + 1).keys()].map((index) => {
      let position = 0;
      for (let n = 0; n < index; n += 1) position += doc.child(n).nodeSize;
      return position;
    });
    moveBlock(this.editor.view, this.dice.of(places.slice(0, -1)), this.dice.of(places));
  }

  protected _table(_block: Block, at: number): void {
    if (this.editor.state.doc.childCount >= 45) return;
    this.select(at);
    this.editor.commands.insertTable({ rows: 2, cols: 2 });
  }

  private cells(blocks: Block[]): Block[] {
    return blocks.filter(({ position }) => CELLS.has(this.editor.state.doc.resolve(position).parent.type.name));
  }

  protected _cell(_block: Block, _at: number, blocks: Block[]): void {
    const cells = this.cells(blocks);
    if (!cells.length) return;
    const { node, position } = this.dice.of(cells);
    this.type(this.say(1 + this.dice.below(3)), whole(this.editor.view, position + 1 + this.dice.below(node.content.size + 1)));
  }

  protected _row(_block: Block, _at: number, blocks: Block[]): void {
    const cells = this.cells(blocks);
    if (!cells.length) return;
    this.select(this.dice.of(cells).position + 1);
    const { commands } = this.editor;
    this.dice.of([() => commands.addRowAfter(), () => commands.addColumnBefore(), () => commands.deleteRow(), () => commands.toggleHeaderRow()])();
  }

  // --- there and back ------------------------------------------------------------------------------------------------
  protected _cut(block: Block, at: number, blocks: Block[]): void {
    const { node, position } = this.dice.next() < 0.7 ? block : this.dice.of(blocks);
    const other = whole(this.editor.view, position + 1 + this.dice.below(node.content.size + 1));
    const [from, to] = [Math.min(at, other), Math.max(at, other)];
    if (to - from < 2 || to - from > 400) return;
    this.clipboard = this.editor.state.doc.slice(from, to);
    this.change((tr) => tr.delete(from, to).setMeta("uiEvent", "cut"));
  }

  protected _paste(_block: Block, at: number): void {
    const slice = this.clipboard;
    if (!slice) return;
    this.clipboard = null;
    this.select(at);
    this.change((tr) => tr.replaceSelection(slice).setMeta("paste", true).setMeta("uiEvent", "paste"));
  }

  /** What was cut may be back: to paste it then would be a copy, which is of who makes it. */
  protected _undo(): void {
    this.clipboard = null;
    for (let n = 1 + this.dice.below(3); n > 0; n -= 1) this.editor.commands.undo();
  }

  protected _redo(): void {
    for (let n = 1 + this.dice.below(3); n > 0; n -= 1) this.editor.commands.redo();
  }
}
