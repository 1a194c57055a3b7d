/** Where other people and agents are: their carets, what they have selected, and the words an agent is writing now. */

import { Extension } from "@tiptap/core";
import type { Node, ResolvedPos } from "@tiptap/pm/model";
import { type EditorState, Plugin, PluginKey } from "@tiptap/pm/state";
import { Decoration, DecorationSet, type EditorView } from "@tiptap/pm/view";
import { absolutePositionToRelativePosition, relativePositionToAbsolutePosition, ySyncPluginKey } from "y-prosemirror";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { el, icon } from "./dom";
import { isRemote, readSelection } from "./local";

const FRESH_MS = 2000;
const FADING_MS = 1500;
const LOUD_MS = 3000;
const CURSOR_MS = 100;

/** Who somebody is, as the server says it. */
export interface Peer {
  id?: string;
  name: string;
  initials?: string;
  tone?: number;
  hue?: string;
  icon?: string;
}

interface Cursor {
  anchor: object;
  head: object;
}

interface Track {
  user: Peer;
  cursor: Cursor | null;
  movedAt: number;
  /** Where the caret was during the last two seconds, oldest first: the words after it are fresh. */
  trail: { head: object; at: number }[];
}

interface Binding {
  doc: Y.Doc;
  type: Y.XmlFragment;
  binding: { mapping: Map<Y.AbstractType<unknown>, Node | Node[]>; _isLocalCursorInView: () => boolean } | null;
}

export const caretsKey = new PluginKey<DecorationSet>("carets");

function bindingOf(state: EditorState): Binding {
  return ySyncPluginKey.getState(state) as Binding;
}

function absolute(state: EditorState, position: object): number | null {
  const { doc, type, binding } = bindingOf(state);
  if (!binding) return null;
  try {
    const relative = Y.createRelativePositionFromJSON(position);
    const at: number | null = relativePositionToAbsolutePosition(doc, type, relative, binding.mapping as never);
    return at === null ? null : Math.max(0, Math.min(at, state.doc.content.size));
  } catch {
    return null; // a position in something that is not shown
  }
}

export const isAgent = (user: Peer): boolean => user.hue !== undefined;

