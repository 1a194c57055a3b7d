/**
 * Moves blocks and selections: each move is one Yjs transaction that deletes here and inserts there.
 *
 * The binding compares documents and not steps: told of a move at once, it rewrites all that stands between the two
 * places, and everybody's words there get new ids. So it is shown the document without the block first, then with it.
 * What somebody else writes into a block in the moment of its move goes with the deleted one.
 */

import { Extension } from "@tiptap/core";
import { Fragment, type Node, type ResolvedPos, type Slice } from "@tiptap/pm/model";
import { type EditorState, Plugin, PluginKey, type Selection, TextSelection, type Transaction } from "@tiptap/pm/state";
import { dropPoint, type Mappable } from "@tiptap/pm/transform";
import type { EditorView } from "@tiptap/pm/view";
import { updateYFragment, ySyncPluginKey, yUndoPluginKey } from "y-prosemirror";
import type * as Y from "yjs";

export type Direction = "up" | "down";

/** Blocks side by side in one parent: the positions before the first and after the last. */
export interface Span {
  from: number;
  to: number;
}

interface Sync {
  doc: Y.Doc;
  type: Y.XmlFragment;
  binding: { mux: (run: () => void) => void; _prosemirrorChanged: (doc: Node) => void } | null;
}

const LISTS = new Set(["bulletList", "orderedList", "taskList"]);
const ITEMS = new Set(["listItem", "taskItem"]);
/** What goes when nothing is left in it. */
const HOLDERS = new Set([...LISTS, "blockquote"]);

/**
 * Dispatch a transaction that takes something out and puts it in elsewhere, as one Yjs transaction and one step of undo.
 *
 * `between` is the document after the first half. Returns whether the document has changed. The editor need not be bound to a shared document.
 */
export function commitMove(view: EditorView, tr: Transaction, between: Node): boolean {
  const before = view.state.doc;
  const sync = ySyncPluginKey.getState(view.state) as Sync | undefined;
  const binding = sync?.binding;
  if (!sync || !binding) {
    view.dispatch(tr);
    return view.state.doc !== before;
  }
  const undo = (yUndoPluginKey.getState(view.state) as { undoManager: Y.UndoManager } | undefined)?.undoManager;
  undo?.stopCapturing();
  // The binding's own lock: it must neither answer the dispatch by itself nor take the outcome for somebody else's.
  binding.mux(() => {
    sync.doc.transact(() => {
      view.dispatch(tr);
      if (view.state.doc === before) return; // a plugin did not let it through
      updateYFragment(sync.doc, sync.type, between, binding as never);
      binding._prosemirrorChanged(view.state.doc);
    }, ySyncPluginKey);
  });
  undo?.stopCapturing();
  return view.state.doc !== before;
}

// --- blocks ---------------------------------------------------------------------------------------------------------
/**
 * Move blocks to before `target`, a position between blocks; the caret in them goes along.
 *
 * Items of lists that leave their list take a list of the kind of `wrap` with them. Returns false, and changes nothing,
 * where they may not stand or stand already.
 */
export function moveBlocks(view: EditorView, { from, to }: Span, target: number, wrap?: Node): boolean {
  const { doc, selection } = view.state;
  const { content } = doc.slice(from, to);
  const gone = withEmptied(doc, from, to);
  if (target >= gone.from && target <= gone.to) return false;
  const tr = view.state.tr.delete(gone.from, gone.to);
  const between = tr.doc;
  const at = tr.mapping.map(target);
  const moved = wrap ? Fragment.from(wrap.type.create({ ...wrap.attrs, id: null }, content)) : content;
  const $at = between.resolve(at);
  if (!$at.parent.canReplace($at.index(), $at.index(), moved)) return false;
  tr.insert(at, moved);
  if (selection.from >= from && selection.to <= to) tr.setSelection(shifted(selection, at + (wrap ? 1 : 0) - from, tr.doc));
  return commitMove(view, tr.scrollIntoView(), between);
}

/** Move the one block that begins at `position`. */
export function moveBlock(view: EditorView, position: number, target: number): boolean {
  const node = view.state.doc.nodeAt(position);
  return node !== null && moveBlocks(view, { from: position, to: position + node.nodeSize }, target);
}

/** A list or a quote that nothing would be left of goes too. */
function withEmptied(doc: Node, from: number, to: number): Span {
  let span = { from, to };
  for (let $from = doc.resolve(from); $from.depth > 0 && HOLDERS.has($from.parent.type.name); $from = doc.resolve(span.from)) {
    if ($from.start() !== span.from || $from.end() !== span.to) break;
    span = { from: $from.before(), to: $from.after() };
  }
  return span;
}

function shifted(selection: Selection, by: number, doc: Node): Selection {
  const mapping: Mappable = {
    map: (position) => position + by,
    mapResult: (position) => ({ pos: position + by, deleted: false, deletedBefore: false, deletedAfter: false, deletedAcross: false }),
  } as Mappable;
  return selection.getBookmark().map(mapping).resolve(doc);
}

