"""The gate: a strict walker of the Yjs v1 update format. Nothing touches a document before it has passed here.

It refuses what kills pycrdt (a value nested 26,000 deep ends the process), what kills every browser (5,000 deep), what
the schema does not know (the first browser would delete it for everybody), and tells who inserted and deleted what.

An update says of a piece either its parent or its neighbour. Where these are in the same update their places are
checked too (what may contain what, depth); pieces that lean on older ones are checked when they are in the document:
`watch.Watch`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from struct import calcsize, unpack
from typing import Final, NamedTuple

from workspaces.documents.limits import DOCUMENT_BYTES, MESSAGE_BYTES, Size
from workspaces.documents.nesting import Id, Kind, Nesting, Piece
from workspaces.documents.protocol import Malformed, Reader, strict_json
from workspaces.documents.schema import ATTRIBUTES, ELEMENTS, MARKS, ROOT
from workspaces.documents.spans import Spans

__all__ = ["LIMITS", "MESSAGE", "Facts", "Incomplete", "Limits", "Malformed", "walk"]

Range = tuple[int, int]  # (clock, length); lengths of text count UTF-16 units, as Yjs does

_GC, _DELETED, _JSON, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _DOC, _SKIP = range(11)
_XML_ELEMENT, _XML_FRAGMENT, _XML_TEXT = 3, 4, 6
_HAS_LEFT, _HAS_RIGHT, _HAS_ATTRIBUTE = 128, 64, 32
_UNDEFINED, _NULL, _INTEGER, _FLOAT32, _FLOAT64, _FALSE, _TRUE, _STRING_VALUE, _OBJECT, _ARRAY = (
    127, 126, 125, 124, 123, 121, 120, 119, 118, 117,
)  # fmt: skip
_MAX_CLOCK: Final = 1 << 31  # yrs counts in 32 bits


class Incomplete(Malformed):
    """An update that leaves clocks out: a client says so of pieces that wait for what it lacks itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one update may hold at most. `depth` counts elements in elements, `value_depth` values in values.

    What is deeper than this is hostile; what is deeper than documents may be (limits.DEPTH) is only too much.
    """

    bytes: int = DOCUMENT_BYTES
    structs: int = 200_000
    depth: int = 100
    value_depth: int = 8
    value_bytes: int = 4096


LIMITS: Final = Limits()
"""For what the server has written itself or has let in before."""

MESSAGE: Final = Limits(bytes=MESSAGE_BYTES)
"""For what somebody sends."""


class Lean(NamedTuple):
    """What a piece, from its first clock to its last, says of where it stands.

    `sort`: what it is, one of TYPE (an element or a text node), LETTERS, FORMAT, VALUE (of an attribute), GONE.
    """

    first: int
    last: Id
    left: Id | None
    right: Id | None
    parent: Id | None
    sort: int


TYPE, LETTERS, FORMAT, VALUE, GONE = _TYPE, _STRING, _FORMAT, _ANY, _DELETED


@dataclass(slots=True)
class Facts:
    """What an update does. Ranges of a client id are in clock order; Yjs draws ids of 32 bits, yrs of 53."""

    inserted: dict[int, list[Range]] = field(default_factory=dict)
    texts: dict[int, list[Range]] = field(default_factory=dict)  # the parts of `inserted` that are words
    deleted: dict[int, list[Range]] = field(default_factory=dict)
    needed: dict[int, int] = field(default_factory=dict)  # client id → clock behind the last struct it leans on
    roots: set[str] = field(default_factory=set)
    nodes: list[Id] = field(default_factory=list)  # elements and text nodes that it brings
    text_nodes: list[Id] = field(default_factory=list)  # the latter
    blocks: list[Id] = field(default_factory=list)  # those that carry an id
    values: Spans = field(default_factory=Spans)  # of attributes, deleted ones too
    halves: list[Id] = field(default_factory=list)  # second halves of the surrogate pairs in its text
    leans: list[Lean] = field(default_factory=list)
    text_units: int = 0
    structs: int = 0
    depth: int = 0  # of the deepest element, as far as the update itself tells
    bytes: int = 0

    @property
    def clients(self) -> set[int]:
        """Client ids whose structs the update carries."""
        return set(self.inserted)

    def end(self, client: int) -> int:
        """Return the clock behind the last struct of `client` in this update, 0 without any."""
        ranges = self.inserted.get(client)
        return ranges[-1][0] + ranges[-1][1] if ranges else 0

    def size(self, known: Mapping[int, int]) -> Size:
        """Return by how much the update makes a document larger that is at `known`, at most."""
        if not self.nodes:
            return Size(self.bytes)
        return Size(self.bytes, len(self.beyond(known, self.blocks)), len(self.beyond(known, self.nodes)))

    @staticmethod
    def beyond(known: Mapping[int, int], ids: list[Id]) -> list[Id]:
        """Return those of `ids` that are beyond the state vector `known`."""
        return [at for at in ids if at[1] >= known.get(at[0], 0)]

    def fresh(self, known: Mapping[int, int]) -> dict[int, list[Range]]:
        """Return `inserted` without what is below the state vector `known`: what an update really brings."""
        fresh: dict[int, list[Range]] = {}
        for client, ranges in self.inserted.items():
            have = known.get(client, 0)
            cut = [(max(clock, have), clock + length - max(clock, have)) for clock, length in ranges]
            if kept := [part for part in cut if part[1] > 0]:
                fresh[client] = kept
        return fresh

    def adds(self, known: Mapping[int, int]) -> set[int]:
        """Return the client ids of which the update brings structs beyond the state vector `known`."""
        return {client for client in self.inserted if self.end(client) > known.get(client, 0)}

    def repeats(self, known: Mapping[int, int]) -> bool:
        """Return whether some of its structs are below the state vector `known`."""
        return any(ranges[0][0] < known.get(client, 0) for client, ranges in self.inserted.items())

    def gaps(self, known: Mapping[int, int]) -> dict[int, Range]:
        """Return {client id: (clock that is known, clock that is needed)} of what is neither in `known` nor in the
        update.

        Yjs would keep such pieces pending; a log must not hold them. Empty: the update can be applied as a whole.
        """
        needed = {client: ranges[0][0] for client, ranges in self.inserted.items()}
        gaps = {
            client: (known.get(client, 0), clock) for client, clock in needed.items() if clock > known.get(client, 0)
        }
        leans = dict(self.needed)
        for client, ranges in self.deleted.items():
            leans[client] = max(leans.get(client, 0), *(clock + length for clock, length in ranges))
        for client, clock in leans.items():
            have = max(known.get(client, 0), self.end(client))
            if clock > have:
                gaps.setdefault(client, (have, clock))
        return gaps


class _Walker:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self.reader = Reader(data)
        self.limits = limits
        self.facts = Facts()
        self.nesting = Nesting(limits.depth)

    def walk(self) -> Facts:
        for _ in range(self.reader.var_uint()):
            self._client_block()
        self._delete_set()
        self.reader.end()
        facts, nesting = self.facts, self.nesting
        facts.depth, facts.nodes, facts.blocks = nesting.measure(), nesting.nodes, nesting.blocks
        facts.text_nodes = nesting.texts
        facts.bytes = len(self.reader.data)
        return facts

    def _client_block(self) -> None:
        read, facts = self.reader.var_uint, self.facts
        count, client, first = read(), read(), read()
        facts.structs += count
        if facts.structs > self.limits.structs:
            raise Malformed("too many pieces in one update")
        if not count or not client or client in facts.inserted:
            raise Malformed("a client id is wrong or stands there twice")
        facts.inserted[client] = []
        clock = first
        for _ in range(count):
            info = self.reader.byte()
            kind = info & 31
            if kind == _GC:
                length = self._length()
            elif kind == _SKIP:
                raise Incomplete("clocks are left out")
            else:
                length = self._item(info, kind, client, clock)
            clock += length
            if clock >= _MAX_CLOCK:
                raise Malformed("a clock is too large")
        facts.inserted[client].append((first, clock - first))

    def _length(self) -> int:
        length = self.reader.var_uint()
        if not length:
            raise Malformed("an empty piece")
        return length

    def _item(self, info: int, kind: int, client: int, clock: int) -> int:
        piece = Piece()
        self._where(info, piece)
        length = self._content(kind, piece, client, clock)
        # Where a neighbour tells the place, Yjs forgets this bit as it merges updates.
        is_value = bool(info & _HAS_ATTRIBUTE) or (kind == _ANY and bool(piece.left or piece.right))
        if kind != _DELETED and is_value != (kind == _ANY):
            raise Malformed("a piece that is no value of an attribute, or a value that is nothing else")
        if is_value:
            self.facts.values.add(client, clock, clock + length - 1)
        if piece.left or piece.right or piece.parent:
            last = (client, clock + length - 1)
            sort = VALUE if is_value else kind
            self.facts.leans.append(Lean(clock, last, piece.left, piece.right, piece.parent, sort))
        self.nesting.add(client, clock, length, piece)
        return length

    def _where(self, info: int, piece: Piece) -> None:
        if info & _HAS_LEFT:
            piece.left = self._lean()
        if info & _HAS_RIGHT:
            piece.right = self._lean()
        if info & (_HAS_LEFT | _HAS_RIGHT):
            return
        if self.reader.var_uint():
            root = self.reader.var_string()
            if root != ROOT:
                raise Malformed("an unknown root")
            self.facts.roots.add(root)
            piece.is_top = True
        else:
            piece.parent = self._lean()
        if info & _HAS_ATTRIBUTE:
            piece.attribute = self.reader.var_string()
            if piece.attribute not in ATTRIBUTES:
                raise Malformed("an unknown attribute")

    def _lean(self) -> Range:
        client, clock = self.reader.var_uint(), self.reader.var_uint()
        if clock >= _MAX_CLOCK:
            raise Malformed("a reference is out of range")
        if clock >= self.facts.needed.get(client, 0):
            self.facts.needed[client] = clock + 1
        return client, clock

    def _content(self, kind: int, piece: Piece, client: int, clock: int) -> int:
        if kind == _STRING:
            return self._text(client, clock)
        if kind == _FORMAT:
            if self.reader.var_string() not in MARKS:
                raise Malformed("an unknown mark")
            if self._mark_value() is not None:
                piece.kind = Kind.MARK
            return 1
        if kind == _DELETED:
            piece.kind = Kind.VANISHED
            return self._length()
        if kind == _TYPE:
            piece.name = self._type()
            piece.kind = Kind.TEXT if piece.name == "text" else Kind.ELEMENT
            return 1
        if kind == _ANY:
            piece.kind = Kind.VALUE
            length = self._length()
            for _ in range(length):
                self._value(1)
            return length
        raise Malformed("content that documents do not have")

    def _text(self, client: int, clock: int) -> int:
        text = self.reader.var_string()
        units = len(text.encode("utf-16-le")) // 2
        if not units:
            raise Malformed("an empty text")
        if units != len(text):
            self.facts.halves += [(client, clock + at) for at in halves_in(text)]
        self.facts.text_units += units
        runs = self.facts.texts.setdefault(client, [])
        if runs and runs[-1][0] + runs[-1][1] == clock:
            runs[-1] = (runs[-1][0], runs[-1][1] + units)
        else:
            runs.append((clock, units))
        return units

    def _type(self) -> str:
        kind = self.reader.var_uint()
        if kind == _XML_TEXT:
            return "text"
        name = self.reader.var_string() if kind == _XML_ELEMENT else ""
        if name not in ELEMENTS:
            raise Malformed("an unknown block")
        return name

    def _mark_value(self) -> object:
        """Return a mark's value: null (it ends), true, or an object of its attributes."""
        text = self.reader.var_string()
        if len(text) > self.limits.value_bytes:
            raise Malformed("a value is too large")
        value = strict_json(text, brackets=1)
        if isinstance(value, dict):
            if not all(one is None or isinstance(one, str | bool) for one in value.values()):
                raise Malformed("a mark's attribute is not text")
        elif value is not None and value is not True:
            raise Malformed("a mark's value is wrong")
        return value

    def _value(self, depth: int) -> None:
        if depth > self.limits.value_depth:
            raise Malformed("a value is nested too deep")
        reader = self.reader
        kind = reader.byte()
        if kind in (_UNDEFINED, _NULL, _FALSE, _TRUE):
            return
        if kind == _STRING_VALUE:
            if len(reader.var_string()) > self.limits.value_bytes:
                raise Malformed("a value is too large")
        elif kind == _INTEGER:
            self._integer()
        elif kind in (_FLOAT32, _FLOAT64):
            self._float(">f" if kind == _FLOAT32 else ">d")
        elif kind in (_ARRAY, _OBJECT):
            for _ in range(reader.var_uint()):
                if kind == _OBJECT and reader.var_string() == "__proto__":
                    raise Malformed("a value is not plain")
                self._value(depth + 1)
        else:  # big integers and bytes are no attributes
            raise Malformed("a value of an unknown kind")

    def _float(self, form: str) -> None:
        if not isfinite(unpack(form, self.reader.take(calcsize(form)))[0]):
            raise Malformed("a value is not a number")

    def _integer(self) -> None:
        """A signed number: six bits in the first byte, seven in each that follows; lib0 reads at most 53 bits."""
        for _ in range(8):
            if self.reader.byte() < 128:
                return
        raise Malformed("a number is too long")

    def _delete_set(self) -> None:
        read = self.reader.var_uint
        for _ in range(read()):
            client, count = read(), read()
            if not count or client in self.facts.deleted:
                raise Malformed("a client id is wrong or stands there twice")
            ranges = self.facts.deleted[client] = []
            for _ in range(count):
                clock, length = read(), read()
                if not length or clock + length >= _MAX_CLOCK:
                    raise Malformed("a deletion is out of range")
                ranges.append((clock, length))
            ranges.sort()


def halves_in(text: str) -> Iterator[int]:
    """Yield where the second halves of surrogate pairs stand, in UTF-16 units."""
    at = 0
    for letter in text:
        at += 1
        if letter > "\uffff":
            yield at
            at += 1


def walk(update: bytes, limits: Limits = LIMITS) -> Facts:
    """Return what a Yjs v1 update does; raises Malformed for everything that an editor of ours does not send."""
    if len(update) > limits.bytes:
        raise Malformed("the update is too large")
    return _Walker(update, limits).walk()