/** Follows everybody's awareness. One of it per editor. */
export class Carets {
  private readonly tracks = new Map<number, Track>();
  private view: EditorView | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: ReturnType<typeof setTimeout> | undefined;
  private redrawing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly awareness: Awareness) {}

  /** Scroll to somebody's caret; false when it is nowhere. */
  reveal(clientId: number): boolean {
    const cursor = this.tracks.get(clientId)?.cursor;
    const at = this.view && cursor ? absolute(this.view.state, cursor.head) : null;
    if (!this.view || at === null) return false;
    const { node } = this.view.domAtPos(at);
    (node instanceof Element ? node : node.parentElement)?.scrollIntoView({ block: "center", behavior: "smooth" });
    return true;
  }

  plugin(): Plugin {
    return new Plugin<DecorationSet>({
      key: caretsKey,
      state: {
        init: () => DecorationSet.empty,
        apply: (tr, before, _old, state) =>
          isRemote(tr) || tr.getMeta(caretsKey) ? this.draw(state) : before.map(tr.mapping, tr.doc),
      },
      props: { decorations: (state) => caretsKey.getState(state) },
      view: (view) => this.attach(view),
    });
  }

  private attach(view: EditorView): { update: (view: EditorView, before: EditorState) => void; destroy: () => void } {
    this.view = view;
    // Other people's words never scroll our page; only our own typing does.
    const { binding } = bindingOf(view.state);
    if (binding) binding._isLocalCursorInView = () => false;
    const changed = ({ added, updated, removed }: Record<string, number[]>): void => {
      this.follow([...(added ?? []), ...(updated ?? [])], removed ?? []);
    };
    const focus = (): void => this.sendSoon();
    const visibility = (): void => {
      if (document.hidden) this.awareness.setLocalStateField("cursor", null);
      else this.sendSoon();
    };
    this.awareness.on("change", changed);
    view.dom.addEventListener("focus", focus);
    document.addEventListener("visibilitychange", visibility);
    this.follow([...this.awareness.getStates().keys()], []);
    return {
      update: (now, before) => {
        if (now.state.selection !== before.selection || now.state.doc !== before.doc) this.sendSoon();
      },
      destroy: () => {
        this.awareness.off("change", changed);
        view.dom.removeEventListener("focus", focus);
        document.removeEventListener("visibilitychange", visibility);
        for (const timer of [this.timer, this.sending, this.redrawing]) clearTimeout(timer);
        this.view = null;
      },
    };
  }

  // --- our own caret ------------------------------------------------------------------------------------------------
  private sendSoon(): void {
    this.sending ??= setTimeout(() => {
      this.sending = undefined;
      this.send();
    }, CURSOR_MS);
  }

  /** Relative positions cost a walk over the blocks: not with every keystroke. */
  private send(): void {
    const view = this.view;
    if (!view?.hasFocus() || document.hidden) return;
    const { type, binding } = bindingOf(view.state);
    if (!binding) return;
    const { anchor, head } = view.state.selection;
    const relative = (at: number): unknown => absolutePositionToRelativePosition(at, type, binding.mapping as never);
    const cursor = { anchor: relative(anchor), head: relative(head) };
    const before = this.awareness.getLocalState()?.["cursor"];
    if (JSON.stringify(before) !== JSON.stringify(cursor)) this.awareness.setLocalStateField("cursor", cursor);
  }

  // --- everybody else's ---------------------------------------------------------------------------------------------
  private follow(present: number[], gone: number[]): void {
    const now = Date.now();
    for (const id of gone) this.tracks.delete(id);
    for (const id of present) {
      const state = this.awareness.getStates().get(id) as { user?: Peer; cursor?: Cursor | null } | undefined;
      if (id === this.awareness.clientID || !state?.user) continue;
      const cursor = state.cursor ?? null;
      const track = this.tracks.get(id);
      const hasMoved = JSON.stringify(track?.cursor?.head) !== JSON.stringify(cursor?.head);
      const trail = track?.trail ?? [];
      if (hasMoved && cursor && isAgent(state.user)) trail.push({ head: cursor.head, at: now });
      this.tracks.set(id, { user: state.user, cursor, trail, movedAt: hasMoved || !track ? now : track.movedAt });
    }
    this.redrawSoon();
  }

  private redrawSoon(): void {
    this.redrawing ??= setTimeout(() => {
      this.redrawing = undefined;
      this.redraw();
    }, 0);
  }

  private redraw(): void {
    const view = this.view;
    if (!view || view.isDestroyed) return;
    if (view.composing) {
      this.redrawing = setTimeout(() => {
        this.redrawing = undefined;
        this.redraw();
      }, 200);
      return;
    }
    readSelection(view);
    view.dispatch(view.state.tr.setMeta(caretsKey, true).setMeta("addToHistory", false));
    requestAnimationFrame(() => keepInside(view));
    this.redrawWhenOlder();
  }

  /** Draw again when the next thing grows old: words stop being fresh, a name falls silent. */
  private redrawWhenOlder(): void {
    clearTimeout(this.timer);
    const now = Date.now();
    const moments = [...this.tracks.values()].flatMap(({ trail, movedAt }) => [
      movedAt + LOUD_MS,
      ...(trail.length ? [movedAt + FADING_MS] : []),
      ...trail.slice(0, 1).map(({ at }) => at + FRESH_MS),
    ]);
    const next = Math.min(...moments.filter((moment) => moment > now));
    if (Number.isFinite(next)) this.timer = setTimeout(() => this.redraw(), Math.max(100, next - now));
  }

  private draw(state: EditorState): DecorationSet {
    const drawn = [...this.tracks].flatMap(([id, track]) => this.drawOne(state, id, track));
    return DecorationSet.create(state.doc, drawn);
  }

  private drawOne(state: EditorState, id: number, track: Track): Decoration[] {
    const { cursor, user } = track;
    const head = cursor ? absolute(state, cursor.head) : null;
    const anchor = cursor ? absolute(state, cursor.anchor) : null;
    if (head === null || anchor === null) return [];
    const $head = state.doc.resolve(head);
    const look = lookOf($head, track);
    const drawn = [
      Decoration.widget(head, () => caretOf(user, look), {
        key: `${id}:${user.name}:${look.join(" ")}`,
        side: 10,
        ignoreSelection: true,
        marks: [],
      }),
    ];
    const colour = colourOf(user);
    if (anchor !== head) {
      const [from, to] = [Math.min(anchor, head), Math.max(anchor, head)];
      drawn.push(Decoration.inline(from, to, { class: "selected", ...colour }));
    }
    return isAgent(user) ? [...drawn, ...this.drawFresh(state, $head, track, colour)] : drawn;
  }

  private drawFresh(state: EditorState, $head: ResolvedPos, track: Track, colour: Record<string, string>): Decoration[] {
    const now = Date.now();
    track.trail = track.trail.filter(({ at }) => now - at < FRESH_MS);
    if (!track.trail.length || !$head.parent.isTextblock) return [];
    const start = track.trail
      .map(({ head }) => absolute(state, head))
      .find((at): at is number => at !== null && at >= $head.start() && at <= $head.pos);
    const isFading = now - track.movedAt >= FADING_MS;
    const drawn = [Decoration.node($head.before(), $head.after(), { class: "is-writing", ...colour })];
    if (start !== undefined && start < $head.pos) {
      drawn.push(Decoration.inline(start, $head.pos, { class: isFading ? "fresh is-fading" : "fresh", ...colour }));
    }
    return drawn;
  }
}

