"""Yjs documents in Python. This module owns every offset: pycrdt measures text in UTF-8 bytes, and an offset inside a
character does not fail there, it corrupts silently. Nobody else computes one.
"""

import secrets
import string
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from pycrdt import Doc, XmlElement, XmlFragment, XmlText

from workspaces.documents.limits import Size
from workspaces.documents.protocol import Malformed
from workspaces.documents.schema import IDENTIFIED, MARKS, NODES, ROOT, TEXT_BLOCKS, Node

_ALPHABET: Final = string.ascii_letters + string.digits
_MARK_ORDER: Final = {name: place for place, name in enumerate(MARKS)}

Parent = XmlFragment | XmlElement


class Broken(Malformed):
    """An update that passed the gate failed in pycrdt. The replica may be half changed: load it anew."""


class Full(Broken):
    """The update is sound, but with it the document would be larger than documents may be."""


def new_block_id() -> str:
    """Return an id for a block: 12 letters and digits (71 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def utf8(text: str) -> int:
    """Return the length of `text` in the unit of pycrdt's offsets."""
    return len(text.encode())


# --- replicas -------------------------------------------------------------------------------------------------------
def open_doc(state: bytes = b"", client_id: int | None = None, *, keeps_deleted: bool = False) -> Doc[Any]:
    """Return a replica that has applied `state` (a Yjs v1 update); it writes as `client_id`.

    `keeps_deleted` switches Yjs' garbage collection off: handles of deleted blocks stay valid, a step can be undone.
    """
    doc: Doc[Any] = Doc(client_id=client_id, skip_gc=keeps_deleted)
    doc.get(ROOT, type=XmlFragment)
    if state:
        apply(doc, [state])
    return doc


def is_panic(error: BaseException) -> bool:
    """Return whether Rust gave up below pycrdt. That is no Exception: it passes all who wait for one."""
    return type(error).__name__ == "PanicException"


def apply(doc: Doc[Any], updates: Iterable[bytes]) -> None:
    """Apply walked updates in one transaction. Raises Broken, also for a panic in Rust (no Exception)."""
    try:
        with doc.transaction():
            for update in updates:
                doc.apply_update(update)
    except BaseException as error:
        if isinstance(error, ValueError | RuntimeError) or is_panic(error):
            raise Broken("the update could not be applied") from error
        raise


# --- finding --------------------------------------------------------------------------------------------------------
def root_of(doc: Doc[Any]) -> XmlFragment:
    root: XmlFragment = doc.get(ROOT, type=XmlFragment)
    return root


def id_of(element: XmlElement) -> str | None:
    """Return the id of a block, or None."""
    value = element.attributes.get("id")
    return value if isinstance(value, str) else None


def elements_in(parent: Parent) -> Iterator[XmlElement]:
    """Yield the elements below `parent` in the order of the text."""
    for child in parent.children:
        if isinstance(child, XmlElement):
            yield child
            if child.tag not in TEXT_BLOCKS:
                yield from elements_in(child)


def size_of(doc: Doc[Any], state: bytes | None = None) -> Size:
    """Return how large a document is; `state` is its update, if there is one already. Costs a look at each block."""
    blocks = nodes = 0
    todo: list[Any] = [root_of(doc)]
    while todo:
        for child in todo.pop().children:
            nodes += 1
            if isinstance(child, XmlElement):
                blocks += child.tag in IDENTIFIED
                todo.append(child)
    return Size(len(doc.get_update() if state is None else state), blocks, nodes)


def size_of_nodes(nodes: Iterable[Node]) -> Size:
    """Return by how much nodes make a document larger, their bytes counted as those of their text."""
    size = Size()
    for node in nodes:
        size = size.plus(Size(utf8(node.get("text", "")), node["type"] in IDENTIFIED, 1))
        size = size.plus(size_of_nodes(node.get("content") or []))
    return size


