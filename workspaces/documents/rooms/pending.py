"""What waits for its turn, in the order in which it came.

A batch that could not be applied holds something broken. It is searched for by halves: what is sound is committed
together, and the broken one is alone at last. Of sixteen that costs five reloads and four commits, one by one two and
fifteen: cheaper where commits are dear, dearer where the document is long.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from workspaces.documents.rooms.batch import Entry


class Pending:
    """The entries of a room that no turn has taken yet."""

    def __init__(self) -> None:
        self._parts: list[list[Entry]] = []  # of batches that failed; all of them came before the rest
        self._rest: list[Entry] = []

    def __bool__(self) -> bool:
        return bool(self._parts or self._rest)

    def __iter__(self) -> Iterator[Entry]:
        return chain(*self._parts, self._rest)

    @property
    def is_searched(self) -> bool:
        """Whether something broken is being searched for."""
        return bool(self._parts)

    def add(self, entry: Entry) -> None:
        self._rest.append(entry)

    def take(self) -> list[Entry]:
        """Return what goes into the log together next: all, or a part in which something may be broken."""
        if self._parts:
            return self._parts.pop(0)
        batch, self._rest = self._rest, []
        return batch

    def put_back(self, batch: list[Entry]) -> None:
        """Have a batch of several, which could not be applied, taken again in two halves."""
        middle = len(batch) // 2
        self._parts[:0] = [batch[:middle], batch[middle:]]

    def sift(self, may_stay: Callable[[Entry], bool]) -> None:
        """Keep the entries that `may_stay`, which are asked for in their order: who looks meanwhile sees those kept."""
        parts, rest = self._parts, self._rest
        self._parts, self._rest = [[] for _ in parts], []
        for kept, entries in zip([*self._parts, self._rest], [*parts, rest], strict=True):
            for entry in entries:
                if may_stay(entry):
                    kept.append(entry)
        self._parts = [part for part in self._parts if part]

    def clear(self) -> None:
        self._parts, self._rest = [], []
