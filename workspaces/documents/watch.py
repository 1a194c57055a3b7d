"""Sees where the pieces of an update came to stand, which its bytes alone do not tell. Pure."""

from typing import Any, Final

from pycrdt import Doc, XmlElement, XmlText

from workspaces.documents.crdt import Broken, Full, names_in, root_of
from workspaces.documents.limits import COLUMNS, DEPTH, Size
from workspaces.documents.schema import ATTRIBUTES_OF, CHILDREN, IDENTIFIED, NODES, PLAIN, is_known_value

_SPANS: Final = ("colspan", "rowspan")
_CELLS: Final = frozenset(name for name, node in NODES.items() if _SPANS[0] in node["attrs"])
_ROW: Final = "tableRow"


class Watch:
    """Watches one replica. A text node at the top crashes every browser that opens the document, so does a cell that
    says to be a billion columns wide; a paragraph in a paragraph, or an attribute that its block does not have, makes
    each editor say that it is outdated; an attacker who nests one level with each update brings any reader down.

    Costs are those of the change (of a table: of the rows that are touched), not of the document.
    """

    def __init__(self, doc: Doc[Any], depth: int = DEPTH) -> None:
        self.depth = depth
        self._problem: Broken | None = None
        self._blocks = self._nodes = 0
        self._rows: list[XmlElement] = []
        self._subscription = root_of(doc).observe_deep(self._seen)

    def check(self) -> None:
        """Raise Broken if anything applied since the last call left the form of a document, Full if it became too deep
        or a table too wide: then drop the replica.
        """
        rows, self._rows = self._rows, []
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem
        if any(_width(row) > COLUMNS for row in rows):
            raise Full("a table is too wide")

    def take_growth(self) -> Size:
        """Return what has been inserted since the last call; what was taken away is not subtracted, bytes are 0."""
        growth = Size(0, self._blocks, self._nodes)
        self._blocks = self._nodes = 0
        return growth

    def _seen(self, events: list[Any]) -> None:
        for event in events:
            target = event.target
            if isinstance(target, XmlText):
                self._text(target, event)
                continue
            if event.keys:
                self._attributes(target, event.keys)
            for part in event.delta:
                if "insert" in part:
                    self._insert(target, part["insert"], len(event.path))

    def _broken(self, why: str) -> None:
        self._problem = Broken(why)

    def _text(self, text: XmlText, event: Any) -> None:
        if event.keys:
            self._broken("an attribute of text")
        for part in event.delta:
            if "attributes" in part and _has_marks(part["attributes"]) and _tag(text.parent) in PLAIN:
                self._broken("a mark in a block that has none")
            if not isinstance(part.get("insert", ""), str):
                self._broken("a block inside of text")

    def _attributes(self, element: Any, keys: dict[str, Any]) -> None:
        if not isinstance(element, XmlElement):
            self._broken("an attribute of the document")
            return
        known = ATTRIBUTES_OF[_tag(element)]
        if any(change["action"] != "delete" and name not in known for name, change in keys.items()):
            self._broken("an attribute that a block does not have")
        else:
            self._measure(element)

    def _measure(self, element: XmlElement) -> None:
        tag = element.tag
        if tag == _ROW:
            self._rows.append(element)
        elif tag in _CELLS:
            if not all(is_known_value(tag, name, element.attributes.get(name)) for name in _SPANS):
                self._broken("a cell of a size that tables do not have")
            elif element.attributes.get("colspan") is not None and isinstance(element.parent, XmlElement):
                self._rows.append(element.parent)

    def _insert(self, parent: Any, inserted: Any, depth: int) -> None:
        if not inserted:  # letters, some of them
            self._broken("text outside of a block")
        if isinstance(parent, XmlElement) and parent.tag == _ROW:
            self._rows.append(parent)
        todo: list[tuple[str, Any, int]] = [(_tag(parent), child, depth + 1) for child in inserted]
        while todo and self._problem is None:
            holder, child, depth = todo.pop()
            kind = _kind(child)
            self._nodes += 1
            if kind not in CHILDREN[holder]:
                self._broken(f"{kind or 'words'} in {holder}")
            elif kind == "text":
                self._new_text(holder, child)
            else:
                self._new_element(child, kind, depth)
                todo += [(kind, grandchild, depth + 1) for grandchild in child.children]

    def _new_text(self, holder: str, text: XmlText) -> None:
        if len(text.attributes):
            self._broken("an attribute of text")
        elif holder in PLAIN and any(_has_marks(marks) for _words, marks in text.diff()):
            self._broken("a mark in a block that has none")

    def _new_element(self, element: XmlElement, kind: str, depth: int) -> None:
        self._blocks += kind in IDENTIFIED
        if depth > self.depth and kind != "hardBreak":
            self._problem = Full("elements are nested too deep")
        elif not names_in(element) <= ATTRIBUTES_OF[kind]:
            self._broken("an attribute that a block does not have")
        elif len(list(element.children)) != len(element.children):  # letters count, but are not among them
            self._broken("text outside of a block")
        else:
            self._measure(element)


def _has_marks(attributes: dict[str, Any] | None) -> bool:
    return any(value is not None for value in (attributes or {}).values())


def _kind(node: Any) -> str:
    if isinstance(node, XmlText):
        return "text"
    return _tag(node) if isinstance(node, XmlElement) else ""


def _tag(element: Any) -> str:
    """Return the name of what contains something; the root is the document."""
    return (element.tag or "") if isinstance(element, XmlElement) else "doc"


def _width(row: XmlElement) -> int:
    width = 0
    for cell in row.children:
        if isinstance(cell, XmlElement) and cell.tag in _CELLS:
            span = cell.attributes.get(_SPANS[0])
            width += 1 if span is None or not is_known_value(cell.tag, _SPANS[0], span) else int(span)
    return width
