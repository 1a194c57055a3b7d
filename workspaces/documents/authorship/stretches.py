"""Deleted words as they stood in the text, and where to find words among them. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from workspaces.documents.authorship.reading import Kind, Span
from workspaces.documents.authorship.tree import Node, Run

GAP_RUNS: Final = 256  # older dead runs between two that die together; a bound, so that no walk goes on for ever
GRAM: Final = 3
MOST_PLACES: Final = 64  # of the same three letters: enough for prose, and a bound for "aaaa"
_BORDER: Final = "\U0010ffff"  # text in units has no such letter

Part = tuple[Run, int, int]  # a run, from, until (units from its beginning)


class Stretch:
    """Words that stood side by side in one list: `text` in units, and the spans that they are."""

    __slots__ = ("_starts", "node", "spans", "text")

    def __init__(self, text: str, spans: list[Span], node: Node | None) -> None:
        self.text, self.spans, self.node = text, spans, node
        self._starts: list[int] | None = None

    def spans_at(self, offset: int, length: int) -> list[Span]:
        """Return what the units from `offset` on are."""
        if self._starts is None:
            self._starts = [0]
            for _client, _clock, size in self.spans[:-1]:
                self._starts.append(self._starts[-1] + size)
        place = bisect_right(self._starts, offset) - 1
        found: list[Span] = []
        while length > 0:
            client, clock, size = self.spans[place]
            skipped = offset - self._starts[place]
            taken = min(size - skipped, length)
            found.append((client, clock + skipped, taken))
            offset, length, place = offset + taken, length - taken, place + 1
        return found


def stretches(parts: Sequence[Part]) -> list[Stretch]:
    """Join parts of runs that follow each other in the text; what was dead before between two is not there."""
    if len(parts) == 1:
        return [joined(parts)]
    begins = {(run.client, run.clock + start): place for place, (run, start, _) in enumerate(parts)}
    following = [_next(run, end, begins) for run, _, end in parts]
    inner = {place for place in following if place is not None}
    found = []
    for place in range(len(parts)):
        if place in inner:
            continue
        chain: list[Part] = []
        at: int | None = place
        while at is not None:
            chain.append(parts[at])
            at = following[at]
        found.append(joined(chain))
    return found


def _next(run: Run, end: int, begins: dict[tuple[int, int], int]) -> int | None:
    if end < run.length:
        return begins.get((run.client, run.clock + end))
    after = run.right
    for _ in range(GAP_RUNS):
        if after is None:
            return None
        place = begins.get((after.client, after.clock))
        if place is not None:
            return place
        if after.kind is Kind.TEXT and not after.is_dead:
            return None
        after = after.right
    return None


def joined(chain: Sequence[Part]) -> Stretch:
    """Return parts of one list, in its order, as one stretch."""
    spans: list[Span] = []
    for run, start, end in chain:
        client, clock, length = run.client, run.clock + start, end - start
        if spans and spans[-1][0] == client and spans[-1][1] + spans[-1][2] == clock:
            spans[-1] = (client, spans[-1][1], spans[-1][2] + length)
        else:
            spans.append((client, clock, length))
    text = "".join([(run.text or "")[start:end] for run, start, end in chain])
    return Stretch(text, spans, chain[0][0].parent)


class Haystack:
    """Stretches that can be searched. Of what was added only the newest `most` units count."""

    def __init__(self, found: Iterable[Stretch] = (), most: int | None = None) -> None:
        self.most = most
        self._fill(found)

    def _fill(self, found: Iterable[Stretch]) -> None:
        self.stretches: list[Stretch] = []
        self.units = 0
        self._oldest = 0
        self._text = _BORDER
        self._starts: list[int] = []
        self._whole: dict[str, list[int]] = {}
        self._heads: dict[str, list[int]] | None = None
        for one in found:
            self.add(one)

    def add(self, stretch: Stretch) -> None:
        place = len(self.stretches)
        self.stretches.append(stretch)
        self._starts.append(len(self._text))
        self._text += stretch.text + _BORDER
        self._whole.setdefault(stretch.text, []).append(place)
        self.units += len(stretch.text)
        self._heads = None
        if self.most is not None:
            while self.units > self.most and self._oldest < place:
                self.forget()

    def forget(self) -> None:
        """Leave out the oldest stretch."""
        self.units -= len(self.stretches[self._oldest].text)
        self._oldest += 1
        if self._oldest > len(self.stretches) // 2 and self._oldest > MOST_PLACES:
            self._fill(self.stretches[self._oldest :])

    def forget_all_but(self, count: int) -> None:
        """Leave out the oldest stretches until at most `count` are left."""
        while len(self.stretches) - self._oldest > count:
            self.forget()

    @property
    def size(self) -> int:
        """Letters that a search goes through."""
        return self.units + len(self.stretches) - self._oldest

    def whole(self, text: str, newest: bool) -> Iterable[int]:
        """Return the stretches that are just this text."""
        found = [place for place in self._whole.get(text, ())[-MOST_PLACES:] if place >= self._oldest]
        return reversed(found) if newest else found

    def beginning_with(self, letter: str) -> list[int]:
        """Return stretches that begin with this letter."""
        if self._heads is None:
            self._heads = {}
            for place in range(self._oldest, len(self.stretches)):
                same = self._heads.setdefault(self.stretches[place].text[0], [])
                if len(same) < MOST_PLACES:
                    same.append(place)
        return self._heads.get(letter, [])

    def places(self, needle: str, newest: bool) -> list[tuple[int, int]]:
        """Return (stretch, offset) of the first or newest places where `needle` stands."""
        if self._oldest >= len(self.stretches):
            return []
        low, high = self._starts[self._oldest], len(self._text)
        found: list[tuple[int, int]] = []
        at = self._text.rfind(needle, low, high) if newest else self._text.find(needle, low)
        while at >= 0 and len(found) < MOST_PLACES:
            stretch = bisect_right(self._starts, at) - 1
            found.append((stretch, at - self._starts[stretch]))
            behind = at + len(needle) - 1
            at = self._text.rfind(needle, low, behind) if newest else self._text.find(needle, at + 1)
        return found
