"""Finds inserted words among deleted ones: the longest stretch that is equal, again and again, cut back to whole words.

Pure, and bounded: every comparison is paid for out of the row's `Budget`.
"""

from typing import Final

from workspaces.documents.authorship.reading import Id
from workspaces.documents.authorship.stretches import GRAM, Haystack, Stretch
from workspaces.documents.authorship.tree import Node

SURELY: Final = 12  # units of an insert that may choose its place before others do
SHORT: Final = 64  # units; among so few every letter is a candidate, not only three in a row
BASE_STEPS: Final = 4_000  # what a row may cost, about 1 µs a step; honest ones stay below 1,000, few reach 5,000 …
STEPS_A_UNIT: Final = 8  # … what each unit that it inserts or deletes adds …
MOST_STEPS: Final = 200_000  # … and what no row may cost
_UNITS_A_STEP: Final = 512  # that a search or comparison in C goes through in the time of a step
_WIDE: Final = "\u2e80"  # from here on scripts write without blanks: each character is a word


class TooCostly(Exception):
    """The row would cost more than a row may."""


class Budget:
    """Steps that are left of a row. A count, not a clock: the same log gives the same result anywhere."""

    __slots__ = ("left",)

    def __init__(self, units: int) -> None:
        self.left = min(BASE_STEPS + STEPS_A_UNIT * units, MOST_STEPS)

    def spend(self, letters: int = 0) -> None:
        """Pay for one step, and for going through `letters`. Raises TooCostly."""
        self.left -= 1 + letters // _UNITS_A_STEP
        if self.left < 0:
            raise TooCostly


class Insert:
    """Words that a row brings: `carried` marks the units whose author has been found. `right`: as Yjs has it."""

    __slots__ = ("carried", "client", "clock", "node", "right", "text")

    def __init__(self, client: int, clock: int, text: str, node: Node | None, right: Id | None) -> None:
        self.client, self.clock, self.text, self.node, self.right = client, clock, text, node, right
        self.carried = bytearray(len(text))

    @property
    def is_done(self) -> bool:
        return 0 not in self.carried

    @property
    def share(self) -> float:
        return self.carried.count(1) / len(self.text)

    def free_until(self, at: int) -> int:
        """Return where the units from `at` on that have no author yet end."""
        end = self.carried.find(1, at)
        return len(self.text) if end < 0 else end


class Match:
    """Equal words: `length` units at `at` of an insert, at `offset` of a stretch, which is the haystack's `place`.

    `goes_on`: it begins where the match before ends, in both texts.
    """

    __slots__ = ("at", "goes_on", "insert", "length", "offset", "place", "stretch")

    def __init__(self, insert: Insert, at: int, length: int, place: int, stretch: Stretch, offset: int) -> None:
        self.insert, self.at, self.length = insert, at, length
        self.place, self.stretch, self.offset = place, stretch, offset
        self.goes_on = False

    @property
    def text(self) -> str:
        return self.insert.text[self.at : self.at + self.length]

    @property
    def is_head(self) -> bool:
        return self.offset == 0

    @property
    def is_tail(self) -> bool:
        return self.offset + self.length == len(self.stretch.text)


def is_letter(unit: str) -> bool:
    """Whether a word goes on through this unit; Chinese characters are words of their own."""
    return unit < _WIDE and unit.isalnum()


def weight(text: str) -> int:
    """Return how much a text says: one a unit, three a character of a script without blanks."""
    if len(text) >= SHORT or text.isascii():
        return len(text)
    return sum(1 if unit < _WIDE else 0 if "\udc00" <= unit <= "\udfff" else 3 for unit in text)


def common(one: str, at: int, other: str, place: int, most: int) -> int:
    """Return how many of at most `most` units are equal from `at` and `place` on."""
    size = 16
    low = 0
    while low < most:
        high = min(low + size, most)
        if one[at + low : at + high] != other[place + low : place + high]:
            break
        low, size = high, size * 4
    else:
        return most
    high = min(low + size, most)
    while high - low > 1:
        middle = (low + high) // 2
        if one[at + low : at + middle] == other[place + low : place + middle]:
            low = middle
        else:
            high = middle
    return low