// --- one place up or down -------------------------------------------------------------------------------------------
/** Return the blocks that the selection is in: items of a list, a whole table, else blocks of the page or of a quote. */
export function spanOf({ selection }: EditorState): Span | null {
  const $from = outOfTable(selection.$from, "before");
  const $to = outOfTable(selection.$to, "after");
  const range = $from.blockRange($to, ({ type }) => type.name === "doc" || HOLDERS.has(type.name));
  return range && range.end > range.start ? { from: range.start, to: range.end } : null;
}

/** Return the block, or the item of a list, around a position. */
export function spanAt(doc: Node, position: number): Span | null {
  const $at = outOfTable(doc.resolve(position), "before");
  for (let depth = $at.depth; depth >= 0; depth -= 1) {
    const { name } = $at.node(depth).type;
    if (name !== "doc" && !HOLDERS.has(name)) continue;
    const from = depth === $at.depth ? $at.pos : $at.before(depth + 1);
    const node = doc.nodeAt(from);
    return node && { from, to: from + node.nodeSize };
  }
  return null;
}

function outOfTable($at: ResolvedPos, side: "before" | "after"): ResolvedPos {
  for (let depth = 1; depth <= $at.depth; depth += 1) {
    if ($at.node(depth).type.name === "table") return $at.doc.resolve($at[side](depth));
  }
  return $at;
}

interface Way extends Span {
  target: number;
  wrap?: Node;
}

/** Return where the blocks of a span come to stand one place further, null at the end of the document. */
export function wayOf(doc: Node, span: Span, direction: Direction): Way | null {
  const isUp = direction === "up";
  const $from = doc.resolve(span.from);
  const { parent, depth } = $from;
  const sibling = siblingOf(doc, span, isUp);
  if (sibling) {
    const isSameList = LISTS.has(sibling.type.name) && $from.nodeAfter?.type === sibling.type && span.to - span.from === $from.nodeAfter.nodeSize;
    // A list of one item that meets another of its kind becomes a part of it.
    if (isSameList && $from.nodeAfter?.childCount === 1) {
      return { from: span.from + 1, to: span.to - 1, target: isUp ? span.from - 1 : span.to + 1 };
    }
    return { ...span, target: isUp ? span.from - sibling.nodeSize : span.to + sibling.nodeSize };
  }
  if (depth === 0) return null;
  const around: Span = { from: $from.before(), to: $from.after() };
  const outer = $from.node(depth - 1);
  const beyond = isUp ? around.from : around.to;
  if (LISTS.has(parent.type.name) && ITEMS.has(outer.type.name)) {
    const place = isUp ? $from.before(depth - 1) : $from.after(depth - 1);
    return outer.type === $from.nodeAfter?.type ? { ...span, target: place } : null;
  }
  const isWhole = span.from === $from.start() && span.to === $from.end();
  if (isWhole) return wayOf(doc, around, direction);
  if (!LISTS.has(parent.type.name)) return { ...span, target: beyond };
  const neighbour = siblingOf(doc, around, isUp);
  if (!neighbour) return null;
  if (neighbour.type === parent.type) return { ...span, target: isUp ? around.from - 1 : around.to + 1 };
  return { ...span, target: isUp ? around.from - neighbour.nodeSize : around.to + neighbour.nodeSize, wrap: parent };
}

function siblingOf(doc: Node, { from, to }: Span, isUp: boolean): Node | null {
  return isUp ? doc.resolve(from).nodeBefore : doc.resolve(to).nodeAfter;
}

/** Move blocks one place up or down; returns where they stand now, null when they are at the end or may not move. */
export function moveSpan(view: EditorView, span: Span, direction: Direction): Span | null {
  const way = view.editable ? wayOf(view.state.doc, span, direction) : null;
  if (!way) return null;
  const size = way.to - way.from;
  const gone = withEmptied(view.state.doc, way.from, way.to);
  if (!moveBlocks(view, way, way.target, way.wrap)) return null;
  const from = (way.target > way.from ? way.target - (gone.to - gone.from) : way.target) + (way.wrap ? 1 : 0);
  return { from, to: from + size };
}

/** Move the blocks of the selection one place up or down; false when nothing has moved. */
export function moveBy(view: EditorView, direction: Direction): boolean {
  const span = spanOf(view.state);
  return span !== null && moveSpan(view, span, direction) !== null;
}

// --- drag and drop --------------------------------------------------------------------------------------------------
/** What is dragged: a block by its handle, found again by its id or itself while others write. */
interface Held {
  id: string | null;
  node: Node;
}

const dragKey = new PluginKey<{ held: Held | null }>("drag");

const EDGE = 4;
/** So far from a block the space between two still belongs to it, in CSS pixels. */
const REACH = [0, 8, -8, 16, -16, 24, -24];

