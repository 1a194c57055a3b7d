"""Markdown out: the nodes of a document as text which `parse_markdown` reads back to the same nodes.

Not in Markdown, and so not written: empty paragraphs, underlining, merged cells, white space at the ends of a line or
of a mark.
"""

import re
from typing import Any, Final

from workspaces.documents.markdown_inline import escape_lines, spans
from workspaces.documents.schema import Node, number_of

_BULLETS: Final = ("-", "*")
_NUMBERS: Final = (".", ")")
_MOST_CELLS: Final = 100_000  # of a table with its gaps and merged cells; a larger one is written without them
_COLONS: Final = {"left": ":--", "center": ":-:", "right": "--:"}


def to_markdown(nodes: list[Node]) -> str:
    """Return blocks as Markdown with a line break at the end; nothing for nothing."""
    text = _blocks(nodes)
    return text + "\n" if text else ""


def _blocks(nodes: list[Node]) -> str:
    parts: list[str] = []
    before, turn = "", 0
    for node in nodes:
        family = "bullets" if node["type"] in ("bulletList", "taskList") else node["type"]
        is_list = family in ("bullets", "orderedList")
        turn = 1 - turn if is_list and family == before else 0  # two lists in a row are told apart by their signs
        part = _block(node, turn)
        if part is not None:
            parts.append(part)
            before = family
    return "\n\n".join(parts)


def _block(node: Node, turn: int) -> str | None:
    content: list[Node] = node.get("content") or []
    attrs: dict[str, Any] = node.get("attrs") or {}
    match node["type"]:
        case "heading":
            words = re.sub(r"(^|\s)(#+)$", r"\1\\\2", spans(content, has_breaks=False))
            return f"{'#' * number_of(node, 'level')} {words}".rstrip()
        case "paragraph":
            return escape_lines(spans(content)) or None
        case "blockquote":
            return "\n".join(f"> {line}".rstrip() for line in _blocks(content).split("\n"))
        case "codeBlock":
            return _code("".join(child.get("text", "") for child in content), str(attrs.get("language") or ""))
        case "horizontalRule":
            return "---"
        case "bulletList" | "orderedList" | "taskList":
            return _list(node, content, turn)
        case "table":
            return _table(content)
        case _:
            return None


def _code(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    opening = fence + re.sub(r"[`&\s\\]+", " ", language).strip()
    return f"{opening}\n{text}\n{fence}" if text else f"{opening}\n{fence}"


def _list(node: Node, items: list[Node], turn: int) -> str:
    kind, start = node["type"], number_of(node, "start")
    rows = []
    for place, item in enumerate(items):
        sign = f"{start + place}{_NUMBERS[turn]}" if kind == "orderedList" else _BULLETS[turn]
        indent = " " * (len(sign) + 1)
        box = ""
        if kind == "taskList":
            box = "[x] " if (item.get("attrs") or {}).get("checked") else "[ ] "
        body = _item(item.get("content") or [], box)
        body = re.sub(r"\n(?=[^\n])", "\n" + indent, body)
        rows.append(f"{sign} {body}".rstrip(" "))
    return "\n".join(rows)


def _item(blocks: list[Node], box: str) -> str:
    """The paragraph of an item on its own line, lists below it directly, everything else after a blank line."""
    first, rest = blocks[0] if blocks else {}, blocks[1:]
    line = (box + ((_block(first, 0) if first else None) or "")).rstrip()
    if not rest:
        return line
    below = _blocks(rest)
    is_tight = not line or re.match(r"(?:[-*]|1[.)]) \S", below)  # what else cannot end a paragraph
    return "\n".join([line, below] if is_tight else [line, "", below]) if below else line


def _table(rows: list[Node]) -> str:
    if not rows:
        return ""
    cells = [row.get("content") or [] for row in rows]
    is_whole = len(rows) * max(sum(number_of(cell, "colspan") for cell in row) for row in cells) <= _MOST_CELLS
    lines = [[text for cell in row for text in _cell(cell, has_span=is_whole)] for row in cells]
    width = max(len(line) for line in lines)
    head = rows[0].get("content") or []
    aligned = [(cell.get("attrs") or {}).get("align") for cell in head]
    rule = [_COLONS.get(str(align), "---") for align in aligned] + ["---"] * (width - len(aligned))
    padded = [line + [""] * (width - len(line)) for line in (lines if is_whole else lines[:1])]
    rest = padded[1:] if is_whole else lines[1:]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule[:width], *rest])


def _cell(cell: Node, *, has_span: bool) -> list[str]:
    words = " ".join(filter(None, (_flat(block) for block in cell.get("content") or [])))
    return [words.replace("|", "\\|")] + [""] * (number_of(cell, "colspan") - 1 if has_span else 0)


def _flat(block: Node) -> str:
    """A cell is one line: blocks in it are joined."""
    content: list[Node] = block.get("content") or []
    if any(child["type"] not in ("text", "hardBreak") for child in content):
        return " ".join(filter(None, (_flat(child) for child in content)))
    return spans(content, has_breaks=False)
