"""Where the pieces of one Yjs update stand, as far as the update itself tells: what contains what, and how deep.

A piece names its parent, or a neighbour, whose parent is its own too. A reference to a piece outside of the update
leaves the place unknown; a circle of references is refused, Yjs would wait for it for ever.
"""

from bisect import bisect_right
from enum import Enum, auto
from typing import Final, NamedTuple

from workspaces.documents.protocol import Malformed

Id = tuple[int, int]  # (client id, clock)


class Kind(Enum):
    """What a piece is, or what contains it."""

    UNKNOWN = auto()
    TOP = auto()
    ELEMENT = auto()
    TEXT = auto()
    WORDS = auto()  # characters, or the edge of a mark
    VALUE = auto()  # of an attribute
    VANISHED = auto()  # deleted; only its length is left


class Place(NamedTuple):
    """The container, its depth (0 at the top or when unknown), and whether the piece is an attribute of it."""

    container: Kind
    depth: int
    is_attribute: bool


_NOWHERE: Final = Place(Kind.UNKNOWN, 0, False)
_ALLOWED: Final[dict[tuple[Kind, bool], frozenset[Kind]]] = {
    (Kind.TOP, False): frozenset({Kind.ELEMENT, Kind.VANISHED}),
    (Kind.ELEMENT, False): frozenset({Kind.ELEMENT, Kind.TEXT, Kind.VANISHED}),
    (Kind.ELEMENT, True): frozenset({Kind.VALUE, Kind.VANISHED}),
    (Kind.TEXT, False): frozenset({Kind.WORDS, Kind.VANISHED}),
    (Kind.UNKNOWN, False): frozenset(Kind),
    (Kind.UNKNOWN, True): frozenset({Kind.VALUE, Kind.VANISHED}),
}


class Piece:
    """One item of an update; `left` and `right` are neighbours. As in the bytes: a parent only without neighbours."""

    __slots__ = ("is_attribute", "is_open", "is_top", "kind", "left", "parent", "place", "right")

    def __init__(self, kind: Kind = Kind.WORDS) -> None:
        self.kind = kind
        self.left: Id | None = None
        self.right: Id | None = None
        self.parent: Id | None = None
        self.is_top = self.is_attribute = self.is_open = False
        self.place: Place | None = None


class Nesting:
    """The pieces of one update. `most` bounds the depth."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._starts: dict[int, list[int]] = {}
        self._pieces: dict[int, list[tuple[int, Piece]]] = {}  # (clock behind the piece, piece)
        self._elements = 0
        self._is_plain = True

    def add(self, client: int, clock: int, length: int, piece: Piece) -> None:
        """Add a piece; those of one client in clock order."""
        self._starts.setdefault(client, []).append(clock)
        self._pieces.setdefault(client, []).append((clock + length, piece))
        self._elements += piece.kind in (Kind.ELEMENT, Kind.TEXT)
        self._is_plain = self._is_plain and piece.kind is Kind.WORDS and not piece.is_top and not piece.is_attribute

    def measure(self) -> tuple[int, int]:
        """Return how many elements and text nodes, and the depth of the deepest. Raises Malformed for a wrong place."""
        if self._is_plain:  # a keystroke
            return 0, 0
        depth = 0
        for pieces in self._pieces.values():
            for _end, piece in pieces:
                self._resolve(piece)
                place = piece.place or _NOWHERE
                if piece.kind not in _ALLOWED.get((place.container, place.is_attribute), ()):
                    raise Malformed("a piece stands where documents do not have it")
                if piece.kind in (Kind.ELEMENT, Kind.TEXT):
                    depth = max(depth, place.depth + 1)
        if depth > self.most:
            raise Malformed("elements are nested too deep")
        return self._elements, depth

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
            return Place(Kind.TOP if piece.is_top else Kind.UNKNOWN, 0, piece.is_attribute)
        if piece.parent is None:
            return leans_on.place
        if leans_on.kind is Kind.VANISHED:
            return Place(Kind.UNKNOWN, 0, piece.is_attribute)
        if leans_on.kind not in (Kind.ELEMENT, Kind.TEXT):
            raise Malformed("a parent that cannot have children")
        return Place(leans_on.kind, leans_on.place.depth + 1, piece.is_attribute)
