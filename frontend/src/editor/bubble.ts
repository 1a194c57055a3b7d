/** The menu over a selection, and the small form that gives it a link. */

import { type Editor, Extension } from "@tiptap/core";
import { Plugin, PluginKey, TextSelection } from "@tiptap/pm/state";
import { Decoration, DecorationSet } from "@tiptap/pm/view";
import { t } from "../strings";
import { el, icon, layer, place, rove } from "./dom";
import { completed, isSafe } from "./links";
import { linkTool, markTools, toolButton } from "./toolbar";

function boxOf(editor: Editor): DOMRect {
  const { from, to } = editor.state.selection;
  const start = editor.view.coordsAtPos(from);
  const end = editor.view.coordsAtPos(to, -1);
  const isOneLine = Math.abs(start.top - end.top) < 4;
  const left = isOneLine ? start.left : Math.min(start.left, end.left);
  const right = isOneLine ? end.right : Math.max(start.right, end.right);
  return new DOMRect(left, start.top, Math.max(0, right - left), end.bottom - start.top);
}

class Bubble {
  private readonly box = el("div", { class: "bubble", role: "toolbar", "aria-label": t("editor.selection"), hidden: true });
  private readonly refreshers: (() => void)[] = [];
  private readonly rove: () => void;
  private isPointing = false;
  private frame = 0;

  constructor(
    private readonly editor: Editor,
    openLink: () => void,
  ) {
    const { bold, italic, strike, code } = markTools();
    for (const tool of [bold, italic, strike, code, linkTool(openLink)]) {
      const { button, refresh } = toolButton(editor, tool);
      this.box.append(button);
      this.refreshers.push(refresh);
    }
    this.rove = rove(this.box);
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") editor.commands.focus(undefined, { scrollIntoView: false });
    });
    layer().append(this.box);
    const { dom } = editor.view;
    dom.addEventListener("pointerdown", this.pointed);
    window.addEventListener("pointerup", this.released);
    dom.addEventListener("focus", this.updateSoon);
    dom.addEventListener("blur", this.updateSoon);
    this.box.addEventListener("focusout", this.updateSoon);
    document.addEventListener("scroll", this.updateSoon, { capture: true, passive: true });
  }

  readonly updateSoon = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.editor.isDestroyed) this.update();
    });
  };

  /** Move the focus into the menu; false when it is not there. */
  focus(): boolean {
    if (this.box.hidden) return false;
    this.box.querySelector<HTMLButtonElement>("button[tabindex='0']")?.focus();
    return true;
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    window.removeEventListener("pointerup", this.released);
    document.removeEventListener("scroll", this.updateSoon, { capture: true });
    this.box.remove();
  }

  private readonly pointed = (): void => {
    this.isPointing = true;
    this.updateSoon();
  };

  private readonly released = (): void => {
    if (!this.isPointing) return;
    this.isPointing = false;
    // The selection of a click is known after the click.
    setTimeout(this.updateSoon, 0);
  };

  private get isWanted(): boolean {
    const { editor } = this;
    const { selection, doc } = editor.state;
    const hasFocus = editor.view.hasFocus() || this.box.contains(document.activeElement);
    if (!editor.isEditable || !hasFocus || this.isPointing || !(selection instanceof TextSelection)) return false;
    return !selection.empty && !editor.isActive("codeBlock") && doc.textBetween(selection.from, selection.to).trim() !== "";
  }

  private update(): void {
    this.box.hidden = !this.isWanted;
    if (this.box.hidden) return;
    for (const refresh of this.refreshers) refresh();
    this.rove();
    place(this.box, boxOf(this.editor), "above");
  }
}

const picking = new PluginKey<boolean>("picking");

function picked(): Plugin<boolean> {
  return new Plugin<boolean>({
    key: picking,
    state: { init: () => false, apply: (tr, before) => (tr.getMeta(picking) as boolean | undefined) ?? before },
    props: {
      decorations(state) {
        const { from, to } = state.selection;
        return picking.getState(state) ? DecorationSet.create(state.doc, [Decoration.inline(from, to, { class: "is-picked" })]) : null;
      },
    },
  });
}

/** The form of a link: an address, apply, open, remove. It stands where the selection is. */
export class LinkForm {
  private readonly input: HTMLInputElement;
  private readonly box: HTMLFormElement;
  private readonly open = el("a", { class: "btn btn-icon btn-sm", target: "_blank", rel: "noopener noreferrer", "aria-label": t("editor.link_open"), title: t("editor.link_open") }, icon("arrow-up-right", "sm"));
  private readonly remove = el("button", { class: "btn btn-icon btn-sm", type: "button", "aria-label": t("editor.link_remove"), title: t("editor.link_remove") }, icon("trash-2", "sm")); // prettier-ignore
  private readonly wrong = el("p", { class: "link-wrong", role: "alert", hidden: true, id: "link-wrong" }, t("editor.link_wrong"));