function lookOf($head: ResolvedPos, track: Track): string[] {
  const look = [isAgent(track.user) ? "is-agent" : "is-person"];
  if ($head.parent.isTextblock && $head.parentOffset === $head.parent.content.size) look.push("is-tail");
  if (Date.now() - track.movedAt >= LOUD_MS) look.push("is-quiet");
  if (isBesideCell($head)) look.push("is-cell");
  return look;
}

/** Whether the words of another cell stand to the right: a name goes below the caret there. */
function isBesideCell($head: ResolvedPos): boolean {
  for (let depth = $head.depth; depth > 0; depth -= 1) {
    if ($head.node(depth).type.name === "tableRow") return $head.index(depth) < $head.node(depth).childCount - 1;
  }
  return false;
}

function colourOf(user: Peer): Record<string, string> {
  return user.hue !== undefined ? { "data-hue": user.hue } : { "data-tone": String(user.tone ?? 1) };
}

function caretOf(user: Peer, look: string[]): HTMLElement {
  // The name is drawn by the style sheet: it is no text of the document, for a search in the page or a copy.
  const label = el("b", { "data-name": user.name }, ...(user.icon ? [icon(user.icon)] : []));
  return el("span", { class: `caret ${look.join(" ")}`, "aria-hidden": "true", ...colourOf(user) }, label);
}

/** A name at the end of a full line would stand outside of the page: it goes below its caret. */
function keepInside(view: EditorView): void {
  const edge = view.dom.closest(".doc")?.getBoundingClientRect().right ?? window.innerWidth;
  for (const caret of view.dom.querySelectorAll(".caret.is-tail")) {
    const label = caret.firstElementChild as HTMLElement | null;
    const room = edge - caret.getBoundingClientRect().right;
    caret.classList.toggle("is-edge", (label?.offsetWidth ?? 0) + 8 > room);
  }
}

export const CaretsExtension = Extension.create<{ carets: Carets | null }>({
  name: "carets",
  addOptions: () => ({ carets: null }),
  addProseMirrorPlugins() {
    return this.options.carets ? [this.options.carets.plugin()] : [];
  },
});
