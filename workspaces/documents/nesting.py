"""Where the pieces of one Yjs update stand, as far as the update itself tells: what contains what, and how deep.

A piece names its parent, or a neighbour, whose parent is its own too. A reference to a piece outside of the update
leaves the place unknown; a circle of references is refused, Yjs would wait for it for ever.

What may contain what is decided here, how much and in which order is not: that people can break together, each alone
being right.
"""

from bisect import bisect_right
from enum import Enum, auto
from typing import Final, NamedTuple

from workspaces.documents.protocol import Malformed
from workspaces.documents.schema import ATTRIBUTES_OF, CHILDREN, IDENTIFIED, PLAIN

Id = tuple[int, int]  # (client id, clock)


class Kind(Enum):
    """What a piece is, or what contains it."""

    UNKNOWN = auto()
    TOP = auto()
    ELEMENT = auto()
    TEXT = auto()
    WORDS = auto()  # characters, or the end of a mark
    MARK = auto()  # the beginning of one
    VALUE = auto()  # of an attribute
    VANISHED = auto()  # deleted; only its length is left


class Place(NamedTuple):
    """The container, its depth in elements (0 at the top or when unknown), and the attribute of it that the piece is.

    `name` is the element that contains the piece, or the element around the text that does; empty when unknown.
    """

    container: Kind
    name: str
    depth: int
    attribute: str | None


_ALLOWED: Final[dict[tuple[Kind, bool], frozenset[Kind]]] = {
    (Kind.TOP, False): frozenset({Kind.ELEMENT, Kind.VANISHED}),
    (Kind.ELEMENT, False): frozenset({Kind.ELEMENT, Kind.TEXT, Kind.VANISHED}),
    (Kind.ELEMENT, True): frozenset({Kind.VALUE, Kind.VANISHED}),
    (Kind.TEXT, False): frozenset({Kind.WORDS, Kind.MARK, Kind.VANISHED}),
    (Kind.UNKNOWN, False): frozenset(Kind),
    (Kind.UNKNOWN, True): frozenset({Kind.VALUE, Kind.VANISHED}),
}


class Piece:
    """One item of an update; `left` and `right` are neighbours. As in the bytes: a parent only without neighbours.

    `name` is that of an element, "text" for a text node; `attribute` is set for a value that names one.
    """

    __slots__ = ("attribute", "is_open", "is_top", "kind", "left", "name", "parent", "place", "right")

    def __init__(self) -> None:
        self.kind = Kind.WORDS
        self.name = ""
        self.left: Id | None = None
        self.right: Id | None = None
        self.parent: Id | None = None
        self.is_top = self.is_open = False
        self.attribute: str | None = None
        self.place: Place | None = None


class Nesting:
    """The pieces of one update. `most` bounds the depth; above it nothing is looked at."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.nodes: list[Id] = []
        """Elements and text nodes; those that carry an id are in `blocks` too, text nodes in `texts`."""
        self.blocks: list[Id] = []
        self.texts: list[Id] = []
        self._starts: dict[int, list[int]] = {}
        self._pieces: dict[int, list[tuple[int, Piece]]] = {}  # (clock behind the piece, piece)
        self._is_plain = True

    def add(self, client: int, clock: int, length: int, piece: Piece) -> None:
        """Add a piece; those of one client in clock order."""
        self._starts.setdefault(client, []).append(clock)
        self._pieces.setdefault(client, []).append((clock + length, piece))
        if piece.name:
            self.nodes.append((client, clock))
            if piece.name in IDENTIFIED:
                self.blocks.append((client, clock))
            elif piece.kind is Kind.TEXT:
                self.texts.append((client, clock))
        self._is_plain = self._is_plain and piece.kind is Kind.WORDS and not piece.is_top and piece.attribute is None

    def measure(self) -> int:
        """Return the depth of the deepest element. Raises Malformed for a wrong place."""
        if self._is_plain:  # a keystroke
            return 0
        depth = 0
        for pieces in self._pieces.values():
            for _end, piece in pieces:
                self._resolve(piece)
                if piece.place is not None:
                    _check(piece, piece.place)
                    if piece.kind is Kind.ELEMENT and piece.name != "hardBreak":
                        depth = max(depth, piece.place.depth + 1)
        if depth > self.most:
            raise Malformed("elements are nested too deep")
        return depth

    def _find(self, at: Id | None) -> Piece | None:
        if at is None or at[0] not in self._starts:
            return None
        place = bisect_right(self._starts[at[0]], at[1]) - 1
        if place < 0:
            return None
        end, piece = self._pieces[at[0]][place]
        return piece if at[1] < end else None

    def _resolve(self, piece: Piece) -> None:
        """Follow the references to what is known, then give all on the way their places. A loop: chains are long."""
        way: list[tuple[Piece, Piece | None]] = []
        at: Piece | None = piece
        while at is not None and at.place is None:
            if at.is_open:
                raise Malformed("pieces that lean on each other in a circle")
            at.is_open = True
            leans_on = self._find(at.parent) or self._find(at.left) or self._find(at.right)
            way.append((at, leans_on))
            at = leans_on
        for one, leans_on in reversed(way):
            one.place = self._place(one, leans_on)

    def _place(self, piece: Piece, leans_on: Piece | None) -> Place:
        if leans_on is None or leans_on.place is None:
            top = piece.is_top
            return Place(Kind.TOP if top else Kind.UNKNOWN, "doc" if top else "", 0, piece.attribute)
        if piece.parent is None:
            return leans_on.place
        if leans_on.kind is Kind.VANISHED:
            return Place(Kind.UNKNOWN, "", 0, piece.attribute)
        if leans_on.kind is Kind.TEXT:
            return Place(Kind.TEXT, leans_on.place.name, leans_on.place.depth, piece.attribute)
        if leans_on.kind is Kind.ELEMENT:
            return Place(Kind.ELEMENT, leans_on.name, leans_on.place.depth + 1, piece.attribute)
        raise Malformed("a parent that cannot have children")


def _check(piece: Piece, place: Place) -> None:
    is_right = piece.kind in _ALLOWED.get((place.container, place.attribute is not None), ())
    if place.attribute is not None:
        is_right = is_right and (not place.name or place.attribute in ATTRIBUTES_OF[place.name])
    elif place.name and place.container is Kind.TEXT:
        is_right = is_right and not (piece.kind is Kind.MARK and place.name in PLAIN)
    elif place.name and piece.name:
        is_right = is_right and piece.name in CHILDREN[place.name]
    if not is_right:
        raise Malformed("a piece stands where documents do not have it")
