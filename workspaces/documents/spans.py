"""Clocks of several clients, kept as ranges: a few bytes of an update may speak of any number of them. Pure."""

from bisect import bisect_right
from collections.abc import Iterator

from workspaces.documents.nesting import Id


class Spans:
    """A set of ids. What is added behind or beside what is there already takes no more room."""

    def __init__(self) -> None:
        self._of: dict[int, list[tuple[int, int]]] = {}  # client → (first, last), in order, with gaps between

    def add(self, client: int, first: int, last: int) -> None:
        """Add the clocks of a client from `first` to `last`."""
        spans = self._of.setdefault(client, [])
        start = bisect_right(spans, first, key=lambda span: span[0])
        if start and spans[start - 1][1] >= first - 1:
            start -= 1
        end = bisect_right(spans, last + 1, key=lambda span: span[0])
        if start < end:
            first, last = min(first, spans[start][0]), max(last, spans[end - 1][1])
        spans[start:end] = [(first, last)]

    def __contains__(self, at: Id) -> bool:
        spans = self._of.get(at[0], ())
        place = bisect_right(spans, at[1], key=lambda span: span[0]) - 1
        return place >= 0 and spans[place][1] >= at[1]

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (client, first clock, last clock)."""
        return ((client, first, last) for client, spans in self._of.items() for first, last in spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self._of == other._of

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __bool__(self) -> bool:
        return bool(self._of)
