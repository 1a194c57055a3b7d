"""What is remembered of deleted words: the newest, for a day. Pure.

Everything is remembered in the order of the log and forgotten in that order, so that it does not matter in how many
goes a log was read.
"""

from collections import deque
from typing import Final

from workspaces.documents.authorship.reading import Kind
from workspaces.documents.authorship.stretches import Haystack, Stretch
from workspaces.documents.authorship.tree import Grave, Tree

REMEMBERED_UNITS: Final = 200_000  # of a document, about a hundred pages
REMEMBERED_S: Final = 24 * 3600  # an undo stack ends with its page
SESSION_UNITS: Final = 32_000  # of one connection: what a search goes through in 15 µs
FILL_UNITS: Final = 64_000


class Graves:
    """What rows have deleted, oldest first: their graves, and the words in each."""

    def __init__(self) -> None:
        self.order: deque[tuple[Grave, list[Stretch]]] = deque()
        self.everything = Haystack(most=FILL_UNITS)
        self._size = 0
        self._stretches = 0
        self._sessions: dict[int, Haystack] = {}
        self._counts: dict[int, int] = {}

    def bury(self, grave: Grave, words: list[Stretch]) -> None:
        """Remember what a row has deleted; `words` may be none."""
        self.order.append((grave, words))
        self._size += _size(words)
        for stretch in words:
            self.everything.add(stretch)
            self._sessions.setdefault(grave.by, Haystack(most=SESSION_UNITS)).add(stretch)
        self._stretches += len(words)
        self._counts[grave.by] = self._counts.get(grave.by, 0) + len(words)

    def session(self, connection: int) -> Haystack:
        """Return what this connection has deleted."""
        return self._sessions.get(connection) or Haystack()

    def forget(self, tree: Tree, now: int) -> None:
        """Forget what is too old or too much, and the words with it."""
        while self.order and (self._size > REMEMBERED_UNITS or self.order[0][0].at < now - REMEMBERED_S):
            grave, words = self.order.popleft()
            grave.is_forgotten = True
            self._size -= _size(words)
            for stretch in words:
                for span in stretch.spans:
                    for run, _from, _until in tree.runs_in(span):
                        if run.kind is Kind.TEXT:
                            run.text = None
            self._count_down(grave.by, len(words))

    def _count_down(self, by: int, words: int) -> None:
        self._stretches -= words
        self.everything.forget_all_but(self._stretches)
        self._counts[by] -= words
        if self._counts[by]:
            self._sessions[by].forget_all_but(self._counts[by])
        else:
            self._sessions.pop(by, None)


def _size(words: list[Stretch]) -> int:
    """Return the units of words, and one for the grave."""
    return 1 + sum(len(stretch.text) for stretch in words)
