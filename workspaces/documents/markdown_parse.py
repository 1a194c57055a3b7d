"""Markdown in: CommonMark with tables, strikethrough and task lists becomes nodes. HTML stays text."""

import re
from collections.abc import Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from workspaces.documents.crdt import add_text
from workspaces.documents.schema import MARKS, NODES, Node, validate

_BLOCKS: Final = {
    "paragraph": "paragraph",
    "heading": "heading",
    "bullet_list": "bulletList",
    "ordered_list": "orderedList",
    "list_item": "listItem",
    "blockquote": "blockquote",
    "table": "table",
    "tr": "tableRow",
    "th": "tableHeader",
    "td": "tableCell",
}
_MARKS: Final = {"strong": "bold", "em": "italic", "s": "strike", "link": "link"}
_MARK_ORDER: Final = {name: place for place, name in enumerate(MARKS)}
_MAX_LEVEL: Final[int] = NODES["heading"]["attrs"]["level"]["max"]
_UNWRITABLE: Final = re.compile(r"[`&\s\\]+")  # what a fence of backticks cannot name a language with
_MAX_LANGUAGE: Final[int] = NODES["codeBlock"]["attrs"]["language"]["max"]
_MAX_HREF: Final[int] = MARKS["link"]["attrs"]["href"]["max"]
_MAX_TITLE: Final[int] = MARKS["link"]["attrs"]["title"]["max"]
_CHECKBOX: Final = re.compile(r"\[([ xX])\](?:\s+|$)")


class _Markdown(MarkdownIt):
    def normalizeLink(self, url: str) -> str:
        """Leave addresses as they are written: a browser encodes them itself, and they come back unchanged."""
        return url


_markdown = _Markdown("commonmark", {"html": False}).enable(["table", "strikethrough"])