  constructor(private readonly editor: Editor) {
    this.input = el("input", { class: "input", type: "text", inputmode: "url", autocomplete: "off", spellcheck: "false", placeholder: "https://…", "aria-label": t("editor.link_address"), "aria-describedby": "link-wrong" }); // prettier-ignore
    const apply = el("button", { class: "btn btn-solid btn-sm", type: "submit" }, t("editor.link_apply"));
    const row = el("div", { class: "link-row" }, this.input, apply, this.open, this.remove);
    this.box = el("form", { class: "link-form", "aria-label": t("editor.link"), novalidate: true, hidden: true }, row, this.wrong);
    this.box.addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    this.remove.addEventListener("click", () => {
      this.editor.chain().focus(undefined, { scrollIntoView: false }).extendMarkRange("link").unsetLink().run();
      this.close();
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.back();
    });
    document.addEventListener("pointerdown", this.outside, true);
    layer().append(this.box);
  }

  show = (): void => {
    if (!this.editor.isEditable || this.editor.isActive("codeBlock")) return;
    const href = (this.editor.getAttributes("link")["href"] as string | undefined) ?? "";
    if (href) this.editor.commands.extendMarkRange("link");
    this.input.value = href;
    this.warn(false);
    this.remove.hidden = !href;
    this.open.hidden = !isSafe(href); // others' programs may have written any address
    if (isSafe(href)) this.open.href = href;
    else this.open.removeAttribute("href");
    this.box.hidden = false;
    place(this.box, boxOf(this.editor), "below");
    this.pick(true);
    this.input.focus();
    this.input.select();
  };

  /** Browsers show no selection where the focus is not: the words that get the link are shown by us. */
  private pick(isPicking: boolean): void {
    if (!this.editor.isDestroyed) this.editor.view.dispatch(this.editor.state.tr.setMeta(picking, isPicking));
  }

  destroy(): void {
    document.removeEventListener("pointerdown", this.outside, true);
    this.box.remove();
  }

  private apply(): void {
    if (!this.input.value.trim()) return this.back();
    const href = completed(this.input.value);
    if (href === null) return this.warn(true);
    const { editor } = this;
    const { empty, $from } = editor.state.selection;
    this.close();
    const chain = editor.chain().focus(undefined, { scrollIntoView: false });
    if (!empty) {
      chain.setLink({ href }).run();
    } else {
      const text = this.input.value.trim();
      const marks = [...$from.marks().map((mark) => mark.toJSON()), { type: "link", attrs: { href } }];
      chain.insertContent({ type: "text", text, marks }).unsetMark("link").run();
    }
  }

  private warn(isWrong: boolean): void {
    this.wrong.hidden = !isWrong;
    if (isWrong) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  private back(): void {
    this.close();
    this.editor.commands.focus(undefined, { scrollIntoView: false });
  }

  private close(): void {
    this.box.hidden = true;
    this.pick(false);
  }

  private readonly outside = (event: Event): void => {
    if (!this.box.hidden && !this.box.contains(event.target as Node)) this.close();
  };
}

export const BubbleMenu = Extension.create<{ openLink: () => void; focusToolbar: () => void }>({
  name: "bubbleMenu",
  addOptions: () => ({ openLink: () => {}, focusToolbar: () => {} }),
  addStorage: () => ({ bubble: null as Bubble | null }),
  addKeyboardShortcuts() {
    const { openLink, focusToolbar } = this.options;
    return {
      "Mod-k": () => {
        openLink();
        return true;
      },
      // The usual key for "to the toolbar": the one over the selection, else the one below the document.
      "Alt-F10": () => {
        if (!this.storage.bubble?.focus()) focusToolbar();
        return true;
      },
    };
  },
  addProseMirrorPlugins() {
    const { editor, options, storage } = this;
    return [
      picked(),
      new Plugin({
        key: new PluginKey("bubble"),
        view: () => {
          // The view is not part of the editor yet.
          queueMicrotask(() => {
            if (!editor.isDestroyed) storage.bubble = new Bubble(editor, options.openLink);
          });
          return {
            update: () => storage.bubble?.updateSoon(),
            destroy: () => {
              storage.bubble?.destroy();
              storage.bubble = null;
            },
          };
        },
      }),
    ];
  },
});