def ids_in(doc: Doc[Any]) -> set[str]:
    """Return all ids of blocks."""
    return {found for element in elements_in(root_of(doc)) if (found := id_of(element)) is not None}


def find(doc: Doc[Any], block_id: str) -> XmlElement | None:
    """Return the block with this id, wherever it is; of several (a paste can double an id) the first."""
    return next((element for element in elements_in(root_of(doc)) if id_of(element) == block_id), None)


def place_of(doc: Doc[Any], block_id: str) -> int | None:
    """Return the index, at the top of the document, of the block with this id or of the block that contains it."""
    inside: int | None = None
    for place, child in enumerate(root_of(doc).children):
        if not isinstance(child, XmlElement):
            continue
        if id_of(child) == block_id:
            return place
        if (
            inside is None
            and child.tag not in TEXT_BLOCKS
            and any(id_of(one) == block_id for one in elements_in(child))
        ):
            inside = place
    return inside


def end_of(doc: Doc[Any]) -> int:
    """Return the index at the top where new blocks come last: before the empty paragraph that editors keep there."""
    children = root_of(doc).children
    count = len(children)
    last = children[count - 1] if count else None
    is_blank = isinstance(last, XmlElement) and last.tag == "paragraph" and not words_of(last)
    return count - 1 if is_blank else count


def text_block(element: XmlElement) -> XmlElement | None:
    """Return the element itself if it holds text, else its last descendant that does (in a list: a paragraph)."""
    if element.tag in TEXT_BLOCKS:
        return element
    last: XmlElement | None = None
    for inner in elements_in(element):
        if inner.tag in TEXT_BLOCKS:
            last = inner
    return last


def holds(element: XmlElement) -> str:
    """Return what a text block holds: "inline" or, without marks and breaks, "text"."""
    return str(NODES[element.tag or ""]["content"])


def texts_in(element: XmlElement) -> list[XmlText]:
    return [child for child in element.children if isinstance(child, XmlText)]


def last_text(element: XmlElement) -> XmlText:
    """Return the text node at the end of a text block, made if there is none. Call inside a transaction."""
    children = element.children
    last = children[len(children) - 1] if len(children) else None
    return last if isinstance(last, XmlText) else children.append(XmlText())


def text_before(element: XmlElement, child: XmlElement) -> XmlText:
    """Return a new text node in front of `child`, a break in a text block. Call inside a transaction."""
    return element.children.insert(_index_of(element, child), XmlText())


def _index_of(parent: Parent, child: XmlElement) -> int:
    return next(place for place, one in enumerate(parent.children) if one == child)


# --- reading --------------------------------------------------------------------------------------------------------
def words_of(element: XmlElement) -> str:
    """Return the words of a block without marks: a line break for each hardBreak and between the blocks inside."""
    if element.tag not in TEXT_BLOCKS:
        return "\n".join(words_of(child) for child in element.children if isinstance(child, XmlElement))
    return "".join(
        plain(child) if isinstance(child, XmlText) else "\n"
        for child in element.children
        if isinstance(child, XmlText | XmlElement)
    )


def plain(text: XmlText) -> str:
    """Return the characters of a text node without marks."""
    return "".join(part for part, _marks in text.diff() if isinstance(part, str))


def read(parent: Parent) -> list[Node]:
    """Return the content of `parent` as nodes; whole numbers, which Yjs knows as floats, are whole again."""
    nodes: list[Node] = []
    for child in parent.children:
        if isinstance(child, XmlText):
            for part, marks in child.diff():
                if isinstance(part, str) and part:
                    add_text(nodes, part, _marks(marks or {}))
        elif isinstance(child, XmlElement):
            element: Node = {"type": child.tag}
            if attrs := _attributes(child):
                element["attrs"] = attrs
            if content := read(child):
                element["content"] = content
            nodes.append(element)
    return nodes


def _attributes(element: XmlElement) -> dict[str, Any]:
    return {name: _number(element.attributes.get(name)) for name in sorted(names_in(element))}


