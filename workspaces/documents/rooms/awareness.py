"""Who is in a document and where: people and agents, as the y-protocols show them. Pure.

The server counts the clocks. A browser ignores a state whose clock it has seen, so one that comes back would not see
the others until they move; with clocks of our own everybody's state is new to it. Clocks begin with the time, so that
they rise over a restart too, and stay below 2³² (some clients count in 32 bits). The price: a browser must never hear
its own state, which would overwrite what it has set meanwhile; `message` leaves it out.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workspaces.documents.limits import PRESENCE_BYTES
from workspaces.documents.protocol import AWARENESS, AwarenessState, var_bytes, var_uint

MAX_STATE_BYTES: Final = PRESENCE_BYTES
_EPOCH_S: Final = 1_704_067_200  # 2024-01-01
_RENEW_S: Final = 12.0  # browsers forget a state that has not been renewed for 30 seconds
_FORGET_S: Final = {"agent": 60.0, "afar": 40.0}


def tenths(seconds: float) -> int:
    """Return a clock to begin with: tenths of a second since 2024."""
    return int((seconds - _EPOCH_S) * 10)


@dataclass(slots=True)
class _Shown:
    clock: int
    state: bytes
    kind: str  # "here" (a socket of this room), "agent", "afar" (a socket of another process)
    heard_at: float
    said_at: float


class Board:
    """The states of a room. `wall` returns the time of day in seconds."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._began = tenths(wall())
        self._shown: dict[int, _Shown] = {}
        self._last: dict[int, int] = {}
        self._changed: dict[int, AwarenessState] = {}

    @property
    def has_news(self) -> bool:
        return bool(self._changed)

    def kind_of(self, client_id: int) -> str | None:
        """Return "here", "agent", "afar", or None when nobody is shown under this id."""
        shown = self._shown.get(client_id)
        return shown.kind if shown is not None else None

    def is_ours(self, clock: int) -> bool:
        """Return whether a clock is one that the server has counted: clients count their own from 0."""
        return clock >= self._began

    def show(self, client_id: int, state: bytes, kind: str, at: float) -> None:
        """Show a state (raw JSON of an object) under `client_id`; `at` is the moment on a steady clock."""
        shown = _Shown(self._next(client_id), state, kind, at, at)
        self._shown[client_id] = shown
        self._changed[client_id] = AwarenessState(client_id, shown.clock, state)

    def hide(self, client_id: int) -> None:
        """Take away who has left."""
        if self._shown.pop(client_id, None) is not None:
            self._changed[client_id] = AwarenessState(client_id, self._next(client_id), None)

    def take(self) -> dict[int, AwarenessState]:
        """Return what has changed since the last call, one state a client."""
        changed, self._changed = self._changed, {}
        return changed

    def whole(self) -> dict[int, AwarenessState]:
        """Return all states for somebody who has just come, or come back."""
        for client_id, shown in self._shown.items():
            shown.clock = self._next(client_id)
        return {client_id: AwarenessState(client_id, one.clock, one.state) for client_id, one in self._shown.items()}

    def of_kind(self, kind: str) -> dict[int, bytes]:
        """Return the raw states of one kind."""
        return {client_id: one.state for client_id, one in self._shown.items() if one.kind == kind}

    def sweep(self, at: float) -> None:
        """Renew agents, whose words do not come from a browser that would; forget who has fallen silent.

        The clock of who has gone is forgotten as soon as the time of day alone gives a higher one.
        """
        for client_id, shown in list(self._shown.items()):
            if shown.kind in _FORGET_S and at - shown.heard_at >= _FORGET_S[shown.kind]:
                self.hide(client_id)
            elif shown.kind == "agent" and at - shown.said_at >= _RENEW_S:
                shown.clock, shown.said_at = self._next(client_id), at
                self._changed[client_id] = AwarenessState(client_id, shown.clock, shown.state)

        now = tenths(self._wall())
        self._last = {one: clock for one, clock in self._last.items() if one in self._shown or clock >= now}

    def _next(self, client_id: int) -> int:
        clock = self._last[client_id] = max(self._last.get(client_id, 0) + 1, tenths(self._wall()))
        return clock


def stamped(state: bytes, user: Mapping[str, Any]) -> bytes:
    """Return a state with the user that the server knows, whatever the client said of itself."""
    body = json.loads(state)
    body["user"] = dict(user)
    return encode(body)


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a state as raw JSON; names stay what they are in every script."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class News:
    """States as message 1, each encoded once: `whole` for all, `without` for who must not hear its own."""

    def __init__(self, states: Mapping[int, AwarenessState]) -> None:
        self.moved = states.keys()
        self._entries = {client_id: awareness_entry(one) for client_id, one in states.items()}
        self.whole = _message(list(self._entries.values()))

    def without(self, client_id: int | None) -> bytes | None:
        """Return the message without one client's state; None when nothing is left."""
        if client_id not in self._entries:
            return self.whole
        kept = [entry for other, entry in self._entries.items() if other != client_id]
        return _message(kept) if kept else None


def awareness_entry(one: AwarenessState) -> bytes:
    """Return one state as it stands in message 1."""
    return var_uint(one.client_id) + var_uint(one.clock) + var_bytes(b"null" if one.state is None else one.state)


def _message(entries: list[bytes]) -> bytes:
    return bytes((AWARENESS,)) + var_bytes(var_uint(len(entries)) + b"".join(entries))


def message(states: Mapping[int, AwarenessState], without: int | None = None) -> bytes | None:
    """Return message 1 with these states but the one of `without`; None when nothing is left."""
    return News(states).without(without) if states else None
