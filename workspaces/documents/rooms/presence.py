"""Who is in a room and where: told with the words of a turn, else at most 25 times a second; processes tell each other
over the bus.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID, uuid4

from workspaces.documents.protocol import AwarenessState, awareness_message
from workspaces.documents.rooms import awareness
from workspaces.documents.rooms.audience import Audience
from workspaces.documents.rooms.awareness import Board, News
from workspaces.documents.rooms.gate import Gate
from workspaces.documents.rooms.member import Member
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.outlet import Parcel
from workspaces.sockets.reading import aside
from wukong.kernel import bus

EVERY_S: Final = 0.04
SILENCE_S: Final = 15.0
_NOTHING: Final = Parcel((awareness_message([]),))
_NODE: Final = uuid4().hex


class Presences:
    """The presence of one room's members, of agents, and of people at other processes.

    `is_busy` says whether words are on their way: what they tell takes the news along.
    """

    def __init__(self, document_id: UUID, audience: Audience, is_busy: Callable[[], bool]) -> None:
        self.topic = f"document:{document_id}"
        self.board = Board(time.time)
        self._audience = audience
        self._is_busy = is_busy
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0

    # --- members -----------------------------------------------------------------------------------------------------
    def greet(self, member: Member) -> None:
        """Tell a member who is here."""
        if (message := awareness.message(self.board.whole(), member.shown_id)) is not None:
            self._audience.send(member, Parcel((message,)))

    def say(self, member: Member, states: list[AwarenessState], gate: Gate) -> None:
        """Take what a member says of itself. Raises Closed when it is too large.

        Stock clients also repeat what they have heard of others; only the own state counts.
        """
        for one in states:
            if one.state is None:
                if one.client_id == member.shown_id:
                    self.gone(member)
            elif one.client_id == member.shown_id or self._may_become(member, one, gate):
                if len(one.state) > awareness.MAX_STATE_BYTES:
                    raise Closed(Close.TOO_LARGE)
                if one.client_id != member.shown_id:
                    self._become(member, one.client_id)
                self.board.show(one.client_id, awareness.stamped(one.state, member.shows), "here", time.monotonic())
        self._kick()

    def _may_become(self, member: Member, one: AwarenessState, gate: Gate) -> bool:
        """Return whether a member may be shown under an id: one state a connection, and nobody else's id.

        A person's stock client repeats what it has heard of the person's other windows, with the server's clocks.
        """
        owner, kind = gate.owners.get(one.client_id), self.board.kind_of(one.client_id)
        if owner == member.principal:
            is_free = member.shown_id is None and kind != "here"
            return kind != "agent" and (is_free or not self.board.is_ours(one.clock))
        return owner is None and member.shown_id is None and kind is None

    def _become(self, member: Member, client_id: int) -> None:
        for other in self._audience.members:
            if other.shown_id == client_id:
                other.shown_id = None  # the same person, back before the old connection was missed
        if member.shown_id is not None:
            self.board.hide(member.shown_id)
        member.shown_id = client_id

    def gone(self, member: Member) -> None:
        """Take a member's state away."""
        if member.shown_id is not None:
            self.board.hide(member.shown_id)
            member.shown_id = None
            self._kick()

    # --- the bus -----------------------------------------------------------------------------------------------------
    def hear(self, message: dict[str, Any]) -> None:
        """Take an agent's caret, or what another process says of its people."""
        if (agent := message.get("agent")) is not None:
            self._show_agent(agent)
        elif message.get("node", _NODE) == _NODE:
            return
        elif "who" in message:
            self._publish({"people": {one: state.decode() for one, state in self.board.of_kind("here").items()}})
        else:
            for client_id, state in message.get("people", {}).items():
                self._show_afar(int(client_id), state)
        self._kick()

    def _show_agent(self, agent: dict[str, Any]) -> None:
        if agent["cursor"] is None:
            self.board.hide(agent["client_id"])
            return
        user = {"name": agent["name"], "hue": agent["hue"], "icon": agent["icon"], "kind": "agent"}
        state = awareness.encode({"user": user, "cursor": agent["cursor"]})
        self.board.show(agent["client_id"], state, "agent", time.monotonic())

    def _show_afar(self, client_id: int, state: str | None) -> None:
        if self.board.kind_of(client_id) not in (None, "afar"):
            return
        if state is None:
            self.board.hide(client_id)
        else:
            self.board.show(client_id, state.encode(), "afar", time.monotonic())

    def ask_around(self) -> None:
        """Ask other processes who is with them."""
        self._publish({"who": True})

    def _publish(self, message: dict[str, Any]) -> None:
        if bus.is_shared():
            aside(lambda: bus.publish(self.topic, {**message, "node": _NODE}))

    # --- telling -----------------------------------------------------------------------------------------------------
    def _kick(self) -> None:
        if self.board.has_news and self._timer is None:
            wait = max(0.0, self._told_at + EVERY_S - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._is_busy():
            self._told_at = time.monotonic()
            self._kick()
            return
        if (news := self.news()) is None:
            return
        common = Parcel((news.whole,))
        for member in self._audience.members:
            if member.shown_id not in news.moved:
                self._audience.send(member, common)
            elif (message := news.without(member.shown_id)) is not None:
                self._audience.send(member, Parcel((message,)))

    def news(self) -> News | None:
        """Return what has changed since the last call, to be told now, and tell the other processes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        states = self.board.take()
        if not states:
            return None
        self._told_at = time.monotonic()
        if bus.is_shared():
            here = {member.shown_id for member in self._audience.members}
            people = {
                client_id: one.state.decode() if one.state is not None else None
                for client_id, one in states.items()
                if client_id in here or one.state is None
            }
            if people:
                self._publish({"people": people})
        return News(states)

    def sweep(self) -> None:
        """Renew agents, forget who has fallen silent, and say something to each socket from time to time.

        Stock clients take 30 seconds of silence for a dead server: others repeat to them what they say of themselves.
        """
        at = time.monotonic()
        self.board.sweep(at)
        self._kick()
        for member in self._audience.members:
            if at - member.outlet.said_at > SILENCE_S:
                self._audience.send(member, _NOTHING)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