def names_in(element: XmlElement) -> set[str]:
    """Return the names of the attributes that an element has."""
    return {name for name, _value in element.attributes}  # type: ignore[attr-defined]


def add_text(nodes: list[Node], text: str, marks: list[Node]) -> None:
    """Append a text node, or its words to the last one when their marks are the same."""
    last = nodes[-1] if nodes else None
    if last is not None and last["type"] == "text" and last.get("marks", []) == marks:
        nodes[-1] = {**last, "text": last["text"] + text}
    elif text:
        nodes.append({"type": "text", "text": text, "marks": marks} if marks else {"type": "text", "text": text})


def _marks(marks: dict[str, Any]) -> list[Node]:
    """Yjs keeps marks without an order; ours is that of the schema."""
    names = sorted(marks, key=lambda name: _MARK_ORDER.get(name, len(_MARK_ORDER)))
    return [
        {"type": name, "attrs": dict(attrs)} if isinstance(attrs := marks[name], dict) and attrs else {"type": name}
        for name in names
    ]


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


# --- writing --------------------------------------------------------------------------------------------------------
def write(parent: Parent, nodes: list[Node], at: int | None = None, taken: set[str] | None = None) -> list[str]:
    """Write valid `nodes` into `parent` at index `at` (default: the end); returns the ids of the blocks at this level.

    Blocks get an id unless they bring one that is not in `taken`, which grows by what is written. Call inside one
    transaction: a browser deletes what it sees half-built.
    """
    taken = set() if taken is None else taken
    pieces = _pieces(nodes, taken)
    place = len(parent.children) if at is None else at
    # A place is found by walking. Where nothing is yet, the last piece goes first: 40,000 blocks in 1 s, not in 46.
    backwards = place == 0 and not len(parent.children)
    for run, attrs in reversed(pieces) if backwards else pieces:
        if run[0]["type"] == "text":
            text = parent.children.insert(place, XmlText())
            for node in reversed(run):
                text.insert(0, node["text"], {mark["type"]: without_none(mark) for mark in node.get("marks") or []})
        else:
            element = parent.children.insert(place, XmlElement(run[0]["type"], attrs, []))
            write(element, run[0].get("content") or [], None, taken)
        place += 0 if backwards else 1
    return [attrs["id"] for run, attrs in pieces if run[0]["type"] in IDENTIFIED]


def _pieces(nodes: list[Node], taken: set[str]) -> list[tuple[list[Node], dict[str, Any]]]:
    """Return what becomes one child each, with its attributes: a run of text nodes, or one other node."""
    pieces: list[tuple[list[Node], dict[str, Any]]] = []
    for is_text, run in groupby(nodes, lambda node: node["type"] == "text"):
        if is_text:
            pieces.append((list(run), {}))
            continue
        for node in run:
            attrs = without_none(node)
            if node["type"] in IDENTIFIED:
                if attrs.get("id", "") in taken or not attrs.get("id"):
                    attrs["id"] = new_block_id()
                taken.add(attrs["id"])
            pieces.append(([node], attrs))
    return pieces


def without_none(node: Node) -> dict[str, Any]:
    """Return the attributes of a node or mark that say something."""
    return {name: value for name, value in (node.get("attrs") or {}).items() if value is not None}


def remove(element: XmlElement) -> None:
    """Take a block or a break away, and what contains only it: an empty list is no list. Call inside a transaction.

    The paragraph that an item has to begin with is emptied instead while the item holds more.
    """
    parent = element.parent
    while isinstance(parent, XmlElement) and parent.tag not in TEXT_BLOCKS and len(parent.children) == 1:
        element, parent = parent, parent.parent
    if not isinstance(parent, XmlElement | XmlFragment):
        return
    place = _index_of(parent, element)
    if place == 0 and isinstance(parent, XmlElement) and "first" in NODES[parent.tag or ""]:
        del element.children[0 : len(element.children)]
    else:
        del parent.children[place]
