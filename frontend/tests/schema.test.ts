import { Editor, getSchema, type JSONContent } from "@tiptap/core";
import { expect, test } from "vitest";
import { extensions } from "../src/editor/extensions";
import { attributesOf, fits, MARKS, NODES } from "../src/editor/schema";

const SETTINGS = { fragment: null, placeholder: "", taskLabel: () => "" };
const schema = getSchema(extensions(SETTINGS));

test("the editor has the nodes of the statement and no others", () => {
  expect(Object.keys(schema.nodes).sort()).toEqual(Object.keys(NODES).sort());
});

test("the editor has the marks of the statement and no others", () => {
  expect(Object.keys(schema.marks).sort()).toEqual(Object.keys(MARKS).sort());
});

test.each(Object.keys(NODES))("%s has the attributes of the statement and no others", (name) => {
  expect(Object.keys(schema.nodes[name]?.spec.attrs ?? {}).sort()).toEqual(Object.keys(attributesOf(name)).sort());
});

test.each(Object.keys(MARKS))("the mark %s has the attributes of the statement and no others", (name) => {
  expect(Object.keys(schema.marks[name]?.spec.attrs ?? {}).sort()).toEqual(Object.keys(MARKS[name]?.attrs ?? {}).sort());
});

test.each(Object.keys(NODES))("the values that %s starts with are ones that the server takes", (name) => {
  for (const [attribute, spec] of Object.entries(attributesOf(name))) {
    expect(fits(spec, schema.nodes[name]?.spec.attrs?.[attribute]?.default)).toBe(true);
  }
});

/** Return a node that holds the least it may. */
function least(name: string): JSONContent {
  const spec = NODES[name];
  if (!spec) throw new Error(name);
  const attrs = name === "heading" ? { attrs: { level: 2 } } : {};
  if (spec.content === "none") return { type: name, ...attrs };
  if (spec.content === "inline" || spec.content === "text") return { type: name, ...attrs, content: [{ type: "text", text: "悟空" }] };
  if (spec.content === "blocks") return { type: name, ...attrs, content: [least(spec.first?.[0] ?? "paragraph")] };
  return { type: name, ...attrs, content: [least((spec.content as string[])[0] ?? "")] };
}

const blocks = Object.entries(NODES).filter(([, spec]) => spec.kind === "block").map(([name]) => name);

test.each(blocks)("%s stands wherever blocks stand", (name) => {
  for (const [holder, spec] of Object.entries(NODES)) {
    if (spec.content !== "blocks") continue;
    const first = spec.first ? [least(spec.first[0] ?? "")] : [];
    const node = schema.nodeFromJSON({ type: holder, content: [...first, least(name)] });
    expect(() => node.check(), `${name} in ${holder}`).not.toThrow();
  }
});

test.each(Object.keys(NODES))("%s holds what the statement says and nothing else", (name) => {
  const { content } = NODES[name] ?? {};
  const match = schema.nodes[name]?.contentMatch;
  for (const [child, { kind }] of Object.entries(NODES)) {
    if (child === "doc" || !match) continue;
    const allowed =
      content === "blocks" ? kind === "block" : content === "inline" ? kind === "inline" : content === "text" ? child === "text" : Array.isArray(content) && content.includes(child);
    const starts = NODES[name]?.first ? schema.nodes["paragraph"] && match.matchType(schema.nodes["paragraph"]) : match;
    const type = schema.nodes[child];
    expect(Boolean(type && starts?.matchType(type)), `${child} in ${name}`).toBe(allowed);
  }
});

test("every mark may stand beside every other, and none in a code block", () => {
  const marks = Object.keys(MARKS).map((type) => ({ type, ...(type === "link" ? { attrs: { href: "https://example.com" } } : {}) }));
  const text = { type: "text", text: "all", marks };
  expect(() => schema.nodeFromJSON({ type: "paragraph", content: [text] }).check()).not.toThrow();
  for (const mark of marks) {
    const node = schema.nodeFromJSON({ type: "codeBlock", content: [{ ...text, marks: [mark] }] });
    expect(() => node.check()).toThrow();
  }
});

function paste(editor: Editor, html: string): void {
  const clipboardData = { getData: (kind: string) => (kind === "text/html" ? html : ""), files: [], types: ["text/html"] };
  editor.view.dom.dispatchEvent(Object.assign(new Event("paste", { cancelable: true }), { clipboardData }));
}

function pasted(html: string): JSONContent {
  const editor = new Editor({ extensions: extensions(SETTINGS), injectCSS: false });
  paste(editor, html);
  const json = editor.getJSON();
  editor.destroy();
  return json;
}

function everyNode(node: JSONContent): JSONContent[] {
  return [node, ...(node.content ?? []).flatMap(everyNode)];
}

test("what is pasted becomes what the schema has, whatever it was", () => {
  const json = pasted(`<h5 onclick="x()" data-id="stolen">Deep</h5><img src="x"><p style="color:red" data-origin="forged">Red <font>words</font></p>
    <ol start="-7" type="very long"><li>one</li></ol><table><tr><td colspan="90000" style="text-align:justify">cell</td></tr></table>
    <a href="javascript:alert(1)" class="evil">bad</a> <a href="https://example.com" target="_top" class="evil">good</a><script>x</script><iframe src="x"></iframe>`);
  const nodes = everyNode(json);
  expect(nodes.find(({ type }) => type === "heading")?.attrs?.["level"]).toBe(3);
  for (const node of nodes) {
    const known = attributesOf(node.type ?? "");
    for (const [name, value] of Object.entries(node.attrs ?? {})) {
      expect(known[name] && fits(known[name], value), `${node.type}.${name} = ${String(value)}`).toBe(true);
    }
  }
  const links = nodes.flatMap(({ marks }) => marks ?? []).filter(({ type }) => type === "link");
  expect(links.map(({ attrs }) => attrs)).toEqual([{ href: "https://example.com", target: null, rel: null, class: null, title: null }]);
  expect(nodes.some(({ attrs }) => attrs?.["id"] === "stolen" || attrs?.["origin"] === "forged")).toBe(false);
});

test("a paste that nests without end comes in as its lines", () => {
  const json = pasted(`${"<ul><li>".repeat(60)}bottom${"</li></ul>".repeat(60)}`);
  expect(everyNode(json).some(({ text }) => text === "bottom")).toBe(true);
  expect(everyNode(json).some(({ type }) => type === "bulletList")).toBe(false);
});

test("every new block gets an id of twelve letters, and a copy gets another", () => {
  const editor = new Editor({ extensions: extensions(SETTINGS), injectCSS: false });
  editor.commands.insertContent("<p>one</p><p>two</p>");
  editor.commands.selectAll();
  const html = editor.getHTML();
  editor.commands.focus("end");
  paste(editor, html);
  const ids = (editor.getJSON().content ?? []).map(({ attrs }) => attrs?.["id"] as string);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]{12}$/);
  editor.destroy();
});

test("a paragraph begun after a demonstrated one is a person's own", () => {
  const editor = new Editor({ extensions: extensions(SETTINGS), injectCSS: false });
  editor.commands.setContent({ type: "doc", content: [{ type: "paragraph", attrs: { id: "a", origin: "demo" }, content: [{ type: "text", text: "made up" }] }] });
  editor.commands.setTextSelection(8);
  editor.commands.splitBlock();
  editor.commands.insertContent("my own");
  expect((editor.getJSON().content ?? []).map(({ attrs }) => attrs?.["origin"])).toEqual(["demo", null]);
  editor.destroy();
});
