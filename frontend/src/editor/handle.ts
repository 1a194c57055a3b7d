/** The handle beside a block: drag it, or press it for "Move up" and "Move down". Moves are told to screen readers. */

import { type Editor, Extension } from "@tiptap/core";
import { Plugin, PluginKey } from "@tiptap/pm/state";
import { Decoration, DecorationSet, type EditorView } from "@tiptap/pm/view";
import { t } from "../strings";
import { el, icon, layer } from "./dom";
import { blockAt, type Direction, gapAt, hold, letGo, moveSpan, type Span, spanOf } from "./drag";
import { readSelection } from "./local";

const MENU = "block-menu";

const chosenKey = new PluginKey<Span | null>("chosen");

class Handle {
  private readonly button = el(
    "button",
    {
      class: "block-handle",
      type: "button",
      draggable: "true",
      tabindex: "-1", // by keyboard there are the keys and the toolbar
      "aria-label": t("editor.move"),
      title: t("editor.move"),
      popovertarget: MENU,
      "aria-expanded": "false",
      hidden: true,
    },
    icon("grip-vertical", "sm"),
  );
  private readonly line = el("div", { class: "block-drop", hidden: true });
  private readonly menu = el("div", { class: "menu", id: MENU, popover: "auto", "aria-label": t("editor.move_menu"), role: "group" });
  private readonly holder: HTMLElement;
  private span: Span | null = null;
  private height = 0;
  private frame = 0;
  private isDragging = false;
  private isOpen = false;

  constructor(
    private readonly editor: Editor,
    private readonly view: EditorView,
  ) {
    this.holder = view.dom.parentElement ?? layer();
    for (const [direction, drawing, title] of [
      ["up", "arrow-up", t("editor.move_up")],
      ["down", "arrow-down", t("editor.move_down")],
    ] as const) {
      const item = el("button", { class: "menu-item", type: "button" }, icon(drawing, "sm"), title);
      item.addEventListener("click", () => this.move(direction));
      this.menu.append(item);
    }
    this.menu.addEventListener("toggle", (event) => this.toggled(event.newState === "open"));
    this.button.addEventListener("dragstart", (event) => this.start(event));
    this.button.addEventListener("dragend", () => this.end());
    this.holder.append(this.button, this.line);
    layer().append(this.menu);
    view.dom.addEventListener("pointermove", this.pointed);
    view.dom.addEventListener("dragover", this.over);
    this.holder.addEventListener("pointerleave", this.left);
  }

  /** The document has changed: the handle stands beside something else now. */
  update(): void {
    if (!this.isOpen && !this.isDragging) this.hide();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.view.dom.removeEventListener("pointermove", this.pointed);
    this.view.dom.removeEventListener("dragover", this.over);
    this.holder.removeEventListener("pointerleave", this.left);
    this.button.remove();
    this.line.remove();
    this.menu.remove();
  }

