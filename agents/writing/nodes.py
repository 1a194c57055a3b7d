"""ProseMirror nodes that code writes (Tiptap names, no ids: the engine's peer gives them)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agents.writing.writes import Node, Origin


def text(words: str, *, bold: bool = False) -> list[Node]:
    if not words:
        return []
    node: Node = {"type": "text", "text": words}
    if bold:
        node["marks"] = [{"type": "bold"}]
    return [node]


def _with_origin(node: Node, origin: Origin | None) -> Node:
    return {**node, "attrs": {"origin": origin}} if origin else node


def paragraph(words: str, origin: Origin | None = None) -> Node:
    return _with_origin({"type": "paragraph", "content": text(words)}, origin)


def heading(words: str, level: int = 2) -> Node:
    return {"type": "heading", "attrs": {"level": level}, "content": text(words)}


def bullets(items: Iterable[str], origin: Origin | None = None) -> Node:
    """One list; the mark of origin stands on the list, not on each item."""
    rows = [{"type": "listItem", "content": [{"type": "paragraph", "content": text(item)}]} for item in items]
    return _with_origin({"type": "bulletList", "content": rows}, origin)


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], origin: Origin | None = None, *, last_bold: bool = False
) -> Node:
    """A table with one header row; `last_bold` for a row of totals."""
    lines = list(rows)

    def cell(kind: str, words: str, bold: bool) -> Node:
        content: list[dict[str, Any]] = [{"type": "paragraph", "content": text(words, bold=bold)}]
        return {"type": kind, "content": content}

    body = [{"type": "tableRow", "content": [cell("tableHeader", name, False) for name in header]}]
    for number, line in enumerate(lines, start=1):
        bold = last_bold and number == len(lines)
        body.append({"type": "tableRow", "content": [cell("tableCell", words, bold) for words in line]})
    return _with_origin({"type": "table", "content": body}, origin)
