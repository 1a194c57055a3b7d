/** The menu that opens with "/": a list box that the keyboard moves in while the caret stays in the text. */

import { Extension } from "@tiptap/core";
import { Suggestion, type SuggestionKeyDownProps, type SuggestionProps } from "@tiptap/suggestion";
import { t } from "../strings";
import { type Block, blocks, matching, mayInsertTable, moves } from "./blocks";
import { el, icon, layer } from "./dom";
import { isRemote } from "./local";

const LIST = "slash-menu";

class Menu {
  private readonly list = el("ul", { class: "slash", id: LIST, role: "listbox", "aria-label": t("editor.blocks") });
  private props: SuggestionProps<Block, Block> | null = null;
  private at = 0;
  private unmount: (() => void) | null = null;

  open(props: SuggestionProps<Block, Block>): void {
    this.at = 0;
    this.update(props);
    this.unmount = props.mount(this.list);
    const { dom } = props.editor.view;
    dom.setAttribute("aria-controls", LIST);
  }

  update(props: SuggestionProps<Block, Block>): void {
    if (this.props?.query !== props.query) this.at = 0;
    this.props = props;
    this.list.hidden = props.items.length === 0;
    this.list.replaceChildren(...props.items.map((item, place) => this.option(item, place)));
    this.mark();
  }

  close(): void {
    this.unmount?.();
    this.unmount = null;
    const dom = this.props?.editor.view.dom;
    for (const name of ["aria-controls", "aria-activedescendant"]) dom?.removeAttribute(name);
    this.props = null;
  }

  key({ event }: SuggestionKeyDownProps): boolean {
    const items = this.props?.items ?? [];
    if (!items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      this.at = (this.at + step + items.length) % items.length;
      this.mark();
      return true;
    }
    if (event.key !== "Enter" && event.key !== "Tab") return false;
    this.choose(this.at);
    return true;
  }

  private option(item: Block, place: number): HTMLElement {
    const option = el("li", { role: "option", id: `${LIST}-${place}`, "aria-selected": "false" }, icon(item.icon, "sm"), item.title);
    // The caret must stay where it is.
    option.addEventListener("pointerdown", (event) => event.preventDefault());
    option.addEventListener("click", () => this.choose(place));
    option.addEventListener("pointermove", () => {
      if (this.at === place) return;
      this.at = place;
      this.mark();
    });
    return option;
  }

  private mark(): void {
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === this.at)));
    this.list.children[this.at]?.scrollIntoView?.({ block: "nearest" });
    this.props?.editor.view.dom.setAttribute("aria-activedescendant", `${LIST}-${this.at}`);
  }

  private choose(place: number): void {
    const item = this.props?.items[place];
    if (item) this.props?.command(item);
  }
}

export const SlashMenu = Extension.create({
  name: "slashMenu",
  addProseMirrorPlugins() {
    const all = [...blocks(), ...moves()];
    const menu = new Menu();
    const items = (query: string): Block[] =>
      matching(all, query).filter((one) => one.name !== "table" || mayInsertTable(this.editor));
    return [
      Suggestion<Block, Block>({
        editor: this.editor,
        char: "/",
        decorationClass: "slash-query",
        container: layer(),
        floatingUi: { strategy: "fixed" },
        placement: "bottom-start",
        initialItems: all,
        items: ({ query }) => items(query),
        allow: ({ editor }) => editor.isEditable && !editor.isActive("codeBlock") && !editor.isActive("code"),
        // Somebody else's "/" is none of our business.
        shouldShow: ({ transaction, editor }) => !isRemote(transaction) || editor.view.hasFocus(),
        command: ({ editor, range, props }) => props.apply(editor, range),
        render: () => ({
          onStart: (props) => menu.open(props),
          onUpdate: (props) => menu.update(props),
          onExit: () => menu.close(),
          onKeyDown: (props) => menu.key(props),
        }),
      }),
    ];
  },
});
