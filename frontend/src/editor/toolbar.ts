/** The toolbar below the document: pressed states, one tab stop, arrow keys. Table buttons show inside of a table. */

import type { Editor } from "@tiptap/core";
import { t } from "../strings";
import { blocks, mayInsertTable, moves } from "./blocks";
import { el, icon, rove } from "./dom";

interface Tool {
  name: string;
  icon: string;
  title: string;
  keys?: string;
  isOn?: (editor: Editor) => boolean;
  may?: (editor: Editor) => boolean;
  run: (editor: Editor) => void;
}

const focused = (editor: Editor): ReturnType<Editor["chain"]> => editor.chain().focus(undefined, { scrollIntoView: false });

/** The marks of the toolbar and of the menu over a selection. */
export function markTools(): Record<"bold" | "italic" | "underline" | "strike" | "code", Tool> {
  const tool = (name: string, icon: string, title: string, keys: string, run: Tool["run"]): Tool => ({
    name, icon, title, keys, run,
    isOn: (editor) => editor.isActive(name),
    may: (editor) => !editor.isActive("codeBlock"),
  }); // prettier-ignore
  return {
    bold: tool("bold", "bold", t("editor.bold"), "Control+B", (editor) => focused(editor).toggleBold().run()),
    italic: tool("italic", "italic", t("editor.italic"), "Control+I", (editor) => focused(editor).toggleItalic().run()),
    underline: tool("underline", "underline", t("editor.underline"), "Control+U", (e) => focused(e).toggleUnderline().run()),
    strike: tool("strike", "strikethrough", t("editor.strike"), "Control+Shift+S", (e) => focused(e).toggleStrike().run()),
    code: tool("code", "code", t("editor.code"), "Control+E", (editor) => focused(editor).toggleCode().run()),
  };
}

export function linkTool(openLink: () => void): Tool {
  return {
    name: "link",
    icon: "link",
    title: t("editor.link"),
    keys: "Control+K",
    isOn: (editor) => editor.isActive("link"),
    may: (editor) => !editor.isActive("codeBlock"),
    run: openLink,
  };
}

function tableTools(): Tool[] {
  const tool = (name: string, icon: string, title: string, run: Tool["run"]): Tool => ({ name, icon, title, run });
  return [
    tool("row-plus", "row-plus", t("editor.row_add"), (editor) => focused(editor).addRowAfter().run()),
    tool("row-minus", "row-minus", t("editor.row_remove"), (editor) => focused(editor).deleteRow().run()),
    tool("column-plus", "column-plus", t("editor.column_add"), (editor) => focused(editor).addColumnAfter().run()),
    tool("column-minus", "column-minus", t("editor.column_remove"), (editor) => focused(editor).deleteColumn().run()),
    tool("table-remove", "trash-2", t("editor.table_remove"), (editor) => focused(editor).deleteTable().run()),
  ];
}

function moveTools(): Tool[] {
  return moves().map(({ name, icon, title, apply }) => ({
    name,
    icon,
    title,
    keys: name === "move-up" ? "Alt+Shift+ArrowUp" : "Alt+Shift+ArrowDown",
    run: (editor) => apply(editor),
  }));
}

function historyTools(): Tool[] {
  return [
    { name: "undo", icon: "undo-2", title: t("editor.undo"), keys: "Control+Z", may: (e) => e.can().undo(), run: (e) => focused(e).undo().run() },
    { name: "redo", icon: "redo-2", title: t("editor.redo"), keys: "Control+Y", may: (e) => e.can().redo(), run: (e) => focused(e).redo().run() },
  ]; // prettier-ignore
}

/** A button of a tool that follows the editor's state; `refresh` is called when that may have changed. */
export function toolButton(editor: Editor, tool: Tool): { button: HTMLButtonElement; refresh: () => void } {
  const control = navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl";
  const shown = tool.keys?.replace("Control", control).replace("Shift", "⇧").replace("ArrowUp", "↑").replace("ArrowDown", "↓");
  const button = el(
    "button",
    {
      class: "btn btn-icon",
      type: "button",
      "data-tool": tool.name,
      "aria-label": tool.title,
      "aria-keyshortcuts": tool.keys,
      "aria-pressed": tool.isOn ? "false" : null,
      title: shown ? `${tool.title} (${shown})` : tool.title,
    },
    icon(tool.icon),
  );
  // A pointer must not take the selection away; the keyboard may move the focus here.
  button.addEventListener("pointerdown", (event) => event.preventDefault());
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => tool.run(editor));
  const refresh = (): void => {
    if (tool.isOn) button.setAttribute("aria-pressed", String(tool.isOn(editor)));
    // Not `disabled`: a button that loses the focus would throw the keyboard back to the top of the page.
    button.setAttribute("aria-disabled", String(!(tool.may?.(editor) ?? true)));
  };
  return { button, refresh };
}

export class Toolbar {
  private readonly refreshers: (() => void)[] = [];
  private readonly table = el("span", { class: "toolbar-part", role: "group", "aria-label": t("editor.table"), hidden: true });
  private readonly rove: () => void;
  private frame = 0;

  constructor(
    private readonly editor: Editor,
    private readonly holder: HTMLElement,
    openLink: () => void,
  ) {
    const marks = markTools();
    const named = Object.fromEntries(blocks().map((one) => [one.name, one]));
    const block = (name: string): Tool[] => {
      const found = named[name];
      if (!found) return [];
      const { icon, title, isActive, apply } = found;
      const may = name === "table" ? mayInsertTable : undefined;
      return [{ name, icon, title, isOn: isActive, run: (e) => apply(e), ...(may ? { may } : {}) }];
    };
    const groups = [
      [...block("heading-2"), marks.bold, marks.italic, linkTool(openLink)],
      [...block("bullets"), ...block("numbers"), ...block("tasks"), ...block("table")],
      moveTools(),
      historyTools(),
    ];
    holder.replaceChildren();
    this.fill(this.table, tableTools());
    this.table.append(el("hr", { "aria-hidden": "true" }));
    groups.forEach((tools, place) => {
      if (place) holder.append(el("hr", { "aria-hidden": "true" }));
      if (place === 1) holder.append(this.table);
      this.fill(holder, tools);
    });
    this.rove = rove(holder);
    editor.on("transaction", this.refreshSoon);
    holder.addEventListener("keydown", this.leave);
    this.refresh();
  }

  focus(): void {
    this.holder.querySelector<HTMLButtonElement>("button[tabindex='0']")?.focus();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.editor.off("transaction", this.refreshSoon);
    this.holder.removeEventListener("keydown", this.leave);
    this.holder.replaceChildren();
  }

  private fill(row: HTMLElement, tools: Tool[]): void {
    for (const tool of tools) {
      const { button, refresh } = toolButton(this.editor, tool);
      row.append(button);
      this.refreshers.push(refresh);
    }
  }

  private readonly leave = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.editor.commands.focus(undefined, { scrollIntoView: false });
  };

  /** At most once a frame: typing must not wait for buttons. */
  private readonly refreshSoon = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.editor.isDestroyed) this.refresh();
    });
  };

  private refresh(): void {
    this.table.hidden = !this.editor.isActive("table");
    for (const refresh of this.refreshers) refresh();
    this.rove();
  }
}
