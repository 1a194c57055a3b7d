"""One socket in a room: what it is told, and what is told later when it reads slowly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from workspaces.documents import protocol
from workspaces.documents.protocol import Cut
from workspaces.documents.rooms.answers import Answer
from workspaces.documents.rooms.store import Grant
from workspaces.people.models import User
from workspaces.sockets.codes import Close
from workspaces.sockets.outlet import HIGH_WATER, LOW_WATER, Outlet

# The colours of people's avatars in the style sheet; stock editors show no others.
_COLORS: Final = ("#3f6b5b", "#7a4d67", "#4b5f8a")


@dataclass(slots=True)
class Lag:
    """A reader that does not keep up: the state vector of what it was sent, since when (steady clock), its due."""

    vector: bytes
    since: float
    due: list[Answer] = field(default_factory=list)


class Member:
    """A socket, its person, and its counters. `client_id` is the id that `hello` has issued, None for stock clients."""

    def __init__(
        self, outlet: Outlet, user: User, grant: Grant, client_id: int | None, look_again: Callable[[], None]
    ) -> None:
        self.outlet = outlet
        self.look_again = look_again  # has the rights of this socket looked up anew
        self.user = user
        self.grant = grant
        self.client_id = client_id
        self.shown_id: int | None = None  # the client id of its presence
        self.received = 0  # update messages so far, the `n` of acknowledgements
        self.brought = 0  # client ids that it has bound itself
        self.gaps = 0  # answers to step 1 that leaned on what is missing here
        self.asked = 0  # ids that it wanted to be shown under and that had to be looked up
        self.own: set[int] = set() if client_id is None else {client_id}  # known to be this person's
        self.ids: set[int] = set() if client_id is None else {client_id}  # what it has made the gate remember
        self._cut: Cut | None = None
        self.lag: Lag | None = None

    @property
    def principal(self) -> UUID:
        return self.user.pk

    @property
    def writes_as(self) -> int:
        """The client id that the log notes for what brings no new structs; 0: it has none that is known to be its own.

        To be shown under an id does not make it one's own: what somebody else writes under it later would be theirs.
        """
        if self.client_id is not None:
            return self.client_id
        return self.shown_id if self.shown_id is not None and self.shown_id in self.own else 0

    @property
    def is_open(self) -> bool:
        return self.outlet.code is None

    @property
    def shows(self) -> dict[str, Any]:
        """The user as others see them beside the caret."""
        return {
            "id": str(self.user.pk),
            "name": self.user.display_name,
            "tone": self.user.tone,
            "color": _COLORS[self.user.tone - 1],
            "kind": "person",
            "role": self.grant.role.value,
        }

    def note_cut(self, cut: Cut) -> None:
        """Keep what the next update message pastes."""
        self._cut = cut

    def take_cut(self) -> Cut | None:
        """Return what this update message pastes, and forget it."""
        cut, self._cut = self._cut, None
        return cut

    def control(self, body: Mapping[str, Any]) -> None:
        """Send message 64, which stock clients never get."""
        if self.client_id is not None:
            self.outlet.put(protocol.control_message(body))

    def close(self, code: Close) -> None:
        self.outlet.close(code)

    @property
    def is_overfull(self) -> bool:
        """Whether so much waits for the reader that nothing should be added."""
        return self.outlet.backlog > HIGH_WATER

    @property
    def has_read(self) -> bool:
        """Whether a reader that lagged behind has read what was sent."""
        return self.outlet.backlog <= LOW_WATER
