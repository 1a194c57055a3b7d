"""The gate: a strict walker of the Yjs v1 update format. Nothing touches a document before it has passed here.

It refuses what kills pycrdt (a value nested 26,000 deep ends the process), what kills every browser (5,000 deep), what
the schema does not know (the first browser would delete it for everybody), and tells who inserted and deleted what.

An update says of a piece either its parent or its neighbour. Where these are in the same update their places are
checked too (text in text nodes only, depth); pieces that lean on older ones are checked when they are in the document:
`crdt.Watch`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from struct import calcsize, unpack
from typing import Final

from workspaces.documents.nesting import Kind, Nesting, Piece
from workspaces.documents.protocol import Malformed, Reader, strict_json
from workspaces.documents.schema import ATTRIBUTES, ELEMENTS, MARKS, ROOT

__all__ = ["LIMITS", "Facts", "Limits", "Malformed", "walk"]

Range = tuple[int, int]  # (clock, length); lengths of text count UTF-16 units, as Yjs does

_GC, _DELETED, _JSON, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _DOC, _SKIP = range(11)
_XML_ELEMENT, _XML_FRAGMENT, _XML_TEXT = 3, 4, 6
_HAS_LEFT, _HAS_RIGHT, _HAS_ATTRIBUTE = 128, 64, 32
_UNDEFINED, _NULL, _INTEGER, _FLOAT32, _FLOAT64, _FALSE, _TRUE, _STRING_VALUE, _OBJECT, _ARRAY = (
    127, 126, 125, 124, 123, 121, 120, 119, 118, 117,
)  # fmt: skip
_MAX_CLOCK: Final = 1 << 31  # yrs counts in 32 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one update may hold at most. `depth` counts elements in elements, `value_depth` values in values."""

    bytes: int = 1 << 20
    structs: int = 200_000
    depth: int = 100
    value_depth: int = 8
    value_bytes: int = 4096


LIMITS: Final = Limits()


@dataclass(slots=True)
class Facts:
    """What an update does. Ranges of a client id are in clock order; Yjs draws ids of 32 bits, yrs of 53."""

    inserted: dict[int, list[Range]] = field(default_factory=dict)
    texts: dict[int, list[Range]] = field(default_factory=dict)  # the parts of `inserted` that are words
    deleted: dict[int, list[Range]] = field(default_factory=dict)
    needed: dict[int, int] = field(default_factory=dict)  # client id → clock behind the last struct it leans on
    roots: set[str] = field(default_factory=set)
    text_units: int = 0
    structs: int = 0
    elements: int = 0  # blocks, breaks and text nodes that it brings
    depth: int = 0  # of the deepest of these, as far as the update itself tells

    @property
    def clients(self) -> set[int]:
        """Client ids whose structs the update carries."""
        return set(self.inserted)

    def end(self, client: int) -> int:
        """Return the clock behind the last struct of `client` in this update, 0 without any."""
        ranges = self.inserted.get(client)
        return ranges[-1][0] + ranges[-1][1] if ranges else 0

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
        self.facts.elements, self.facts.depth = self.nesting.measure()
        return self.facts

    def _client_block(self) -> None:
        read, facts = self.reader.var_uint, self.facts
        count, client, first = read(), read(), read()
        facts.structs += count
        if facts.structs > self.limits.structs:
            raise Malformed("too many pieces in one update")
        if not count or client in facts.inserted:
            raise Malformed("a client id is wrong or stands there twice")
        facts.inserted[client] = []
        clock = first
        for _ in range(count):
            info = self.reader.byte()
            kind = info & 31
            if kind == _GC:
                length = self._length()
            elif kind == _SKIP:
                raise Malformed("clocks are left out")
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
        if info & _HAS_LEFT:
            piece.left = self._lean()
        if info & _HAS_RIGHT:
            piece.right = self._lean()
        if not info & (_HAS_LEFT | _HAS_RIGHT):
            if self.reader.var_uint():
                root = self.reader.var_string()
                if root != ROOT:
                    raise Malformed("an unknown root")
                self.facts.roots.add(root)
                piece.is_top = True
            else:
                piece.parent = self._lean()
            if info & _HAS_ATTRIBUTE:
                piece.is_attribute = True
                if self.reader.var_string() not in ATTRIBUTES:
                    raise Malformed("an unknown attribute")
        length = self._content(kind, piece, client, clock)
        self.nesting.add(client, clock, length, piece)
        return length

    def _lean(self) -> Range:
        client, clock = self.reader.var_uint(), self.reader.var_uint()
        if clock >= _MAX_CLOCK:
            raise Malformed("a reference is out of range")
        if clock >= self.facts.needed.get(client, 0):
            self.facts.needed[client] = clock + 1
        return client, clock

    def _content(self, kind: int, piece: Piece, client: int, clock: int) -> int:
        if kind == _STRING:
            units = len(self.reader.var_string().encode("utf-16-le")) // 2
            if not units:
                raise Malformed("an empty text")
            self.facts.text_units += units
            self._add_text(client, clock, units)
            return units
        if kind == _FORMAT:
            if self.reader.var_string() not in MARKS:
                raise Malformed("an unknown mark")
            self._mark_value()
            return 1
        if kind == _DELETED:
            piece.kind = Kind.VANISHED
            return self._length()
        if kind == _TYPE:
            piece.kind = self._type()
            return 1
        if kind == _ANY:
            piece.kind = Kind.VALUE
            length = self._length()
            for _ in range(length):
                self._value(1)
            return length
        raise Malformed("content that documents do not have")

    def _add_text(self, client: int, clock: int, units: int) -> None:
        runs = self.facts.texts.setdefault(client, [])
        if runs and runs[-1][0] + runs[-1][1] == clock:
            runs[-1] = (runs[-1][0], runs[-1][1] + units)
        else:
            runs.append((clock, units))

    def _type(self) -> Kind:
        kind = self.reader.var_uint()
        if kind == _XML_TEXT:
            return Kind.TEXT
        if kind != _XML_ELEMENT or self.reader.var_string() not in ELEMENTS:
            raise Malformed("an unknown block")
        return Kind.ELEMENT

    def _mark_value(self) -> None:
        """A mark's value is null (it ends), true, or an object of its attributes."""
        text = self.reader.var_string()
        if len(text) > self.limits.value_bytes:
            raise Malformed("a value is too large")
        value = strict_json(text, brackets=1)
        if isinstance(value, dict):
            if not all(one is None or isinstance(one, str | bool) for one in value.values()):
                raise Malformed("a mark's attribute is not text")
        elif value is not None and value is not True:
            raise Malformed("a mark's value is wrong")

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


def walk(update: bytes, limits: Limits = LIMITS) -> Facts:
    """Return what a Yjs v1 update does; raises Malformed for everything that an editor of ours does not send."""
    if len(update) > limits.bytes:
        raise Malformed("the update is too large")
    return _Walker(update, limits).walk()
