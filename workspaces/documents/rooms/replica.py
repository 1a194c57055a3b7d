"""A room's copy of the document. It may run one batch ahead of the log: what is on its way to the disk is applied
first, because only then it is known to be sound, and told last, because only then it is known to be safe.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from pycrdt import Doc, TransactionEvent, merge_updates

from workspaces.documents import archive, crdt, protocol
from workspaces.documents.limits import Size
from workspaces.documents.nesting import Id
from workspaces.documents.order import Order
from workspaces.documents.rooms.joining import Joining
from workspaces.documents.watch import Watch


class Replica:
    """A pycrdt document, which nobody else has, and what changes in it. On the event loop's thread only."""

    def __init__(self, doc: Doc[Any]) -> None:
        self._doc = doc
        self._deltas: list[bytes] = []
        self._watch = Watch(self._doc)
        self.order = Order(self._doc)
        self._subscription = self._doc.observe(self._changed)
        self.joining = Joining(lambda: bytes(self._doc.get_update()))

    def _changed(self, event: TransactionEvent) -> None:
        self._deltas.append(event.update)
        self.joining.changed(event.update)
        self.order.changed(event.update)

    def vector(self) -> bytes:
        """Return the encoded state vector."""
        return bytes(self._doc.get_state())

    def clocks(self) -> dict[int, int]:
        """Return the state vector as {client id: next clock}."""
        return protocol.read_state_vector(self.vector())

    def size(self) -> Size:
        """Return how large the document is. Costs a look at each block."""
        return crdt.size_of(self._doc, self.since(b""))

    def take_growth(self) -> Size:
        """Return by how many blocks the document has grown with what was applied since the last call, at most."""
        return self._watch.take_growth()

    def is_deleted(self, at: Id) -> bool:
        """Return whether what was written as `at` is gone. Costs what its writer has written since."""
        tail = bytes(self._doc.get_update(protocol.state_vector({**self.clocks(), at[0]: at[1]})))
        return archive.is_deleted(tail, at)

    def since(self, vector: bytes) -> bytes:
        """Return what somebody at `vector` lacks, as one update. Raises ValueError for a vector that is none."""
        return bytes(self._doc.get_update(vector or b"\0"))

    def apply(self, updates: Iterable[bytes]) -> bytes | None:
        """Apply walked updates in one transaction; returns what was new in them, None for nothing. Raises Broken."""
        crdt.apply(self._doc, updates)
        self._watch.check()
        self._watch.take_growth()  # the gate has counted it
        return self._take()

    def apply_log(self, updates: Iterable[bytes]) -> bytes | None:
        """Apply rows of the log, which are what they are. Raises Broken only if pycrdt itself fails."""
        crdt.apply(self._doc, updates)
        with suppress(crdt.Broken):  # what is in the log is there for everybody
            self._watch.check()
        return self._take()

    def _take(self) -> bytes | None:
        deltas, self._deltas = self._deltas, []
        return merged(deltas)


def merged(deltas: Sequence[bytes | None]) -> bytes | None:
    """Return a few updates as one (merging many is slow), None for none."""
    given: list[Any] = [delta for delta in deltas if delta is not None]
    if len(given) < 2:
        return given[0] if given else None
    return bytes(merge_updates(*given))
