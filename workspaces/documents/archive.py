"""What the state that a document was loaded with tells of its pieces, read in one go: yrs has written it, so nothing in
it is checked. Pure.
"""

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from workspaces.documents.nesting import Id
from workspaces.documents.protocol import Malformed, Reader
from workspaces.documents.spans import Spans
from workspaces.documents.wire import halves_in

_GC, _DELETED, _JSON, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _DOC, _SKIP = range(11)
_STEP: Final = 32
_NUMBER: Final = rb"[\x80-\xff]*[\x00-\x7f]"
_LETTERS: Final = re.compile(
    rb"(?:[\x84\x44]" + _NUMBER * 2 + rb"|\xc4" + _NUMBER * 4 + rb")(?:\x01[\x00-\x7f]|([\x02-\x7f]))"
)
"""Letters beside one or two neighbours: one letter, or up to the length of several. Nearly all structs are such, and
to look at their bytes one by one would take most of the time in which a long document opens.
"""


class Origins(NamedTuple):
    """Between what a piece was put. `is_gone`: it was cleared away with its block, nobody knows."""

    left: Id | None
    right: Id | None
    is_gone: bool = False


class Archive:
    """The landmarks of a state, and where in it every 32nd struct of a client begins. Raises Malformed for content
    that documents do not have.
    """

    def __init__(self, state: bytes) -> None:
        self.holders: set[Id] = set()
        """Elements and text nodes."""
        self.texts: set[Id] = set()
        """The latter."""
        self.values = Spans()
        self.halves: set[Id] = set()
        """Second halves of surrogate pairs."""
        self._state = state
        self._marks: dict[int, tuple[list[int], list[int]]] = {}  # client → clocks, places in the state
        self._ends: dict[int, int] = {}
        reader = Reader(state)
        for _ in range(reader.var_uint() if state else 0):
            self._read_client(reader)

    def _read_client(self, reader: Reader) -> None:
        data, letters = self._state, _LETTERS.match
        count, client, clock = reader.var_uint(), reader.var_uint(), reader.var_uint()
        at, clocks, places = reader.at, [], []
        for number in range(count):
            if number % _STEP == 0:
                clocks.append(clock)
                places.append(at)
            if (found := letters(data, at)) is not None:
                end, length = found.end(), 1
                if found.lastindex is not None:
                    length = data[end - 1]
                    end += length
                if length == 1 or data[end - length : end].isascii():
                    at = end
                    clock += length
                    continue
            reader.at = at
            clock += self._read_struct(reader, client, clock)
            at = reader.at
        reader.at = at
        self._marks[client] = (clocks, places)
        self._ends[client] = clock

    def origins(self, at: Id) -> Origins | None:
        """Return between what a piece was put; None when it is not here."""
        client, wanted = at
        if wanted >= self._ends.get(client, 0):
            return None
        clocks, places = self._marks[client]
        mark = bisect_right(clocks, wanted) - 1
        clock, reader = clocks[mark], Reader(self._state)
        reader.at = places[mark]
        while True:
            place = reader.at
            length = self._read_struct(reader, client, clock)
            if clock <= wanted < clock + length:
                return _origins(self._state, place, at, is_first=clock == wanted)
            clock += length

    def _read_struct(self, reader: Reader, client: int, clock: int) -> int:
        """Return the clocks of a struct; note what it is, twice does not matter."""
        info = reader.byte()
        kind = info & 31
        if kind in (_GC, _SKIP):
            return reader.var_uint()
        if info & 128:
            reader.var_uint(), reader.var_uint()
        if info & 64:
            reader.var_uint(), reader.var_uint()
        if not info & 192:
            if reader.var_uint():
                reader.var_bytes()
            else:
                reader.var_uint(), reader.var_uint()
            if info & 32:
                reader.var_bytes()
        length = self._read_content(reader, client, clock, kind)
        if info & 32:
            self.values.add(client, clock, clock + length - 1)
        return length

    def _read_content(self, reader: Reader, client: int, clock: int, kind: int) -> int:
        if kind == _STRING:
            text = reader.var_string()
            if text.isascii():
                return len(text)
            units = len(text.encode("utf-16-le")) // 2
            if units != len(text):
                self.halves.update((client, clock + at) for at in halves_in(text))
            return units
        if kind == _DELETED:
            return reader.var_uint()
        if kind == _TYPE:
            kind = reader.var_uint()
            if kind in (3, 5):  # an element, or a hook: with a name
                reader.var_bytes()
            elif kind == 6:
                self.texts.add((client, clock))
            self.holders.add((client, clock))
            return 1
        if kind == _FORMAT:
            reader.var_bytes(), reader.var_bytes()
            return 1
        return _rare_content(reader, kind)


def _origins(state: bytes, place: int, at: Id, *, is_first: bool) -> Origins:
    reader = Reader(state)
    reader.at = place
    info = reader.byte()
    if info & 31 == _GC:
        return Origins(None, None, is_gone=True)
    left = (reader.var_uint(), reader.var_uint()) if info & 128 else None
    right = (reader.var_uint(), reader.var_uint()) if info & 64 else None
    return Origins(left if is_first else (at[0], at[1] - 1), right)


def _rare_content(reader: Reader, kind: int) -> int:
    if kind in (_BINARY, _EMBED):
        reader.var_bytes()
        return 1
    if kind not in (_JSON, _ANY):
        raise Malformed("content that documents do not have")
    length = reader.var_uint()
    for _ in range(length):
        if kind == _JSON:
            reader.var_bytes()
        else:
            _value(reader)
    return length


def _value(reader: Reader) -> None:
    match reader.byte():
        case 119 | 116:  # a string, bytes
            reader.var_bytes()
        case 125:  # a whole number
            while reader.byte() >= 128:
                pass
        case 124:
            reader.take(4)
        case 122 | 123:
            reader.take(8)
        case 118:
            for _ in range(reader.var_uint()):
                reader.var_bytes()
                _value(reader)
        case 117:
            for _ in range(reader.var_uint()):
                _value(reader)


def is_deleted(update: bytes, at: Id) -> bool:
    """Return whether the first struct of `update`, which has those of one client from `at` on, is a deleted one."""
    reader = Reader(update)
    if not reader.var_uint():
        return True
    reader.var_uint()
    if (reader.var_uint(), reader.var_uint()) != at:
        raise Malformed("not the structs that were asked for")
    return reader.byte() & 31 in (_GC, _DELETED)
