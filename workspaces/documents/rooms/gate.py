"""What may enter a room: bytes that the walker knows, structs of the sender's own client ids, nothing out of order."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from workspaces.documents import wire
from workspaces.documents.protocol import EMPTY_UPDATE, Malformed
from workspaces.sockets.codes import Close, Closed

MOST_NEW_IDS = 20
"""Client ids that one connection may bring along unasked; a browser needs one for each time it was opened offline."""


class Gap(Exception):
    """The update leans on pieces that are not in the log: the sender has to synchronise first."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An update that may enter. `adds` are the client ids of which it brings new structs; none: deletions at most."""

    facts: wire.Facts
    adds: set[int]


class Gate:
    """Knows who owns which client id, and up to where each client's structs have come in, committed or on their way."""

    def __init__(
        self, owners: Mapping[int, UUID], vector: Mapping[int, int], limits: wire.Limits = wire.LIMITS
    ) -> None:
        self.owners = dict(owners)
        self.vector = dict(vector)
        self.limits = limits

    def walk(self, update: bytes) -> wire.Facts:
        """Return what the update does. Raises Closed for what no honest client sends."""
        if len(update) > self.limits.bytes:
            raise Closed(Close.TOO_LARGE)
        try:
            return wire.walk(update, self.limits)
        except Malformed as error:
            raise Closed(Close.MALFORMED) from error

    def strangers(self, facts: wire.Facts, principal: UUID) -> set[int]:
        """Return the client ids of new structs that nobody owns yet.

        Raises Closed when one belongs to somebody else, Gap when something in between is missing.
        """
        new = facts.adds(self.vector)
        owned = {client: self.owners.get(client) for client in new}
        if any(owner is not None and owner != principal for owner in owned.values()):
            raise Closed(Close.CLIENT_ID_IN_USE)
        if facts.gaps(self.vector):
            raise Gap
        return {client for client, owner in owned.items() if owner is None}

    def bind(self, client_id: int, principal: UUID) -> None:
        """Note that `client_id` has been bound in the log."""
        self.owners[client_id] = principal

    def admit(self, facts: wire.Facts, principal: UUID) -> Admission:
        """Let an update in, after which the next one may lean on it. Raises like `strangers`."""
        if self.strangers(facts, principal):
            raise Closed(Close.CLIENT_ID_IN_USE)
        new = facts.adds(self.vector)
        for client in new:
            self.vector[client] = facts.end(client)
        return Admission(facts, new)

    def learn(self, vector: Mapping[int, int]) -> None:
        """Note what has come in through the log."""
        for client, clock in vector.items():
            if clock > self.vector.get(client, 0):
                self.vector[client] = clock


def is_empty(update: bytes) -> bool:
    """Return whether an update says nothing, as the answer of a client that has nothing to add."""
    return update == EMPTY_UPDATE