  private readonly pointed = ({ pointerType, clientY }: PointerEvent): void => {
    if (pointerType === "touch" || this.isOpen || this.isDragging) return;
    this.height = clientY;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.view.isDestroyed) this.showBeside(this.height);
    });
  };

  private readonly left = (): void => {
    if (!this.isOpen && !this.isDragging) this.hide();
  };

  private hide(): void {
    if (this.span === null) return;
    this.span = null;
    this.button.hidden = true;
  }

  /** Show the handle beside the block at a height of the window; between two blocks it stays where it is. */
  private showBeside(height: number): void {
    const span = this.editor.isEditable ? blockAt(this.view, height) : null;
    if (span) this.show(span);
  }

  private show(span: Span): void {
    const block = this.view.nodeDOM(span.from);
    if (!(block instanceof HTMLElement)) return this.hide();
    this.span = span;
    this.button.hidden = false;
    const [box, around] = [block.getBoundingClientRect(), this.holder.getBoundingClientRect()];
    const line = Number.parseFloat(getComputedStyle(block).lineHeight) || box.height;
    const middle = box.top - around.top + Math.min(box.height, line) / 2;
    this.button.style.top = `${Math.round(middle - this.button.offsetHeight / 2)}px`;
  }

  private move(direction: Direction): void {
    const span = this.span && moveSpan(this.view, this.span, direction);
    if (!span) return;
    this.show(span);
    this.choose(span);
    announce(this.view, span);
  }

  // --- dragging -----------------------------------------------------------------------------------------------------
  private start(event: DragEvent): void {
    const { span, view } = this;
    if (!span || !event.dataTransfer || !hold(view, span.from)) return event.preventDefault();
    this.isDragging = true;
    this.holder.classList.add("is-moving");
    const block = view.nodeDOM(span.from);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", view.state.doc.textBetween(span.from, span.to, "\n"));
    if (block instanceof HTMLElement) event.dataTransfer.setDragImage(block, 0, 0);
    this.choose(span);
  }

  /** Show where the block will stand. The editor's own line follows the words under the pointer, ours its height. */
  private readonly over = ({ clientY }: DragEvent): void => {
    if (!this.isDragging) return;
    const gap = gapAt(this.view, clientY);
    const block = gap && this.view.nodeDOM(gap.span.from);
    this.line.hidden = !(block instanceof HTMLElement);
    if (!gap || !(block instanceof HTMLElement)) return;
    const [box, around] = [block.getBoundingClientRect(), this.holder.getBoundingClientRect()];
    this.line.style.top = `${Math.round((gap.isAbove ? box.top - 4 : box.bottom + 2) - around.top)}px`;
    this.line.style.left = `${Math.round(Math.max(0, box.left - around.left))}px`;
  };

  private end(): void {
    this.isDragging = false;
    this.line.hidden = true;
    this.holder.classList.remove("is-moving");
    letGo(this.view);
    this.choose(null);
    this.hide();
  }

  private toggled(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.choose(this.isOpen ? this.span : null);
    if (!this.isOpen) this.hide();
  }

  /** Tint what the handle holds. */
  private choose(span: Span | null): void {
    if (!this.view.isDestroyed) this.view.dispatch(this.view.state.tr.setMeta(chosenKey, span).setMeta("addToHistory", false));
  }
}

function chosen(): Plugin<Span | null> {
  return new Plugin<Span | null>({
    key: chosenKey,
    state: {
      init: () => null,
      apply: (tr, before) => {
        const now = tr.getMeta(chosenKey) as Span | null | undefined;
        if (now !== undefined) return now;
        return before && !tr.docChanged ? before : null;
      },
    },
    props: {
      decorations(state) {
        const span = chosenKey.getState(state);
        return span ? DecorationSet.create(state.doc, [Decoration.node(span.from, span.to, { class: "is-chosen" })]) : null;
      },
    },
  });
}

let status: HTMLElement | null = null;

/** Say where a block has come to stand. */
function announce({ state }: EditorView, { from }: Span): void {
  if (!status?.isConnected) {
    status = el("p", { class: "sr-only", role: "status" });
    layer().append(status);
  }
  const $from = state.doc.resolve(from);
  status.textContent = t("editor.moved", { n: $from.index() + 1, all: $from.parent.childCount });
}

/** Move the blocks of the selection one place, and say so. */
export function moveSelection({ view }: Editor, direction: Direction): void {
  const span = spanOf(view.state);
  const moved = span && moveSpan(view, span, direction);
  if (moved) announce(view, moved);
}

export const BlockHandle = Extension.create({
  name: "blockHandle",
  addKeyboardShortcuts() {
    const by = (direction: Direction) => (): boolean => {
      readSelection(this.editor.view); // a click just before may not have been told yet
      moveSelection(this.editor, direction);
      return true; // at the end of the document too: the browser would select
    };
    return { "Alt-Shift-ArrowUp": by("up"), "Alt-Shift-ArrowDown": by("down") };
  },
  addProseMirrorPlugins() {
    const { editor } = this;
    return [
      chosen(),
      new Plugin({
        key: new PluginKey("blockHandle"),
        view: (view) => {
          const handle = new Handle(editor, view);
          return {
            update: (now, before) => {
              if (now.state.doc !== before.doc) handle.update();
            },
            destroy: () => handle.destroy(),
          };
        },
      }),
    ];
  },
});
