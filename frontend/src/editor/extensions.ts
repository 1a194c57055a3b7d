/** The editor's extensions: exactly the nodes and marks of schema.json. */

import { type AnyExtension, Extension } from "@tiptap/core";
import Code from "@tiptap/extension-code";
import Collaboration from "@tiptap/extension-collaboration";
import Heading from "@tiptap/extension-heading";
import Link from "@tiptap/extension-link";
import { TaskItem, TaskList } from "@tiptap/extension-list";
import { Table, TableCell, TableHeader, TableRow } from "@tiptap/extension-table";
import StarterKit from "@tiptap/starter-kit";
import type { XmlFragment } from "yjs";
import { CutHints } from "./cut";
import { Drag } from "./drag";
import { BlockIds } from "./ids";
import { isSafe } from "./links";
import { LocalRules, onlyLocal } from "./local";
import { IDENTIFIED, ORIGINS } from "./schema";
import { Screen } from "./screen";
import { type Room, Size } from "./size";
import { Undo } from "./undo";

/** An address alone: how a link opens is the page's business, not the document's. */
const PlainLink = Link.extend({
  addAttributes() {
    const own = this.parent?.() ?? {};
    const never = { default: null, parseHTML: () => null, renderHTML: () => ({}) };
    return { ...own, target: never, rel: never, class: never };
  },
  renderHTML({ HTMLAttributes }) {
    const href = typeof HTMLAttributes["href"] === "string" && isSafe(HTMLAttributes["href"]) ? HTMLAttributes["href"] : "";
    return ["a", { ...HTMLAttributes, href, target: "_blank", rel: "noopener noreferrer nofollow" }, 0];
  },
  addProseMirrorPlugins() {
    return onlyLocal(this.parent?.() ?? []);
  },
});

const SteadyTable = Table.extend({
  addProseMirrorPlugins() {
    return onlyLocal(this.parent?.() ?? []);
  },
});

/** Documents have three levels; deeper headings of pasted pages become the third. */
const ThreeHeadings = Heading.extend({
  parseHTML() {
    return [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, attrs: { level: Math.min(level, 3) } }));
  },
});

/** Where words come from when nobody wrote them. Shown by the style sheet. */
const Origin = Extension.create({
  name: "origin",
  addGlobalAttributes() {
    return [
      {
        types: IDENTIFIED,
        attributes: {
          origin: {
            default: null,
            parseHTML: (element) => {
              const origin = element.getAttribute("data-origin");
              return origin !== null && ORIGINS.includes(origin) ? origin : null;
            },
            renderHTML: ({ origin }) => (origin ? { "data-origin": origin as string } : {}),
          },
        },
      },
    ];
  },
});

export interface Settings {
  fragment: XmlFragment | null;
  placeholder: string;
  taskLabel: (text: string) => string;
  /** How much the server takes at once; it is asked for with each change. */
  room?: () => Room;
}

export function extensions({ fragment, placeholder, taskLabel, room }: Settings): AnyExtension[] {
  const kit: AnyExtension[] = [
    StarterKit.configure({
      undoRedo: false,
      trailingNode: false,
      heading: false,
      link: false,
      code: false,
      dropcursor: { class: "dropcursor", color: false, width: 2 },
    }),
    ThreeHeadings.configure({ levels: [1, 2, 3] }),
    // Code may be bold too: the server's schema lets every mark stand beside every other.
    Code.extend({ excludes: "code" }),
    PlainLink.configure({
      openOnClick: false,
      defaultProtocol: "https",
      HTMLAttributes: { target: null, rel: null },
      isAllowedUri: (url) => isSafe(url),
    }),
    TaskList,
    TaskItem.configure({ nested: true, a11y: { checkboxLabel: (node) => taskLabel(node.textContent) } }),
    SteadyTable.configure({ resizable: false, cellMinWidth: 72 }),
    TableRow,
    TableHeader,
    TableCell,
    BlockIds,
    Origin,
    LocalRules.configure({ placeholder }),
    Drag,
    Screen,
    Size.configure(room ? { room } : {}),
  ];
  if (fragment) {
    kit.push(CutHints, Collaboration.configure({ fragment, yUndoOptions: { undoManager: new Undo(fragment) } }));
  }
  return kit;
}
