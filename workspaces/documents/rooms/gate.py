"""What may enter a room: bytes that the walker knows, structs of the sender's own client ids, nothing out of order, and
not more than a document may hold.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pycrdt import get_update

from workspaces.documents import wire
from workspaces.documents.crdt import Full
from workspaces.documents.landmarks import Landmarks
from workspaces.documents.limits import DEPTH, Size
from workspaces.documents.nesting import Id
from workspaces.documents.order import Question
from workspaces.documents.protocol import EMPTY_UPDATE, Malformed, state_vector
from workspaces.sockets.codes import Close, Closed

MOST_NEW_IDS = 20
"""Client ids that one connection may bring along unasked; a browser needs one for each time it was opened offline."""

MOST_UNKNOWN_IDS = 500
"""Client ids of one update whose owners are looked up."""

_SHARE: Final = 20  # at most a twentieth of the time goes into measuring a document that is nearly full


class Gap(Exception):
    """The update leans on pieces that are not in the log: the sender has to synchronise first."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An update that may enter. `adds` are the client ids of which it brings new structs; none: deletions at most.

    `under` are ids on which it leans and of which the document does not know that something may: if they are deleted,
    what leans on them is dead too; if not, it is forged. `questions` are for `order.Order`.
    """

    facts: wire.Facts
    adds: set[int]
    under: set[Id] = field(default_factory=set)
    questions: list[Question] = field(default_factory=list)


class Capacity:
    """How much a document holds at most: what it held when it was measured, and all that has been added since.

    What was taken away is not subtracted, only seen when it is measured again, which costs a look at every block:
    that is done when the document seems to be full, and not all the time.
    """

    def __init__(self, measure: Callable[[], Size]) -> None:
        self._measure = measure
        self._size: Size | None = None
        self._may_measure_at = 0.0

    def add(self, more: Size) -> None:
        """Count what is in the document already."""
        if self._size is not None:
            self._size = self._size.plus(more)

    def take(self, more: Size) -> None:
        """Count what is about to come in. Raises Full."""
        if self._size is None or self._size.plus(more).is_too_large:
            self._look()
        if self._size is None or self._size.plus(more).is_too_large:
            raise Full("the document is full")
        self._size = self._size.plus(more)

    def _look(self) -> None:
        began = time.monotonic()
        if began >= self._may_measure_at:
            self._size = self._measure()
            ended = time.monotonic()
            self._may_measure_at = ended + _SHARE * (ended - began)


class Gate:
    """Knows who owns which client id, and up to where each client's structs have come in, committed or on their way.

    `owners` need not hold everybody who may write: whose id is not there is a stranger, to be looked up in the log.
    `measure` returns how large the document is, with all that has been admitted; None: nothing is ever too much.
    """

    def __init__(
        self,
        owners: Mapping[int, UUID],
        vector: Mapping[int, int],
        limits: wire.Limits = wire.MESSAGE,
        measure: Callable[[], Size] | None = None,
        landmarks: Landmarks | None = None,
    ) -> None:
        self.owners = dict(owners)
        self.vector = dict(vector)
        self.limits = limits
        self.landmarks = landmarks or Landmarks()
        self._capacity = Capacity(measure) if measure is not None else None

    def walk(self, update: bytes) -> wire.Facts:
        """Return what the update does. Raises Closed for what no honest client sends, Gap for what is incomplete."""
        if len(update) > self.limits.bytes:
            raise Closed(Close.TOO_LARGE)
        try:
            return wire.walk(update, self.limits)
        except wire.Incomplete:
            raise Gap from None
        except Malformed as error:
            raise Closed(Close.MALFORMED) from error

    def strangers(self, facts: wire.Facts, principal: UUID) -> set[int]:
        """Return the client ids of new structs of which it is not known who owns them.

        Raises Closed when one belongs to somebody else, Gap when something in between is missing.
        """
        new = facts.adds(self.vector)
        owned = {client: self.owners.get(client) for client in new}
        if any(owner is not None and owner != principal for owner in owned.values()):
            raise Closed(Close.CLIENT_ID_IN_USE)
        if facts.gaps(self.vector):
            raise Gap
        unknown = {client for client, owner in owned.items() if owner is None}
        if len(unknown) > MOST_UNKNOWN_IDS:
            raise Closed(Close.TOO_FAST)
        return unknown

    def bind(self, client_id: int, principal: UUID) -> None:
        """Note that `client_id` has been bound in the log, or is spoken for."""
        self.owners[client_id] = principal

    def release(self, client_ids: Iterable[int]) -> None:
        """Forget whose ids these are, unless something was written under them: the log knows."""
        for client_id in client_ids:
            if client_id not in self.vector:
                self.owners.pop(client_id, None)

    def without_known(self, update: bytes, facts: wire.Facts) -> tuple[bytes, wire.Facts]:
        """Return an update without what has come in before, which somebody may repeat differently. Raises Closed."""
        if not facts.repeats(self.vector) or not facts.adds(self.vector):
            return update, facts
        try:
            update = bytes(get_update(update, state_vector(self.vector)))
        except ValueError as error:
            raise Closed(Close.MALFORMED) from error
        return update, self.walk(update)

    def admit(self, facts: wire.Facts, principal: UUID) -> Admission:
        """Let an update in, after which the next one may lean on it. Raises like `strangers`, and Full.

        What only takes away may always enter.
        """
        if self.strangers(facts, principal):
            raise Closed(Close.CLIENT_ID_IN_USE)
        new = facts.adds(self.vector)
        try:
            under = self.landmarks.check(facts, self.vector)
            self._make_room(facts, new)
            questions = self.landmarks.questions(facts, self.vector)
        except Full:
            raise
        except Malformed as error:
            raise Closed(Close.MALFORMED) from error
        self.landmarks.add(facts, self.vector)
        for client in new:
            self.vector[client] = facts.end(client)
        return Admission(facts, new, under, questions)

    def _make_room(self, facts: wire.Facts, new: set[int]) -> None:
        if new and facts.depth > DEPTH:
            raise Full("elements are nested too deep")
        if new and self._capacity is not None:
            self._capacity.take(facts.size(self.vector))

    def learn(self, rows: Iterable[bytes], vector: Mapping[int, int], size: Size) -> None:
        """Note what has come in through the log, up to where that goes, and by how much the document has grown."""
        for row in rows:
            with suppress(Malformed):  # what is in the log is there for everybody
                self.landmarks.add(wire.walk(row), self.vector)
        for client, clock in vector.items():
            if clock > self.vector.get(client, 0):
                self.vector[client] = clock
        if self._capacity is not None:
            self._capacity.add(size)


def is_empty(update: bytes) -> bool:
    """Return whether an update says nothing, as the answer of a client that has nothing to add."""
    return update == EMPTY_UPDATE
