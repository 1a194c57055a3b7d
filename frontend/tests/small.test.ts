import { Editor } from "@tiptap/core";
import { describe, expect, test, vi } from "vitest";
import { matching, type Block } from "../src/editor/blocks";
import { LinkForm } from "../src/editor/bubble";
import { extensions } from "../src/editor/extensions";
import { completed, isSafe } from "../src/editor/links";
import { harmless } from "../src/editor/paste";
import { initials } from "../src/editor/presence";
import { backoff } from "../src/editor/transport";
import * as wire from "../src/editor/wire";
import licences from "../../static/dist/LICENSES.md?raw";

describe("bytes", () => {
  test("come back as what they were", () => {
    const bytes = new Uint8Array(300).map((_, at) => at % 256);
    expect(wire.read(wire.step1(bytes))).toEqual({ kind: "step1", vector: bytes });
    expect(wire.read(wire.step2(bytes))).toEqual({ kind: "update", update: bytes, isStep2: true });
    expect(wire.read(wire.update(bytes))).toEqual({ kind: "update", update: bytes, isStep2: false });
    expect(wire.read(wire.awareness(bytes))).toEqual({ kind: "awareness", update: bytes });
    const body = { type: "rejected", n: 3, code: "forbidden", message: "悟空 🐒 é" } as const;
    expect(wire.read(wire.control(body))).toEqual({ kind: "control", body });
  });

  test("that are cut are an error, and kinds that nobody knows are nothing", () => {
    expect(() => wire.read(wire.update(new Uint8Array(50)).slice(0, 20))).toThrow(RangeError);
    expect(() => wire.read(new Uint8Array([0, 0, 255]))).toThrow(RangeError);
    expect(wire.read(new Uint8Array([9, 1]))).toBeNull();
  });
});

describe("links", () => {
  test.each(["https://example.com", "http://a.b/c?d=e:f", "mailto:a@b.c", "tel:+49", "/here", "#there", "page.html"])("may lead to %s", (href) => {
    expect(isSafe(href)).toBe(true);
  });

  test.each(["javascript:alert(1)", "JaVa\nScript:x", "data:text/html,x", "vbscript:x", "//evil.example", "\\\\evil", "", "file:///etc", "x y:z"])("may not lead to %j", (href) => {
    expect(isSafe(href)).toBe(false);
  });

  test("are completed from what a person types", () => {
    expect(completed("example.com/tea")).toBe("https://example.com/tea");
    expect(completed(" ada@example.com ")).toBe("mailto:ada@example.com");
    expect(completed("http://example.com")).toBe("http://example.com");
    expect(completed("javascript:alert(1)")).toBeNull();
    expect(completed(`https://${"x".repeat(2000)}`)).toBeNull();
    expect(completed("  ")).toBeNull();
  });
});

test.each([["javascript:alert(1)", true], ["https://example.com", false]])("whether the form of a link to %s hides the way there: %s", (href, isHidden) => {
  const editor = new Editor({
    extensions: extensions({ fragment: null, placeholder: "", taskLabel: () => "" }),
    injectCSS: false,
    content: { type: "doc", content: [{ type: "paragraph", content: [{ type: "text", text: "words", marks: [{ type: "link", attrs: { href } }] }] }] },
  });
  editor.commands.setTextSelection(3);
  vi.spyOn(editor.view, "coordsAtPos").mockReturnValue({ left: 0, right: 0, top: 0, bottom: 0 });
  const form = new LinkForm(editor);
  form.show();
  const way = document.querySelector<HTMLAnchorElement>(".link-form a");
  expect(document.querySelector<HTMLInputElement>(".link-form input")?.value).toBe(href);
  expect(way?.hidden).toBe(isHidden);
  expect(way?.getAttribute("href")).toBe(isHidden ? null : href);
  form.destroy();
  editor.destroy();
});

test("pasted HTML loses handlers, styles and what loads things, and keeps its formatting", () => {
  const html = harmless(
    `<b style="font-weight:normal" onclick='x()'><p onload=x() style="color:red">a <span style="font-weight:700;font-style:italic">b</span></p></b><script>x()</script><style>p{}</style>`,
  );
  expect(html).toBe("<p>a <span><strong></strong><em><strong>b</strong></em></span></p>".replace("<strong></strong>", ""));
  expect(harmless('<p data-pm-slice="1 1 []">on = 3 style="x"</p>')).toBe('<p data-pm-slice="1 1 []">on = 3 style="x"</p>');
});

// suitenumerique/docs #2104, and its reconnection burst: all came back at the same moment.
test("the wait for the next connection grows to a limit and is not the same for all", () => {
  expect(backoff(0, () => 1)).toBe(400);
  expect(backoff(0, () => 0)).toBe(200);
  expect(backoff(3, () => 1)).toBe(3200);
  expect(backoff(40, () => 1)).toBe(15_000);
});

test("blocks are found by the start of any of their words", () => {
  const named = (name: string, title: string, words: string): Block => ({ name, title, words, icon: "", isActive: () => false, apply: () => {} });
  const all = [named("h", "Heading 1", "h1 title"), named("t", "Table", "rows"), named("k", "Task list", "todo")];
  expect(matching(all, "").map(({ name }) => name)).toEqual(["h", "t", "k"]);
  expect(matching(all, "TA").map(({ name }) => name)).toEqual(["t", "k"]);
  expect(matching(all, "todo").map(({ name }) => name)).toEqual(["k"]);
  expect(matching(all, "ist").map(({ name }) => name)).toEqual(["k"]);
  expect(matching(all, "nothing")).toEqual([]);
});

test("avatars have the letters that the server gives them", () => {
  expect(initials("Ada Lind")).toBe("AL");
  expect(initials("ada.maria.lind")).toBe("AL");
  expect(initials("悟空")).toBe("悟");
  expect(initials("")).toBe("?");
});

test("the built bundle holds no other binding than y-prosemirror", () => {
  expect(licences).toContain("y-prosemirror");
  expect(licences).not.toContain("@tiptap/y-tiptap");
});
