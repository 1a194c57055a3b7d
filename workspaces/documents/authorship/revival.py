"""Words that an undo or redo in a browser brings back. Yjs cannot revive what is dead: it inserts a copy, in front of
the dead piece or into a copy of the dead block. So the place tells what it is a copy of. Pure.
"""

from collections.abc import Iterator
from typing import Final

from workspaces.documents.authorship.carries import Certainty
from workspaces.documents.authorship.matching import Budget, Insert, common, weight
from workspaces.documents.authorship.pools import NEARLY_ALL, SESSION_WHOLE, Found
from workspaces.documents.authorship.reading import Kind, Span
from workspaces.documents.authorship.stretches import GAP_RUNS
from workspaces.documents.authorship.tree import Node, Run, Tree

MOST_PLACES: Final = 200  # where a letter stands in a dead block
MOST_COPIES: Final = 8  # of copies of a block, one after the other
ENOUGH: Final = 8  # units of an insert that did not come back whole: others may have cut into the copy since


class Revival:
    """Looks for copies of what `connection` has deleted. `reborn`: new types and the dead ones that they stand for.

    What the row itself deletes (`deleted`) is no source here.
    """

    def __init__(
        self, tree: Tree, connection: int, reborn: dict[Node, Node], deleted: set[Run], budget: Budget
    ) -> None:
        self.tree, self.connection, self.reborn, self.deleted = tree, connection, reborn, deleted
        self.budget = budget
        self._words: dict[Node, list[Run]] = {}

    def find(self, inserts: list[Insert]) -> list[Found]:
        found: list[Found] = []
        for insert in inserts:
            if not insert.is_done:
                found += self._find(insert)
        return found

    def _find(self, insert: Insert) -> list[Found]:
        tombstone = self._tombstone(insert)
        old = self.reborn.get(insert.node) if insert.node is not None else None
        if tombstone is None and old is None:
            return self._find_in_copied(insert)
        copies: list[tuple[int, list[Span], int]] = []
        last: Run | None = None
        at = 0
        while at < len(insert.text):
            best: tuple[int, list[Span], Run | None] = (0, [], None)
            if not insert.carried[at]:
                best = self._longest(insert, at, self._starts(insert, at, last, tombstone, old))
            length, spans, end = best
            if length and (length >= 2 or last is not None or length == len(insert.text)):
                copies.append((at, spans, length))
                at, last = at + length, end
            else:
                at, last = at + 1, None
        total = sum(length for _at, _spans, length in copies)
        is_whole = total == len(insert.text) and (total >= 2 or old is not None)
        if not is_whole and (total < ENOUGH or total < NEARLY_ALL * len(insert.text)):
            return []
        for at, _spans, length in copies:
            insert.carried[at : at + length] = b"\1" * length
        certainty = Certainty.STRONG if is_whole else Certainty.WEAK
        return [Found(insert, at, spans, certainty) for at, spans, _length in copies]

    def _find_in_copied(self, insert: Insert) -> list[Found]:
        """Find words that come back into a block that an earlier undo has brought back: only as a whole."""
        old = insert.node.copied if insert.node is not None else None
        if old is None or weight(insert.text) < SESSION_WHOLE or 1 in insert.carried:
            return []
        for _ in range(MOST_COPIES):
            if old is None or old.run is None or old.run.killer is None:
                break
            starts = ((run, place) for run, place in self._places(old, insert.text[0]) if self._is_ours(run))
            length, spans, _end = self._longest(insert, 0, starts)
            if length == len(insert.text):
                insert.carried[:] = b"\1" * length
                return [Found(insert, 0, spans, Certainty.STRONG)]
            old = old.copied
        return []

    def _is_ours(self, run: Run) -> bool:
        killer = run.killer
        return killer is not None and killer.by == self.connection

    def _tombstone(self, insert: Insert) -> tuple[Run, int] | None:
        """Return the dead words of this connection in front of which the insert stands."""
        run = self.tree.find(insert.right) if insert.right is not None else None
        if run is None or insert.right is None or not self._is_source(run):
            return None
        return (run, insert.right[1] - run.clock) if self._is_ours(run) else None

    def _is_source(self, run: Run) -> bool:
        return run.kind is Kind.TEXT and run.is_dead and run.text is not None and run not in self.deleted

    def _starts(
        self, insert: Insert, at: int, last: Run | None, tombstone: tuple[Run, int] | None, old: Node | None
    ) -> Iterator[tuple[Run, int]]:
        if at == 0 and tombstone is not None:
            yield tombstone
        if last is not None:
            for run in self._following(last):
                yield run, 0
        if old is not None:
            yield from self._places(old, insert.text[at])

    def _places(self, old: Node, unit: str) -> Iterator[tuple[Run, int]]:
        """Yield where a letter stands in a dead block, beginnings first."""
        words = self._words_of(old)
        left = MOST_PLACES
        for is_first in (True, False):
            for run in words:
                text = run.text or ""
                place = text.find(unit, 0 if is_first else 1)
                while place >= 0 and left and (not is_first or place == 0):
                    left -= 1
                    yield run, place
                    place = -1 if is_first else text.find(unit, place + 1)
                self.budget.spend(len(text))

    def _words_of(self, old: Node) -> list[Run]:
        if old not in self._words:
            words: list[Run] = []
            todo = [old]
            while todo:
                run = todo.pop().first
                while run is not None:
                    self.budget.spend()
                    if run.node is not None:
                        todo.append(run.node)
                    elif self._is_source(run):
                        words.append(run)
                    run = run.right
            self._words[old] = words
        return self._words[old]

    def _longest(
        self, insert: Insert, at: int, starts: Iterator[tuple[Run, int]]
    ) -> tuple[int, list[Span], Run | None]:
        end = insert.free_until(at)
        best: tuple[int, list[Span], Run | None] = (0, [], None)
        for run, offset in starts:
            copy = self._follow(run, offset, insert.text, at, end)
            if copy[0] > best[0]:
                best = copy
            if best[0] == end - at:
                break
        return best

    def _follow(self, first: Run, offset: int, text: str, at: int, end: int) -> tuple[int, list[Span], Run | None]:
        """Return how many units are equal from here on, over the borders of runs, and where that ends."""
        spans: list[Span] = []
        begin, run, last = at, first, None
        while run.text is not None and self._is_source(run):
            length = common(text, at, run.text, offset, min(end - at, run.length - offset))
            self.budget.spend(length)
            if not length:
                break
            spans.append((run.client, run.clock + offset, length))
            at += length
            if offset + length < run.length:
                last = None
                break
            last = run
            if at == end:
                break
            following = next((one for one in self._following(run) if (one.text or " ")[0] == text[at]), None)
            if following is None:
                break
            run, offset = following, 0
        if spans and "\ud800" <= text[at - 1] <= "\udbff":  # half a pair is no character
            client, clock, length = spans.pop()
            at -= 1
            if length > 1:
                spans.append((client, clock, length - 1))
        return at - begin, spans, last

    def _following(self, run: Run) -> Iterator[Run]:
        """Yield what came after: by clock, and the next dead words in the text."""
        after = self.tree.find((run.client, run.end))
        if after is not None and after.text is not None and self._is_source(after):
            yield after
        right = run.right
        for _ in range(GAP_RUNS):
            self.budget.spend()
            if right is None:
                return
            if right.kind is Kind.TEXT and right.is_dead:
                if right.text is not None:
                    yield right
                return
            right = right.right