class Matcher:
    """Goes through the inserts of a row and one haystack. No unit of the haystack is used twice."""

    def __init__(self, hay: Haystack, budget: Budget, *, newest: bool = False, heads: bool = True) -> None:
        self.hay, self.budget = hay, budget
        self.newest, self.heads = newest, heads
        self.is_short = heads and hay.units <= SHORT
        self._taken: dict[int, bytearray] = {}
        self._next: tuple[int, int] | None = None

    def match_all(self, inserts: list[Insert]) -> list[Match]:
        """Return the matches of all inserts in their order.

        Those that are just a stretch go first, then long ones that lie within one: a short word would tear them up.
        """
        early = {insert: match for insert in inserts if (match := self._whole(insert)) is not None}
        for insert in sorted(inserts, key=lambda one: -len(one.text)):
            if insert not in early and (match := self._within(insert)) is not None:
                early[insert] = match
        found: list[Match] = []
        for insert in inserts:
            if (match := early.get(insert)) is None:
                found += self.match(insert)
                continue
            match.goes_on = self._next == (match.place, match.offset)
            self._next = match.place, match.offset + match.length
            found.append(match)
        return found

    def _whole(self, insert: Insert) -> Match | None:
        self.budget.spend(len(insert.text))
        if insert.free_until(0) == len(insert.text):
            for place in self.hay.whole(insert.text, self.newest):
                if place not in self._taken:
                    return self._take(insert, 0, len(insert.text), place, 0)
        return None

    def _within(self, insert: Insert) -> Match | None:
        if len(insert.text) < SURELY or insert.free_until(0) < len(insert.text):
            return None
        self._next = None
        best = self._longest(insert.text, 0, len(insert.text))
        if best is None or best[0] < len(insert.text):
            return None
        return self._take(insert, 0, *best[:3])

    def _take(self, insert: Insert, at: int, length: int, place: int, offset: int) -> Match:
        stretch = self.hay.stretches[place]
        taken = self._taken.setdefault(place, bytearray(len(stretch.text)))
        taken[offset : offset + length] = b"\1" * length
        return Match(insert, at, length, place, stretch, offset)

    def match(self, insert: Insert) -> list[Match]:
        """Return the matches of an insert in its order."""
        found: list[Match] = []
        at, text = 0, insert.text
        while at < len(text):
            if insert.carried[at]:
                at, self._next = at + 1, None
                continue
            match = self._at(insert, at)
            if match is None:
                at, self._next = at + 1, None
                continue
            found.append(match)
            at += match.length
        return found

    def _at(self, insert: Insert, at: int) -> Match | None:
        text, end = insert.text, insert.free_until(at)
        self.budget.spend()
        best = self._longest(text, at, end)
        if best is None:
            return None
        length, place, offset, goes_on = best
        stretch = self.hay.stretches[place]
        if not (goes_on or at == 0 or offset == 0 or _is_between(text, at, stretch.text, offset)):
            return None
        while length and not self._may_end(text, at + length, stretch.text, offset + length):
            length -= 1
            self.budget.spend()
        if not length or not (goes_on or length == len(text) or _says_something(text[at : at + length])):
            return None
        match = self._take(insert, at, length, place, offset)
        match.goes_on, self._next = goes_on, (place, offset + length)
        return match

    @staticmethod
    def _may_end(text: str, at: int, other: str, offset: int) -> bool:
        if "\ud800" <= text[at - 1] <= "\udbff":
            return False
        if at >= len(text) or offset >= len(other):
            return True
        return not is_letter(text[at - 1]) or not (is_letter(text[at]) or is_letter(other[offset]))

    def _longest(self, text: str, at: int, end: int) -> tuple[int, int, int, bool] | None:
        """Return (length, stretch, offset, whether it goes on from the last match) of the longest equal stretch."""
        best: tuple[int, int, int, bool] | None = None
        score = 0
        if self._next is not None:
            place, offset = self._next
            if length := self._equal(text, at, end, place, offset):
                best, score = (length, place, offset, True), 10 * length + 5
                if length == len(text) - at:
                    return best
        is_inside = at > 0 and is_letter(text[at - 1]) and is_letter(text[at])
        if not is_inside:
            self.budget.spend(end - at)
            for place in self.hay.whole(text[at:end], self.newest):
                if self._equal(text, at, end, place, 0) == end - at:
                    return end - at, place, 0, False
        for place, offset in self._candidates(text, at, is_inside):
            length = self._equal(text, at, end, place, offset)
            if length and 10 * length + 2 * (offset == 0) > score:
                best, score = (length, place, offset, False), 10 * length + 2 * (offset == 0)
        return best

    def _candidates(self, text: str, at: int, is_inside: bool) -> list[tuple[int, int]]:
        found = [(place, 0) for place in self.hay.beginning_with(text[at])] if self.heads else []
        if is_inside:
            return found
        if at + GRAM <= len(text):
            self.budget.spend(self.hay.size)
            found += self.hay.places(text[at : at + GRAM], self.newest)
        if self.is_short:
            found += self.hay.places(text[at], self.newest)
        return found

    def _equal(self, text: str, at: int, end: int, place: int, offset: int) -> int:
        """Return how many units are equal from here on, none of them taken."""
        other = self.hay.stretches[place].text
        most = min(end - at, len(other) - offset)
        if (taken := self._taken.get(place)) is not None and (used := taken.find(1, offset)) >= 0:
            most = min(most, used - offset)
        if most <= 0 or other[offset] != text[at]:
            self.budget.spend()
            return 0
        length = common(text, at, other, offset, most)
        self.budget.spend(length)
        return length


def _says_something(text: str) -> bool:
    """A blank alone would only tear up the words beside it."""
    return any(unit >= _WIDE or unit.isalnum() for unit in text)


def _is_between(text: str, at: int, other: str, offset: int) -> bool:
    """Whether a word begins here in both texts."""
    if "\udc00" <= text[at] <= "\udfff":
        return False
    return not is_letter(text[at]) or not (is_letter(text[at - 1]) or is_letter(other[offset - 1]))
