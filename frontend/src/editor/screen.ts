/** What is on the screen: the caret is never below the toolbar, and long documents leave out what is not in view. */

import { Extension } from "@tiptap/core";
import { Plugin, PluginKey, Selection, TextSelection } from "@tiptap/pm/state";
import type { EditorView } from "@tiptap/pm/view";
import { readSelection } from "./local";

/** In positions of the document: about 200 paragraphs. Below it there is nothing to gain. */
const LONG = 20_000;
/** In CSS pixels: the toolbar and the fading above it. */
const ROOM = { top: 12, right: 5, bottom: 88, left: 5 };

const isMac = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? "");
const ENDS: Record<string, "start" | "end"> = isMac
  ? { ArrowUp: "start", ArrowDown: "end", Home: "start", End: "end" }
  : { Home: "start", End: "end" };

/** Put the caret, or the moving end of the selection, at an end of the document. Not left to the browser: one that has left
 * out a block's layout takes the block's first letter for its last, and all of them tell the editor later. */
function goToEnd(view: EditorView, side: "start" | "end", extend: boolean): void {
  readSelection(view); // an arrow key just before may not have been told yet
  const { doc, selection } = view.state;
  const end = side === "start" ? Selection.atStart(doc) : Selection.atEnd(doc);
  const next = extend ? TextSelection.between(selection.$anchor, end.$head) : end;
  view.dispatch(view.state.tr.setSelection(next).scrollIntoView());
  // Heights out of view are guesses until the block has been laid out once.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (!view.isDestroyed && view.state.selection.eq(next)) view.dispatch(view.state.tr.scrollIntoView());
    }),
  );
}

export const Screen = Extension.create({
  name: "screen",
  addProseMirrorPlugins() {
    return [
      new Plugin({
        key: new PluginKey("screen"),
        props: {
          // The style sheet lets the browser neither lay out nor paint what is out of view.
          attributes: ({ doc }): Record<string, string> => (doc.content.size > LONG ? { class: "is-long" } : {}),
          scrollThreshold: ROOM,
          scrollMargin: ROOM,
          handleKeyDown(view, event) {
            const side = ENDS[event.key];
            if (!side || event.altKey || !(isMac ? event.metaKey : event.ctrlKey)) return false;
            goToEnd(view, side, event.shiftKey);
            return true;
          },
        },
      }),
    ];
  },
});