def parse_markdown(text: str) -> list[Node]:
    """Return the blocks of a Markdown text. Headings below the third level become the third. Raises NotInSchema."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of characters become U+FFFD
    top: Node = {"type": "doc", "content": []}
    stack = [top]
    for token in _markdown.parse(whole):
        _take(token, stack)
    nodes = [_finished(node) for node in top["content"]]
    validate(nodes)
    return nodes


def _take(token: Token, stack: list[Node]) -> None:
    kind, _, edge = token.type.rpartition("_")
    inside: list[Node] = stack[-1]["content"]
    if token.type == "inline":
        _take_inline(token, stack)
    elif token.type in ("fence", "code_block"):
        inside.append(_code(token))
    elif token.type == "hr":
        inside.append({"type": "horizontalRule"})
    elif edge == "open" and kind in _BLOCKS:
        opened = _opened(kind, token)
        inside.append(opened)
        stack.append(opened)
    elif edge == "close" and kind in _BLOCKS:
        stack.pop()


def _take_inline(token: Token, stack: list[Node]) -> None:
    block, tokens = stack[-1], token.children or []
    if block["type"] in ("tableCell", "tableHeader"):
        block["content"].append(_with_content("paragraph", _inline(tokens)))
        return
    item = stack[-2] if len(stack) > 1 else block
    is_first = item["type"] == "listItem" and item["content"][0] is block
    if is_first and (box := _CHECKBOX.match(token.content)) and tokens and tokens[0].type == "text":
        item["attrs"] = {"checked": box[1] != " "}
        tokens[0].content = tokens[0].content[3:].lstrip()
        if not tokens[0].content and len(tokens) > 1 and tokens[1].type == "softbreak":
            del tokens[:2]
    block["content"].extend(_inline(tokens))


def _code(token: Token) -> Node:
    text = token.content.removesuffix("\n")
    node = _with_content("codeBlock", [{"type": "text", "text": text}] if text else [])
    if language := _UNWRITABLE.sub(" ", token.info).strip()[:_MAX_LANGUAGE].strip():
        node["attrs"] = {"language": language}
    return node


def _with_content(kind: str, content: list[Node]) -> Node:
    return {"type": kind, "content": content} if content else {"type": kind}


def _opened(kind: str, token: Token) -> Node:
    node: Node = {"type": _BLOCKS[kind], "content": []}
    if kind == "heading":
        node["attrs"] = {"level": min(int(token.tag[1]), _MAX_LEVEL)}
    elif kind == "ordered_list":
        start = token.attrGet("start")
        node["attrs"] = {"start": 1 if start is None else int(start)}
    elif kind in ("th", "td") and (style := token.attrGet("style")):
        node["attrs"] = {"align": str(style).removeprefix("text-align:")}
    return node


def _finished(node: Node) -> Node:
    """Repair what Markdown allows and documents do not: items without a paragraph, mixed task lists, ragged tables."""
    content: list[Node] = [_finished(child) for child in node.get("content") or []]
    kind: str = node["type"]
    if kind == "listItem" and (not content or content[0]["type"] != "paragraph"):
        content.insert(0, {"type": "paragraph"})
    if kind in ("blockquote", "tableCell", "tableHeader") and not content:
        content = [{"type": "paragraph"}]
    if kind == "table":
        _fill_rows(content)
    if kind in ("bulletList", "orderedList"):
        is_task = kind == "bulletList" and any("checked" in item.get("attrs", {}) for item in content)
        kind = "taskList" if is_task else kind
        content = [_item(item, is_task=is_task) for item in content]
    done = {**node, "type": kind, "content": content}
    if not content:
        del done["content"]
    return done


def _item(item: Node, *, is_task: bool) -> Node:
    checked = bool(item.get("attrs", {}).get("checked"))
    if is_task:
        return {"type": "taskItem", "attrs": {"checked": checked}, "content": item["content"]}
    if "attrs" not in item:
        return item
    first, *rest = item["content"]  # a box in a numbered list: it stays text
    words: list[Node] = [{"type": "text", "text": "[x] " if checked else "[ ] "}]
    for span in first.get("content", []):
        _extend(words, span)
    return {"type": "listItem", "content": [{**first, "content": words}, *rest]}


def _fill_rows(rows: Sequence[Node]) -> None:
    width = max(len(row["content"]) for row in rows)
    for row in rows:
        missing = width - len(row["content"])
        row["content"] += [{"type": "tableCell", "content": [{"type": "paragraph"}]} for _ in range(missing)]


def _extend(out: list[Node], node: Node) -> None:
    if node["type"] == "text":
        add_text(out, node["text"], node.get("marks", []))
    else:
        out.append(node)


def _inline(tokens: Sequence[Token]) -> list[Node]:
    out: list[Node] = []
    active: list[Node] = []
    for token in tokens:
        kind, _, edge = token.type.rpartition("_")
        if edge == "open" and kind in _MARKS:
            active.append(_link(token, "href") if kind == "link" else {"type": _MARKS[kind]})
        elif edge == "close" and kind in _MARKS:
            active.pop()
        elif token.type == "hardbreak":
            out.append({"type": "hardBreak"})
        elif token.type == "softbreak":
            add_text(out, " ", _marks(active))
        elif token.type == "code_inline":
            add_text(out, token.content, _marks([*active, {"type": "code"}]))
        elif token.type == "image":  # until documents have images: a link to it
            words = "".join(child.content for child in token.children or []) or "image"
            add_text(out, words, _marks([*active, _link(token, "src")]))
        else:
            add_text(out, token.content, _marks(active))
    return _without_blanks_at_breaks(out)


def _without_blanks_at_breaks(nodes: list[Node]) -> list[Node]:
    """Blanks around a line break cannot be written: a line does not begin or end with one."""
    kept: list[Node] = []
    for place, node in enumerate(nodes):
        is_code = {"type": "code"} in (node.get("marks") or [])
        if node["type"] == "text" and not is_code:
            text = node["text"]
            if kept and kept[-1]["type"] == "hardBreak":
                text = text.lstrip(" \t")
            if all(later["type"] == "text" and not later["text"].strip(" \t") for later in _until_break(nodes, place)):
                text = text.rstrip(" \t")
            node = {**node, "text": text}
        if node["type"] != "text" or node["text"]:
            kept.append(node)
    return kept


def _until_break(nodes: list[Node], place: int) -> list[Node]:
    """Return what stands between a node and the break behind it; something that is no blank when there is none."""
    for at in range(place + 1, len(nodes)):
        if nodes[at]["type"] == "hardBreak":
            return nodes[place + 1 : at]
    return [{"type": "end"}]


def _link(token: Token, name: str) -> Node:
    href, title = str(token.attrGet(name) or ""), str(token.attrGet("title") or "")
    if not href or len(href) > _MAX_HREF:
        return {}
    attrs = {"href": href, "title": title[:_MAX_TITLE]} if title else {"href": href}
    return {"type": "link", "attrs": attrs}


def _marks(active: Sequence[Node]) -> list[Node]:
    """Return each mark once, the outermost of its kind, in the order of the schema."""
    once: dict[str, Node] = {}
    for mark in active:
        if mark:
            once.setdefault(mark["type"], mark)
    return sorted(once.values(), key=lambda mark: _MARK_ORDER[mark["type"]])
