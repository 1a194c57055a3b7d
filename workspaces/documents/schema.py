"""What a document may contain, read from schema.json: the browser's editor and this validator state it once.

A browser deletes what its schema does not know, for everybody: so every node that the server writes is validated first.

Kinds of nodes: `block` stands wherever blocks stand, `item` in its own list only, `part` is a row or a cell, `inline`
stands in text. Blocks and items carry the global attributes. `content` is "blocks", "inline" (text with marks and
breaks), "text" (no marks), "none", or the names of the children.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from workspaces.documents.protocol import Malformed

Node = dict[str, Any]
Spec = Mapping[str, Any]

SCHEMA: Final[dict[str, Any]] = json.loads(files("workspaces.documents").joinpath("schema.json").read_text("utf-8"))
VERSION: Final[int] = SCHEMA["version"]
ROOT: Final[str] = SCHEMA["root"]
MAX_DEPTH: Final[int] = SCHEMA["max_depth"]
NODES: Final[dict[str, Spec]] = SCHEMA["nodes"]
MARKS: Final[dict[str, Spec]] = SCHEMA["marks"]
GLOBAL: Final[dict[str, Spec]] = SCHEMA["global_attrs"]

BLOCKS: Final = frozenset(name for name, node in NODES.items() if node["kind"] == "block")
IDENTIFIED: Final = frozenset(name for name, node in NODES.items() if node["kind"] in ("block", "item"))
TEXT_BLOCKS: Final = frozenset(name for name, node in NODES.items() if node["content"] in ("inline", "text"))
ELEMENTS: Final = frozenset(NODES) - {"doc", "text"}
ATTRIBUTES: Final = frozenset(GLOBAL).union(*(node["attrs"] for node in NODES.values()))


def _contained(content: str | list[str]) -> frozenset[str]:
    match content:
        case "blocks":
            return BLOCKS
        case "inline":
            return frozenset({"text", "hardBreak"})
        case "text" | "none":
            return frozenset({content}) - {"none"}
        case _:
            return frozenset(content)


CHILDREN: Final = {name: _contained(node["content"]) for name, node in NODES.items()}
"""{node: what may stand in it}, in whatever number and order. Of two people's changes together each keeps to this."""

ATTRIBUTES_OF: Final = {
    name: frozenset(node["attrs"]) | (frozenset(GLOBAL) if name in IDENTIFIED else frozenset())
    for name, node in NODES.items()
}
PLAIN: Final = frozenset(name for name, node in NODES.items() if node["content"] == "text")
"""Text blocks whose words have no marks."""


class NotInSchema(Malformed):
    """A node, mark or attribute that documents do not have."""


def validate(nodes: Sequence[Node]) -> None:
    """Raise NotInSchema unless `nodes` are blocks as a document may hold them at its top."""
    _children("doc", nodes, depth=1)