/** Return the block, or the item of a list, that stands at a height of the window. */
export function blockAt(view: EditorView, height: number): Span | null {
  const { dom, state } = view;
  const inside = dom.getBoundingClientRect().right - Number.parseFloat(getComputedStyle(dom).paddingRight) - EDGE;
  const found = dom.ownerDocument.elementFromPoint(inside, height);
  return found && found !== dom && dom.contains(found) ? spanAt(state.doc, view.posAtDOM(found, 0)) : null;
}

export interface Gap {
  target: number;
  /** The block beside it. */
  span: Span;
  isAbove: boolean;
}

/** Return the place above or below a block that a height of the window points at. */
export function gapAt(view: EditorView, height: number): Gap | null {
  for (const reach of REACH) {
    const span = blockAt(view, height + reach);
    const block = span && view.nodeDOM(span.from);
    if (!span || !(block instanceof Element)) continue;
    const { top, bottom } = block.getBoundingClientRect();
    const isAbove = height < (top + bottom) / 2;
    return { target: isAbove ? span.from : span.to, span, isAbove };
  }
  return null;
}

/** Begin to drag the block at `position`; returns false when there is none. */
export function hold(view: EditorView, position: number): boolean {
  const node = view.state.doc.nodeAt(position);
  const drag = dragKey.getState(view.state);
  if (!node || !drag || !view.editable) return false;
  drag.held = { node, id: (node.attrs["id"] as string | null | undefined) ?? null };
  view.dragging = { slice: view.state.doc.slice(position, position + node.nodeSize), move: true };
  return true;
}

/** End what `hold` began, wherever the block was let go. */
export function letGo(view: EditorView): void {
  const drag = dragKey.getState(view.state);
  if (drag) drag.held = null;
  view.dragging = null;
}

function spanOfHeld(doc: Node, { id, node }: Held): Span | null {
  let span: Span | null = null;
  doc.descendants((one, position) => {
    if (one === node || (id !== null && one.attrs["id"] === id)) span = { from: position, to: position + one.nodeSize };
    return span === null && !one.isTextblock;
  });
  return span;
}

/**
 * Drop `slice`, which stands at `span`, near `position`: into the next place where it may stand.
 *
 * `remove` takes it out of its old place. Returns whether anything has moved.
 */
export function dropAt(view: EditorView, slice: Slice, span: Span, position: number, remove: (tr: Transaction) => void): boolean {
  const target = dropPoint(view.state.doc, position, slice) ?? position;
  if (target >= span.from && target <= span.to) return false;
  const tr = view.state.tr;
  remove(tr);
  const between = tr.doc;
  const at = tr.mapping.map(target);
  const only = slice.openStart === 0 && slice.openEnd === 0 && slice.content.childCount === 1 ? slice.content.firstChild : null;
  const steps = tr.steps.length;
  if (only) tr.replaceRangeWith(at, at, only);
  else tr.replaceRange(at, at, slice);
  if (tr.doc.eq(between)) return false;
  let end = tr.mapping.slice(steps).map(at);
  for (const map of tr.mapping.maps.slice(steps)) map.forEach((_from, _to, _start, stop) => (end = stop));
  const isBlock = only !== null && only.isBlock;
  tr.setSelection(isBlock ? TextSelection.near(tr.doc.resolve(end), -1) : TextSelection.between(tr.doc.resolve(at), tr.doc.resolve(end)));
  view.focus();
  return commitMove(view, tr.setMeta("uiEvent", "drop"), between);
}

function dropped(view: EditorView, event: DragEvent, isMove: boolean): boolean {
  const drag = dragKey.getState(view.state);
  const held = drag?.held ?? null;
  const { dragging } = view;
  const place = view.posAtCoords({ left: event.clientX, top: event.clientY });
  if (!isMove || !dragging || !place || !view.editable) return false;
  const { doc, selection } = view.state;
  if (!held && !dragging.slice.size) return false;
  // Handled by us in any case: the editor's own answer would rewrite what stands between.
  const node = (dragging as { node?: Selection }).node;
  const whole = held ? spanOfHeld(doc, held) : node ? { from: node.from, to: node.to } : null;
  if (held && !whole) return true; // somebody has deleted it meanwhile
  if (whole) {
    const gone = withEmptied(doc, whole.from, whole.to);
    // By the handle the pointer is beside the words: only its height says where.
    const position = held ? gapAt(view, event.clientY)?.target : place.pos;
    if (position === undefined) return true;
    dropAt(view, doc.slice(whole.from, whole.to), gone, position, (tr) => tr.delete(gone.from, gone.to));
  } else dropAt(view, selection.content(), selection, place.pos, (tr) => tr.deleteSelection());
  return true;
}

export const Drag = Extension.create({
  name: "drag",
  addProseMirrorPlugins() {
    const drag: { held: Held | null } = { held: null };
    return [
      new Plugin({
        key: dragKey,
        state: { init: () => drag, apply: (_tr, same) => same },
        props: { handleDrop: (view, event, _slice, isMove) => dropped(view, event, isMove) },
      }),
    ];
  },
});
