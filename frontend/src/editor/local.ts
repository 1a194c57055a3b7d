/** Rules for what may happen to a document without a person doing it: nothing. */

import { Extension } from "@tiptap/core";
import { Fragment, type Node, Slice } from "@tiptap/pm/model";
import { Plugin, PluginKey, Selection, type Transaction } from "@tiptap/pm/state";
import { Decoration, DecorationSet, type EditorView } from "@tiptap/pm/view";
import { ySyncPluginKey } from "y-prosemirror";
import { harmless } from "./paste";
import { attributesOf, fits, MARKS } from "./schema";

/** Whether a transaction shows what came from the shared document, and not what was done here. */
export function isRemote(transaction: Transaction): boolean {
  return transaction.getMeta(ySyncPluginKey)?.isChangeOrigin === true;
}

/**
 * Take in where the caret is now.
 *
 * After an arrow key the browser tells it a moment later; what others write in between would put the caret back.
 */
export function readSelection(view: EditorView): void {
  if (view.composing || view.isDestroyed) return;
  (view as unknown as { domObserver: { flush: () => void } }).domObserver.flush();
}

/**
 * Keep a plugin from answering other people's changes with changes of its own.
 *
 * Automatic links and repairs of tables would otherwise be written by every browser that has the document open.
 */
export function onlyLocal(plugins: Plugin[]): Plugin[] {
  for (const plugin of plugins) {
    const append = plugin.spec.appendTransaction;
    if (!append) continue;
    plugin.spec.appendTransaction = function (transactions, before, after) {
      return transactions.some(isRemote) ? null : append.call(this, transactions, before, after);
    };
  }
  return plugins;
}

/** A paragraph that starts after a quoted or demonstrated one is a person's own: empty blocks have no origin. */
function ownWords(): Plugin {
  return new Plugin({
    key: new PluginKey("ownWords"),
    appendTransaction(transactions, _before, after) {
      if (!transactions.some((one) => one.docChanged) || transactions.some(isRemote)) return null;
      const { $from } = after.selection;
      const block = $from.parent;
      if (!block.isTextblock || block.content.size || !block.attrs["origin"]) return null;
      return after.tr.setNodeAttribute($from.before(), "origin", null);
    },
  });
}

function cleanedAttributes(node: Node): Record<string, unknown> {
  const known = attributesOf(node.type.name);
  return Object.fromEntries(
    Object.entries(node.attrs).map(([name, value]) => {
      const spec = known[name];
      const isFine = !spec || fits(spec, value);
      return [name, isFine ? value : (spec.default ?? node.type.spec.attrs?.[name]?.default ?? null)];
    }),
  );
}

function cleaned(fragment: Fragment): Fragment {
  const children: Node[] = [];
  fragment.forEach((node) => {
    const marks = node.marks.filter((mark) => {
      const known = MARKS[mark.type.name]?.attrs ?? {};
      return Object.entries(mark.attrs).every(([name, value]) => !known[name] || fits(known[name], value));
    });
    const clean = node.isText ? node.mark(marks) : node.type.create(cleanedAttributes(node), cleaned(node.content), marks);
    children.push(clean);
  });
  return Fragment.fromArray(children);
}

function depthOf(fragment: Fragment): number {
  let deepest = 0;
  fragment.forEach((node) => {
    if (!node.isText) deepest = Math.max(deepest, 1 + depthOf(node.content));
  });
  return deepest;
}

const DEEPEST_PASTE = 24;

/** Pasted HTML may hold any number in any attribute, and nest as deep as it likes; documents may not. */
function cleanPaste(): Plugin {
  return new Plugin({
    key: new PluginKey("cleanPaste"),
    props: {
      transformPastedHTML: harmless,
      transformPasted(slice, view) {
        if (depthOf(slice.content) > DEEPEST_PASTE) {
          const text = slice.content.textBetween(0, slice.content.size, "\n");
          const { schema } = view.state;
          const lines = text.split("\n").filter(Boolean);
          return new Slice(Fragment.fromArray(lines.map((line) => schema.node("paragraph", null, schema.text(line)))), 1, 1);
        }
        return new Slice(cleaned(slice.content), slice.openStart, slice.openEnd);
      },
    },
  });
}

/** A click below the last block gives a new paragraph when the last block is something else. */
function roomBelow(): Plugin {
  return new Plugin({
    key: new PluginKey("roomBelow"),
    props: {
      handleClick(view, _position, event) {
        const last = view.state.doc.lastChild;
        const box = view.dom.lastElementChild?.getBoundingClientRect();
        if (!view.editable || !last || !box || event.clientY <= box.bottom || last.type.name === "paragraph") return false;
        const { tr, schema, doc } = view.state;
        view.dispatch(tr.insert(doc.content.size, schema.node("paragraph")));
        view.dispatch(view.state.tr.setSelection(Selection.atEnd(view.state.doc)).scrollIntoView());
        return true;
      },
    },
  });
}

function placeholder(text: string, isEditable: () => boolean): Plugin {
  return new Plugin({
    key: new PluginKey("placeholder"),
    props: {
      decorations({ doc }) {
        const only = doc.childCount === 1 ? doc.firstChild : null;
        if (!only || only.type.name !== "paragraph" || only.content.size || !isEditable()) return null;
        return DecorationSet.create(doc, [Decoration.node(0, only.nodeSize, { "data-placeholder": text })]);
      },
    },
  });
}

export const LocalRules = Extension.create<{ placeholder: string }>({
  name: "localRules",
  addOptions: () => ({ placeholder: "" }),
  addProseMirrorPlugins() {
    const { editor, options } = this;
    return [ownWords(), cleanPaste(), roomBelow(), placeholder(options.placeholder, () => editor.isEditable)];
  },
});
