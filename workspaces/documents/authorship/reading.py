"""Takes a Yjs v1 update apart: its pieces as they came, and what it deletes. Pure.

The gate has walked every update before it came into the log; here only what is needed to put the pieces in order is
kept. Text is held in UTF-16 units, as Yjs counts it: a character beyond the first 65,536 is two of them, so that an
index into the text is a distance between clocks.
"""

from enum import IntEnum
from typing import Final

from workspaces.documents.protocol import Malformed, Reader
from workspaces.documents.schema import ROOT

Id = tuple[int, int]  # (client id, clock)
Span = tuple[int, int, int]  # (client id, clock, length in UTF-16 units)

_GC, _DELETED, _STRING, _FORMAT, _TYPE, _ANY = 0, 1, 4, 6, 7, 8
_XML_ELEMENT, _XML_TEXT = 3, 6
_HAS_LEFT, _HAS_RIGHT, _HAS_ATTRIBUTE = 128, 64, 32
_VALUE_DEPTH: Final = 8  # the gate's own limit


class Kind(IntEnum):
    """What a piece is: `BARE` pieces are kept for their place alone."""

    BARE = 0
    TEXT = 1
    ELEMENT = 2
    TEXT_NODE = 3
    VALUE = 4
    GONE = 5  # deleted before it was sent, without a place


class Piece:
    """One struct of an update. `text` is its words, its element's name, or an attribute's string.

    `parent` is the id of a type, None for the top; it is only known when the piece leans on no other (`is_placed`).
    """

    __slots__ = (
        "attribute", "client", "clock", "is_dead", "is_placed", "kind", "left", "length", "parent", "right", "text",
    )  # fmt: skip

    def __init__(self, client: int, clock: int) -> None:
        self.client, self.clock, self.length = client, clock, 1
        self.kind = Kind.BARE
        self.text: str | None = None
        self.left: Id | None = None
        self.right: Id | None = None
        self.parent: Id | None = None
        self.attribute: str | None = None
        self.is_placed = self.is_dead = False


def units(text: str) -> str:
    """Return `text` with each character beyond the first 65,536 as two surrogates."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    return "".join(map(chr, memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")))


def characters(text: str) -> str:
    """Return text in units as characters again; half a pair, which Yjs never leaves, becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def read(update: bytes) -> tuple[dict[int, list[Piece]], list[Span]]:
    """Return {client id: pieces in clock order} and the deleted spans. Raises Malformed."""
    reader = Reader(update)
    blocks: dict[int, list[Piece]] = {}
    for _ in range(reader.var_uint()):
        count, client, clock = reader.var_uint(), reader.var_uint(), reader.var_uint()
        pieces = blocks.setdefault(client, [])
        for _ in range(count):
            piece = _piece(reader, client, clock)
            if not piece.length:
                raise Malformed("an empty piece")
            clock += piece.length
            pieces.append(piece)
    deleted: list[Span] = []
    for _ in range(reader.var_uint()):
        client = reader.var_uint()
        deleted += [(client, reader.var_uint(), reader.var_uint()) for _ in range(reader.var_uint())]
    reader.end()
    return blocks, deleted


def _piece(reader: Reader, client: int, clock: int) -> Piece:
    piece = Piece(client, clock)
    info = reader.byte()
    kind = info & 31
    if kind == _GC:
        piece.kind, piece.is_dead, piece.length = Kind.GONE, True, reader.var_uint()
        return piece
    if info & _HAS_LEFT:
        piece.left = reader.var_uint(), reader.var_uint()
    if info & _HAS_RIGHT:
        piece.right = reader.var_uint(), reader.var_uint()
    if not info & (_HAS_LEFT | _HAS_RIGHT):
        piece.is_placed = True
        if not reader.var_uint():
            piece.parent = reader.var_uint(), reader.var_uint()
        elif reader.var_string() != ROOT:
            raise Malformed("an unknown root")
        if info & _HAS_ATTRIBUTE:
            piece.attribute = reader.var_string()
    _content(reader, piece, kind)
    return piece


def _content(reader: Reader, piece: Piece, kind: int) -> None:
    if kind == _STRING:
        piece.kind, piece.text = Kind.TEXT, units(reader.var_string())
        piece.length = len(piece.text)
    elif kind == _TYPE:
        form = reader.var_uint()
        if form == _XML_TEXT:
            piece.kind = Kind.TEXT_NODE
        elif form == _XML_ELEMENT:
            piece.kind, piece.text = Kind.ELEMENT, reader.var_string()
        else:
            raise Malformed("an unknown block")
    elif kind == _FORMAT:
        reader.var_bytes()
        reader.var_bytes()
    elif kind == _DELETED:
        piece.is_dead, piece.length = True, reader.var_uint()
    elif kind == _ANY:
        piece.kind, piece.length = Kind.VALUE, reader.var_uint()
        for _ in range(piece.length):
            piece.text = _value(reader, 1)
    else:
        raise Malformed("content that documents do not have")


def _value(reader: Reader, depth: int) -> str | None:
    """Read past a value; returns it if it is a string."""
    kind = reader.byte()
    if kind == 119:
        return reader.var_string()
    if kind == 125:
        while reader.byte() > 127:
            pass
    elif kind in (124, 123):
        reader.take(4 if kind == 124 else 8)
    elif kind in (118, 117):
        if depth > _VALUE_DEPTH:
            raise Malformed("a value is nested too deep")
        for _ in range(reader.var_uint()):
            if kind == 118:
                reader.var_bytes()
            _value(reader, depth + 1)
    elif kind not in (127, 126, 121, 120):
        raise Malformed("a value of an unknown kind")
    return None
