"""One statement of what a document may hold: the validator, the page and the file say the same."""

from pathlib import Path

import pytest

from workspaces.documents import schema
from workspaces.documents.schema import NotInSchema, validate

ROOT = Path(__file__).parents[3]


def text(words="x", *marks):
    return {"type": "text", "text": words, "marks": list(marks)} if marks else {"type": "text", "text": words}


def block(kind, *content, **attrs):
    return {"type": kind, "attrs": attrs, "content": list(content)}


def cell(*content, **attrs):
    return block("table", block("tableRow", block("tableCell", *content, **attrs)))


PARAGRAPH = block("paragraph", text())


def deep(levels):
    node = PARAGRAPH
    for _ in range(levels):
        node = block("blockquote", node)
    return node


GOOD = {
    "nothing": [],
    "a paragraph without anything": [{"type": "paragraph"}],
    "marks": [
        block(
            "paragraph", text("x", {"type": "bold"}, {"type": "link", "attrs": {"href": "https://x", "target": None}})
        )
    ],
    "a break": [block("heading", text(), {"type": "hardBreak"}, level=3, id="abc", origin="demo")],
    "lists": [
        block("orderedList", block("listItem", PARAGRAPH, block("bulletList", block("listItem", PARAGRAPH))), start=0)
    ],
    "tasks": [block("taskList", block("taskItem", PARAGRAPH, checked=True))],
    "a table": [cell(PARAGRAPH, colspan=2, colwidth=[100, 20], align="left")],
    "whole numbers as Yjs gives them": [block("heading", level=2.0)],
    "code": [block("codeBlock", text("a\nb"), language=None)],
    "a rule": [{"type": "horizontalRule"}],
    "origin on every block": [
        block(kind, *content, origin="source") for kind, content in (("blockquote", [PARAGRAPH]), ("codeBlock", []))
    ],
    "the deepest": [deep(schema.MAX_DEPTH - 1)],
}

BAD = {
    "an unknown block": [{"type": "video"}],
    "an inline node at the top": [text()],
    "the document itself": [block("doc", PARAGRAPH)],
    "an item without a list": [block("listItem", PARAGRAPH)],
    "not a node": ["x"],
    "a type that is not a name": [{"type": ["paragraph"]}],
    "no type": [{}],
    "an empty list": [block("bulletList")],
    "an empty item": [block("bulletList", block("listItem"))],
    "an item that begins with a list": [
        block("bulletList", block("listItem", block("bulletList", block("listItem", PARAGRAPH))))
    ],
    "a task in a plain list": [block("bulletList", block("taskItem", PARAGRAPH))],
    "bare text in a cell": [cell(text())],
    "a cell without a row": [block("table", block("tableCell", PARAGRAPH))],
    "a block in a paragraph": [block("paragraph", PARAGRAPH)],
    "no text": [block("paragraph", text(""))],
    "text that is a number": [block("paragraph", {"type": "text", "text": 1})],
    "half of a character": [block("paragraph", text("\ud83d"))],
    "a NUL": [block("paragraph", text("a\0b"))],
    "bold code": [block("codeBlock", text("x", {"type": "bold"}))],
    "a break in code": [block("codeBlock", {"type": "hardBreak"})],
    "content in a rule": [block("horizontalRule", PARAGRAPH)],
    "an unknown mark": [block("paragraph", text("x", {"type": "blink"}))],
    "a link to nowhere": [block("paragraph", text("x", {"type": "link"}))],
    "a long link": [block("paragraph", text("x", {"type": "link", "attrs": {"href": "x" * 2001}}))],
    "an attribute on a mark": [block("paragraph", text("x", {"type": "bold", "attrs": {"id": "x"}}))],
    "a heading without level": [block("heading")],
    "a heading of level 4": [block("heading", level=4)],
    "a level as a word": [block("heading", level="2")],
    "a level as a truth": [block("heading", level=True)],
    "half a level": [block("heading", level=1.5)],
    "an endless level": [block("heading", level=float("inf"))],
    "no level": [block("heading", level=float("nan"))],
    "an unknown attribute": [block("paragraph", style="x")],
    "an unknown origin": [block("paragraph", origin="oracle")],
    "an id on a row": [block("table", block("tableRow", block("tableCell", PARAGRAPH), id="x"))],
    "a width that is no list": [cell(PARAGRAPH, colwidth=3)],
    "a long id": [block("paragraph", id="x" * 65)],
    "an id that is a number": [block("paragraph", id=1)],
    "content that is no list": [{"type": "paragraph", "content": "x"}],
    "children that are no list": [{"type": "blockquote", "content": {"type": "paragraph"}}],
    "marks that are no list": [block("paragraph", {"type": "text", "text": "x", "marks": "bold"})],
    "attributes that are no object": [{"type": "paragraph", "attrs": [1]}],
    "too deep": [deep(schema.MAX_DEPTH)],
    "very deep": [deep(400)],
    "an object instead of blocks": {"type": "doc"},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_document_may_hold(name):
    validate(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_document_may_not_hold(name):
    with pytest.raises(NotInSchema):
        validate(BAD[name])


def test_the_page_is_made_from_the_file():
    page = (ROOT / "docs" / "schema.md").read_text("utf-8")

    assert page == schema.as_markdown(), "run: python -m workspaces.documents.schema > docs/schema.md"


def test_children_and_kinds_are_known():
    kinds = {node["kind"] for node in schema.NODES.values()}

    assert kinds == {"top", "block", "item", "part", "inline"}
    for node in schema.NODES.values():
        if isinstance(node["content"], list):
            assert set(node["content"]) <= schema.ELEMENTS
        else:
            assert node["content"] in ("blocks", "inline", "text", "none")
        for spec in node["attrs"].values():
            assert spec["type"] in ("string", "integer", "integers", "boolean")


def test_the_names_that_others_rely_on():
    assert schema.ROOT == "default"
    assert isinstance(schema.VERSION, int)
    assert {"paragraph", "heading", "bulletList", "table"} <= schema.BLOCKS <= schema.IDENTIFIED
    assert {
        "id",
        "origin",
        "level",
        "start",
        "checked",
        "language",
        "colspan",
        "rowspan",
        "colwidth",
    } <= schema.ATTRIBUTES
    assert {"bold", "italic", "strike", "code", "link"} <= set(schema.MARKS)
    assert frozenset({"paragraph", "heading", "codeBlock"}) == schema.TEXT_BLOCKS
