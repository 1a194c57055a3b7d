"""Which clocks are words that were there before, and how sure that is. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from workspaces.documents.authorship.reading import Id, Span


class Certainty(IntEnum):
    """How it is known that words have moved; of several moves in a row the least certain counts."""

    EXACT = 0  # a verb of the server has said so
    STRONG = 1  # a whole stretch that was deleted came again, or an undo brought it back
    WEAK = 2  # a part of what was deleted, or equal words from elsewhere


class Carry(NamedTuple):
    """`length` clocks from `clock` on are the words that were first written as `first`."""

    clock: int
    length: int
    first: Id
    certainty: Certainty


class Carries:
    """Carries of each client id, in clock order. `first` is the first of all: moves of moves are resolved."""

    def __init__(self) -> None:
        self.strands: dict[int, list[Carry]] = {}
        self._starts: dict[int, list[int]] = {}

    def add(self, span: Span, first: Id, certainty: Certainty) -> None:
        """Note one carry; those of a client id come in rising order."""
        client, clock, length = span
        strand, starts = self.strands.setdefault(client, []), self._starts.setdefault(client, [])
        if strand:
            last = strand[-1]
            goes_on = (first[0], first[1] - last.length) == last.first and last.clock + last.length == clock
            if goes_on and last.certainty == certainty:
                strand[-1] = last._replace(length=last.length + length)
                return
        strand.append(Carry(clock, length, first, certainty))
        starts.append(clock)

    def firsts(self, span: Span) -> Iterator[tuple[Span, Certainty | None]]:
        """Yield the spans that these clocks were first written as, in order; None for what was not carried."""
        client, clock, length = span
        end = clock + length
        strand = self.strands.get(client)
        if not strand:
            yield span, None
            return
        place = max(bisect_right(self._starts[client], clock) - 1, 0)
        while clock < end:
            carry = strand[place] if place < len(strand) else None
            if carry is None or carry.clock >= end:
                yield (client, clock, end - clock), None
                return
            if carry.clock > clock:
                yield (client, clock, carry.clock - clock), None
                clock = carry.clock
            if clock < carry.clock + carry.length:
                until = min(end, carry.clock + carry.length)
                first = carry.first[0], carry.first[1] + clock - carry.clock, until - clock
                yield first, carry.certainty
                clock = until
            place += 1
