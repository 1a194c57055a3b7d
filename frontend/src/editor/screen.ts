/** What is on the screen: the caret is never below the toolbar, and long documents leave out what is not in view. */

import { Extension } from "@tiptap/core";
import { Plugin, PluginKey } from "@tiptap/pm/state";

/** In positions of the document: about 200 paragraphs. Below it there is nothing to gain. */
const LONG = 20_000;
/** In CSS pixels: the toolbar and the fading above it. */
const ROOM = { top: 12, right: 5, bottom: 88, left: 5 };

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
        },
      }),
    ];
  },
});