def _validate(node: Node, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotInSchema("blocks are nested too deep")
    name = node["type"]
    spec = NODES[name]
    known = {**GLOBAL, **spec["attrs"]} if name in IDENTIFIED else spec["attrs"]
    _attributes(name, known, node.get("attrs"))
    children = node.get("content") or []
    if spec["content"] == "none":
        if children:
            raise NotInSchema(f"{name} holds nothing")
    elif name in TEXT_BLOCKS:
        for child in _list(name, children):
            _inline(name, child, is_plain=spec["content"] == "text")
    else:
        if not children:
            raise NotInSchema(f"{name} may not be empty")
        _children(name, children, depth + 1)


def _children(name: str, children: Sequence[Node], depth: int) -> None:
    content = NODES[name]["content"]
    allowed = BLOCKS if content == "blocks" else frozenset(content)
    first = NODES[name].get("first", allowed)
    for place, child in enumerate(_list(name, children)):
        kind = _type_of(child)
        if kind not in (allowed if place else first):
            raise NotInSchema(f"{kind} does not belong there in {name}")
        _validate(child, depth)


def _list(name: str, children: Any) -> list[Node]:
    if not isinstance(children, list):
        raise NotInSchema(f"the content of {name} is not a list")
    return children


def _type_of(node: Any) -> str:
    kind = node.get("type") if isinstance(node, dict) else None
    if not isinstance(kind, str):
        raise NotInSchema("not a node")
    return kind


def _inline(parent: str, node: Node, *, is_plain: bool) -> None:
    kind = _type_of(node)
    if kind == "hardBreak" and not is_plain:
        return
    text = node.get("text")
    if kind != "text" or not isinstance(text, str) or not text:
        raise NotInSchema(f"{kind} does not belong into {parent}")
    _encodable(text)
    marks = _list("marks", node.get("marks") or [])
    if is_plain and marks:
        raise NotInSchema("code has no marks")
    for mark in marks:
        name = _type_of(mark)
        if name not in MARKS:
            raise NotInSchema(f"the mark {name} is unknown")
        _attributes(name, MARKS[name]["attrs"], mark.get("attrs"))


def _encodable(text: str) -> None:
    """Half of a surrogate pair (JSON can say it) has no UTF-8; NUL no place in a database's text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotInSchema("text has half of a character") from error
    if "\0" in text:
        raise NotInSchema("text has a NUL")


def _attributes(owner: str, known: Mapping[str, Spec], given: Any) -> None:
    given = given or {}
    if not isinstance(given, dict):
        raise NotInSchema(f"the attributes of {owner} are not an object")
    for name, spec in known.items():
        if spec.get("required") and given.get(name) is None:
            raise NotInSchema(f"{owner} needs {name}")
    for name, value in given.items():
        if name not in known:
            raise NotInSchema(f"{owner} has no attribute {name}")
        if value is not None and not _fits(known[name], value):
            raise NotInSchema(f"{owner}.{name} is wrong")


def _fits(spec: Spec, value: Any) -> bool:
    match spec["type"]:
        case "string":
            if not isinstance(value, str):
                return False
            _encodable(value)
            return value in spec["enum"] if "enum" in spec else len(value) <= spec["max"]
        case "boolean":
            return isinstance(value, bool)
        case "integers":
            return isinstance(value, list) and all(_is_whole(spec, one) for one in value)
        case _:
            return _is_whole(spec, value)


def is_known_value(kind: str, name: str, value: Any) -> bool:
    """Return whether a node of this kind may have this value as this attribute of its own; None it may always have."""
    spec = NODES[kind]["attrs"].get(name)
    return value is None or (spec is not None and _fits(spec, value))


def number_of(node: Node, name: str) -> int:
    """Return a whole number among a node's attributes as the schema has it, 1 for anything else.

    Documents hold what their writers' programs wrote; only what the server writes has been validated.
    """
    value = (node.get("attrs") or {}).get(name)
    return 1 if value is None or not is_known_value(node["type"], name, value) else int(value)


def _is_whole(spec: Spec, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    is_whole = isinstance(value, int) or value.is_integer()
    return is_whole and bool(spec["min"] <= value <= spec["max"])


# --- the page -------------------------------------------------------------------------------------------------------
def as_markdown() -> str:
    """Return docs/schema.md."""
    lines = [
        "# What a document may contain",
        "",
        f"Schema version {VERSION}. The one root is the XmlFragment `{ROOT}`; names are those of Tiptap.",
        f"Anything else is refused at the gate. Blocks of the server nest at most {MAX_DEPTH} deep. This page comes",
        "from `workspaces/documents/schema.json`; `python -m workspaces.documents.schema` prints it.",
        "",
        "Every block and every item of a list may carry:",
        "",
        *_attribute_lines(GLOBAL),
        "",
        "`id` is unique in the document and addresses the block; `origin` says where its words come from when",
        "nobody wrote them: quoted from a source, made up for a demonstration, or taken from the scripted model.",
        "",
        "| node | kind | holds | attributes |",
        "|---|---|---|---|",
    ]
    for name, node in NODES.items():
        content = node["content"] if isinstance(node["content"], str) else ", ".join(node["content"])
        if "first" in node:
            content += f"; first a {node['first'][0]}"
        lines.append(f"| {name} | {node['kind']} | {content} | {_in_cell(node['attrs'])} |")
    lines += ["", "| mark | attributes |", "|---|---|"]
    lines += [f"| {name} | {_in_cell(mark['attrs'])} |" for name, mark in MARKS.items()]
    return "\n".join(lines) + "\n"


def _attribute_lines(attributes: Mapping[str, Spec]) -> list[str]:
    return [f"- `{name}`: {_meaning(spec)}" for name, spec in attributes.items()]


def _in_cell(attributes: Mapping[str, Spec]) -> str:
    return "<br>".join(f"`{name}`: {_meaning(spec)}" for name, spec in attributes.items())


def _meaning(spec: Spec) -> str:
    if "enum" in spec:
        meaning = " or ".join(spec["enum"])
    elif spec["type"] == "string":
        meaning = f"string of at most {spec['max']} characters"
    elif "min" in spec:
        meaning = f"{spec['type']} from {spec['min']} to {spec['max']}"
    else:
        meaning = str(spec["type"])
    if spec.get("required"):
        return f"{meaning}, required"
    return f"{meaning}, {json.dumps(spec['default'])} if left out" if "default" in spec else meaning


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201 - the page is printed, `> docs/schema.md` writes it
