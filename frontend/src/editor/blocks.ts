/** What a person can turn a block into: shared by the slash menu and the toolbar. */

import type { Editor, Range } from "@tiptap/core";
import { t } from "../strings";
import { moveSelection } from "./handle";

export interface Block {
  name: string;
  icon: string;
  title: string;
  /** More words that find it. */
  words: string;
  isActive: (editor: Editor) => boolean;
  /** Turn the block at the caret into this one; `range` (what was typed to find it) goes first. */
  apply: (editor: Editor, range?: Range) => void;
}

type Chain = ReturnType<Editor["chain"]>;

function block(
  name: string,
  icon: string,
  title: string,
  words: string,
  isActive: Block["isActive"],
  change: (chain: Chain) => Chain,
): Block {
  const apply: Block["apply"] = (editor, range) => {
    const chain = editor.chain().focus(undefined, { scrollIntoView: false });
    change(range ? chain.deleteRange(range) : chain).run();
  };
  return { name, icon, title, words, isActive, apply };
}

export function blocks(): Block[] {
  const heading = (level: 1 | 2 | 3, title: string, words: string): Block =>
    block(
      `heading-${level}`,
      `heading-${level}`,
      title,
      words,
      (editor) => editor.isActive("heading", { level }),
      (chain) => chain.toggleHeading({ level }),
    );
  return [
    block("text", "type", t("editor.text"), "paragraph p", (e) => e.isActive("paragraph"), (c) => c.clearNodes()),
    heading(1, t("editor.heading1"), "h1 title #"),
    heading(2, t("editor.heading2"), "h2 section ##"),
    heading(3, t("editor.heading3"), "h3 part ###"),
    block("bullets", "list", t("editor.bullets"), "ul list -", (e) => e.isActive("bulletList"), (c) => c.toggleBulletList()),
    block("numbers", "list-ordered", t("editor.numbers"), "ol list 1.", (e) => e.isActive("orderedList"), (c) => c.toggleOrderedList()),
    block("tasks", "list-checks", t("editor.tasks"), "todo check [ ]", (e) => e.isActive("taskList"), (c) => c.toggleTaskList()),
    block("table", "table", t("editor.table"), "rows columns grid", (e) => e.isActive("table"), (c) =>
      c.insertTable({ rows: 3, cols: 3, withHeaderRow: true }),
    ),
    block("quote", "quote", t("editor.quote"), "blockquote cite >", (e) => e.isActive("blockquote"), (c) => c.toggleBlockquote()),
    block("code", "square-code", t("editor.code_block"), "pre source ```", (e) => e.isActive("codeBlock"), (c) => c.toggleCodeBlock()),
    block("line", "minus", t("editor.line"), "divider rule hr ---", () => false, (c) => c.setHorizontalRule()),
  ];
}

/** What a person can do with the block at the caret as it is: for the toolbar, and for fingers the menu of blocks. */
export function moves(): Block[] {
  return (["up", "down"] as const).map((direction) => ({
    name: `move-${direction}`,
    icon: `arrow-${direction}`,
    title: direction === "up" ? t("editor.move_up") : t("editor.move_down"),
    words: "move block order",
    isActive: () => false,
    apply: (editor, range) => {
      const chain = editor.chain().focus(undefined, { scrollIntoView: false });
      (range ? chain.deleteRange(range) : chain).run();
      moveSelection(editor, direction);
    },
  }));
}

/** Return the blocks that a typed word finds, by the start of any of their words first. */
export function matching(all: Block[], typed: string): Block[] {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return all;
  const rank = (one: Block): number => {
    const words = `${one.title} ${one.words}`.toLowerCase().split(" ");
    if (words.some((word) => word.startsWith(wanted))) return 0;
    return `${one.title} ${one.words}`.toLowerCase().includes(wanted) ? 1 : 2;
  };
  return all.filter((one) => rank(one) < 2).sort((a, b) => rank(a) - rank(b));
}

/** Whether a table may stand here: not in another table, not in code. */
export function mayInsertTable(editor: Editor): boolean {
  return !editor.isActive("table") && !editor.isActive("codeBlock");
}
