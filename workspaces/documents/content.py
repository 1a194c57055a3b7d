"""A document's content in other forms: Markdown in and out, HTML out, plain words and their number. Pure."""

import html
import re
from typing import Any, Final

from pycrdt import Doc

from workspaces.documents import crdt, links
from workspaces.documents.markdown_parse import parse_markdown
from workspaces.documents.markdown_write import to_markdown
from workspaces.documents.schema import TEXT_BLOCKS, Node, number_of, validate

__all__ = ["parse_markdown", "plain_text", "read", "seed", "to_html", "to_markdown", "words_in"]

_TAGS: Final = {
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "taskList": "ul",
    "listItem": "li",
    "taskItem": "li",
    "blockquote": "blockquote",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
}
_MARK_TAGS: Final = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "code": "code"}

# Scripts that write without blanks count by character: Kana, Han with its extensions.
_BY_CHARACTER: Final = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_WORD: Final = re.compile(rf"[{_BY_CHARACTER}]|[^\W_{_BY_CHARACTER}]+(?:['’.,\-][^\W_{_BY_CHARACTER}]+)*")


# --- documents ------------------------------------------------------------------------------------------------------
def read(doc: Doc[Any]) -> list[Node]:
    """Return the blocks of a document."""
    return crdt.read(crdt.root_of(doc))


def seed(doc: Doc[Any], nodes: list[Node]) -> list[str]:
    """Write blocks at the end of a document in one transaction; returns their ids. Raises NotInSchema."""
    validate(nodes)
    taken = crdt.ids_in(doc)
    with doc.transaction():
        return crdt.write(crdt.root_of(doc), nodes, None, taken)


# --- words ----------------------------------------------------------------------------------------------------------
def plain_text(nodes: list[Node]) -> str:
    """Return the words of blocks without marks, a line for each block that holds text and for each line break."""
    return "\n".join(line for node in nodes for line in _lines(node))


def _lines(node: Node) -> list[str]:
    content: list[Node] = node.get("content") or []
    if node["type"] in TEXT_BLOCKS:
        return ["".join(str(child.get("text", "\n")) for child in content)]
    return [line for child in content for line in _lines(child)]


def words_in(text: str) -> int:
    """Return the number of words: runs of letters and digits, each Chinese or Japanese character by itself."""
    return sum(1 for _ in _WORD.finditer(text))


# --- HTML -----------------------------------------------------------------------------------------------------------
def to_html(nodes: list[Node]) -> str:
    """Return blocks as HTML without styles or scripts: everything is escaped, links only where `links.is_safe`."""
    return "".join(_html(node) for node in nodes)


def _html(node: Node) -> str:
    kind, attrs = node["type"], node.get("attrs") or {}
    if kind == "text":
        return _html_text(node)
    inner = to_html(node.get("content") or [])
    match kind:
        case "hardBreak":
            return "<br>"
        case "horizontalRule":
            return "<hr>"
        case "heading":
            level = number_of(node, "level")
            return f"<h{level}>{inner}</h{level}>"
        case "codeBlock":
            return f"<pre><code>{inner}</code></pre>"
        case "table":
            return f"<table><tbody>{inner}</tbody></table>"
        case "taskItem":
            return f"<li>{'☑' if attrs.get('checked') else '☐'} {inner}</li>"
    tag = _TAGS.get(kind, "div")
    return f"<{tag}{_html_numbers(node)}>{inner}</{tag}>"


def _html_numbers(node: Node) -> str:
    given = ((name, number_of(node, name)) for name in ("start", "colspan", "rowspan"))
    return "".join(f' {name}="{value}"' for name, value in given if value != 1)


def _html_text(node: Node) -> str:
    text = html.escape(node["text"])
    for mark in reversed(node.get("marks") or []):
        if mark["type"] == "link":
            href = str((mark.get("attrs") or {}).get("href") or "").strip()
            if links.is_safe(href):
                text = f'<a href="{html.escape(href)}" rel="noopener noreferrer">{text}</a>'
        elif tag := _MARK_TAGS.get(mark["type"]):
            text = f"<{tag}>{text}</{tag}>"
    return text
