/** The keys to the ends of the document. Which they are is decided by the platform when the page loads. */

import { Editor } from "@tiptap/core";
import { TextSelection } from "@tiptap/pm/state";
import { afterEach, expect, test, vi } from "vitest";

let editor: Editor;
afterEach(() => {
  editor.destroy();
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** Three paragraphs with the caret after the "t" of the middle one, on a computer of a kind. */
async function page(platform: string): Promise<Editor> {
  vi.stubGlobal("navigator", { ...window.navigator, platform, userAgent: "", vendor: "" });
  vi.resetModules();
  const { extensions } = await import("../src/editor/extensions");
  editor = new Editor({
    element: document.createElement("div"),
    injectCSS: false,
    extensions: extensions({ fragment: null, placeholder: "", taskLabel: () => "" }),
    content: "<p>one</p><p>two</p><p>three</p>",
  });
  editor.commands.setTextSelection(7);
  return editor;
}

/** Press keys, such as "Shift+Control+End"; return whether the editor took them, and its selection. */
function press({ view }: Editor, keys: string): [isTaken: boolean, anchor: number, head: number] {
  const names = keys.split("+");
  const [key, ctrlKey, metaKey] = [names.at(-1) ?? "", names.includes("Control"), names.includes("Meta")];
  const [shiftKey, altKey] = [names.includes("Shift"), names.includes("Alt")];
  const event = new KeyboardEvent("keydown", { key, ctrlKey, metaKey, shiftKey, altKey });
  const screen = view.state.plugins.find((plugin) => (plugin as unknown as { key: string }).key.startsWith("screen$"));
  const isTaken = Boolean(screen?.props.handleKeyDown?.call(screen, view, event));
  return [isTaken, view.state.selection.anchor, view.state.selection.head];
}

test.each<[platform: string, keys: string, isTaken: boolean, anchor: number, head: number]>([
  ["MacIntel", "Meta+ArrowUp", true, 1, 1],
  ["MacIntel", "Meta+ArrowDown", true, 16, 16],
  ["MacIntel", "Meta+Home", true, 1, 1],
  ["MacIntel", "Meta+End", true, 16, 16],
  ["MacIntel", "Shift+Meta+ArrowUp", true, 7, 1],
  ["MacIntel", "Control+End", false, 7, 7],
  ["MacIntel", "ArrowDown", false, 7, 7],
  ["MacIntel", "Alt+Meta+ArrowDown", false, 7, 7],
  ["iPad", "Meta+ArrowDown", true, 16, 16],
  ["Win32", "Control+Home", true, 1, 1],
  ["Win32", "Control+End", true, 16, 16],
  ["Win32", "Shift+Control+End", true, 7, 16],
  ["Linux x86_64", "Control+ArrowDown", false, 7, 7],
  ["Linux x86_64", "Meta+End", false, 7, 7],
  ["Linux x86_64", "End", false, 7, 7],
])("on %s %s is taken: %s; the selection is then from %i to %i", async (platform, keys, ...then) => {
  expect(press(await page(platform), keys)).toEqual(then);
});

test("a selection to the end starts where an arrow key has just put the caret, though the browser has not told it", async () => {
  const made = await page("Win32");
  // What the editor does when it is asked to look at once.
  const { domObserver } = made.view as unknown as { domObserver: { flush: () => void } };
  domObserver.flush = () => made.view.dispatch(made.state.tr.setSelection(TextSelection.create(made.state.doc, 8)));
  expect(press(made, "Shift+Control+End")).toEqual([true, 8, 16]);
});
