"""The websocket of a workspace: `/ws/workspaces/<id>/?since=<seq>`, its events as they happen."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

from django.core.serializers.json import DjangoJSONEncoder

from workspaces.events import access as events
from workspaces.events.models import Event
from workspaces.people.access import role_of, workspace_for
from workspaces.sockets.codes import Close
from workspaces.sockets.connection import Connection
from workspaces.sockets.outlet import HIGH_WATER
from workspaces.sockets.reading import read
from wukong.kernel import bus
from wukong.kernel.clock import now
from wukong.kernel.errors import Forbidden, Invalid

LOOK_S: Final = 5.0
LOOK_LOCAL_S: Final = 30.0  # within one process no hint is lost
TICK_S: Final = 0.5
_PAGE: Final = 200
_log = logging.getLogger("wukong.sockets")


class WorkspaceConsumer(Connection):
    """One listener to a workspace's events. What it sends itself is refused."""

    _feeding: "asyncio.Task[None] | None" = None
    _ticking: asyncio.TimerHandle | None = None

    async def admit(self) -> None:
        if not self.caller.may("workspaces:read"):
            raise Forbidden
        name = self.scope["url_route"]["kwargs"]["workspace_id"]
        self.workspace_id = (await read(lambda: workspace_for(self.caller.user, name))).pk
        self.head = await read(lambda: events.head_of(self.workspace_id))
        self.seen = _since(self.scope, self.head)
        self._ticks: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Event()

    async def begin(self) -> None:
        self.at_the_end(bus.subscribe(f"workspace:{self.workspace_id}", self._hear))
        self.outlet.put_text(json.dumps({"type": "hello", "seq": self.head}))
        self._feeding = asyncio.get_running_loop().create_task(self._feed())

    async def check(self) -> None:
        if await read(lambda: role_of(self.caller.user, self.workspace_id)) is None:
            raise Forbidden

    def end(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
        if self._ticking is not None:
            self._ticking.cancel()

    def _hear(self, message: dict[str, Any]) -> None:
        if "tick" in message:
            self._ticks[str(message["tick"].get("run"))] = message["tick"]
            if self._ticking is None:
                self._tick()
        elif message.get("seq", 0) > self.seen:
            self._news.set()

    def _tick(self) -> None:
        """Say the oldest reading that has not been said; of two runs at work each is heard every other time."""
        self._ticking = None
        if not self._ticks:
            return
        run = next(iter(self._ticks))
        data = self._ticks.pop(run)
        self._say({"type": "meter.ticked", "at": now(), "actor": "system", "run": run, "data": data})
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    async def _feed(self) -> None:
        try:
            while True:
                self._news.clear()
                rows = await read(lambda: events.events_after(self.workspace_id, self.seen, _PAGE))
                self._tell(rows)
                if len(rows) < _PAGE:
                    with suppress(TimeoutError):  # hints may be lost
                        await asyncio.wait_for(self._news.wait(), LOOK_S if bus.is_shared() else LOOK_LOCAL_S)
        except Exception:  # noqa: BLE001 - it comes back with its last seq
            _log.exception("the events of %s could not be read", self.workspace_id)
            self.outlet.close(Close.COME_BACK_LATER)

    def _tell(self, rows: Sequence[Event]) -> None:
        for row in rows:
            self._say(
                {
                    "seq": row.seq,
                    "type": row.type,
                    "at": row.at,
                    "actor": row.actor,
                    "run": row.run,
                    "data": row.payload,
                }
            )
            self.seen = row.seq

    def _say(self, body: dict[str, Any]) -> None:
        if self.outlet.backlog > HIGH_WATER:
            self.outlet.close(Close.COME_BACK_LATER)  # it asks again with its last seq
        self.outlet.put_text(json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")))


def _since(scope: Any, head: int) -> int:
    """Return the seq after which the listener wants events: `?since=`, else only what is to come."""
    said = parse_qs(scope.get("query_string", b"").decode("latin1")).get("since", [str(head)])[0]
    if not (said.isascii() and said.isdigit()) or len(said) > 18:
        raise Invalid
    return int(said)
