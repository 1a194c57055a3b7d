"""What our consumers share: a receive loop of their own, refusal before accept, rates, and rights that may end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from channels.consumer import AsyncConsumer

from workspaces.sockets import auth
from workspaces.sockets.auth import Caller
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.outlet import Outlet
from workspaces.sockets.rates import Bucket
from workspaces.sockets.reading import read
from wukong.kernel import bus
from wukong.kernel.errors import Forbidden, NotFound, Unauthenticated, WukongError

RIGHTS_LAST_S: Final = 60.0
"""Rights are looked up again after this time, should the hint that they have changed be lost."""
_log = logging.getLogger("wukong.sockets")
_open: "set[Connection]" = set()
_CODES: Final = {Unauthenticated: Close.SIGNED_OUT, Forbidden: Close.ROLE_LOST, NotFound: Close.GONE}


class Connection(AsyncConsumer):
    """One websocket. Channels' own dispatch hops to a thread for every message; this loop does not.

    Subclasses say what `admit` (before accept; raises WukongError), `begin`, `receive_frame`, `check` (rights again)
    and `end` do.
    """

    messages_per_second: ClassVar[tuple[float, float]] = (200.0, 600.0)
    bytes_per_second: ClassVar[tuple[float, float]] = (1 << 20, 8 << 20)
    """(steady, burst) of one connection."""

    scope: Any
    _is_open = False
    caller: Caller
    outlet: Outlet

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self._checking: asyncio.Task[None] | None = None
        self._endings: list[Callable[[], object]] = []
        self._early: list[dict[str, Any]] = []
        self.outlet = Outlet(send)
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            if not await self._is_admitted(send):
                return
            _open.add(self)
            self._watch_rights()
            try:
                await self.begin()
                await self._receive_all(receive)
            except Closed as closed:
                self.outlet.close(closed.code)
                await _until_gone(receive)
        except asyncio.CancelledError:
            self.desert()
            raise
        finally:
            _open.discard(self)
            for ending in self._endings:
                ending()
            if self._checking is not None:
                self._checking.cancel()
            self.end()
            if self.outlet.code is None:
                self.outlet.forget()

    async def _is_admitted(self, send: Any) -> bool:
        try:
            self.caller = await read(lambda: auth.authenticate(self.scope))
            # Heard from here on: rights may go while they are being looked up.
            person = f"person:{self.caller.user.pk}"
            self.at_the_end(bus.subscribe(person, self._told))
            await self.admit()
        except WukongError as error:
            await _refuse(self.scope, send, error)
            return False
        await send({"type": "websocket.accept", "subprotocol": auth.chosen_protocol(self.scope)})
        self._is_open = True
        return True

    async def _receive_all(self, receive: Any) -> None:
        messages, size = Bucket(*self.messages_per_second), Bucket(*self.bytes_per_second)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self.outlet.code is not None:
                continue  # closed by us; the rest until the peer's answer is not read
            data = message.get("bytes")
            if data is None:
                raise Closed(Close.MALFORMED)
            at = time.monotonic()
            if not (messages.take(1, at) and size.take(len(data), at)):
                raise Closed(Close.TOO_FAST)
            await self.receive_frame(data)

    # --- rights ------------------------------------------------------------------------------------------------------
    def _watch_rights(self) -> None:
        for message in self._early:
            self._told(message)
        self._later = asyncio.get_running_loop().call_later(RIGHTS_LAST_S, self._due)
        self.at_the_end(lambda: self._later.cancel())

    def at_the_end(self, ending: Callable[[], object]) -> None:
        """Call `ending` once the socket is gone."""
        self._endings.append(ending)

    def _told(self, message: dict[str, Any]) -> None:
        if not self._is_open:
            self._early.append(message)
            return
        ended = message.get("signed_out")
        if ended is None:
            self.look_again()
        elif ended == self.caller.session_hash:
            self.outlet.close(Close.SIGNED_OUT)

    def _due(self) -> None:
        self._later = asyncio.get_running_loop().call_later(RIGHTS_LAST_S, self._due)
        self.look_again()

    def look_again(self) -> None:
        """Look up the caller's rights soon. One that is on its way may have read old ones: another follows."""
        before = self._checking if self._checking is not None and not self._checking.done() else None
        self._checking = asyncio.ensure_future(self._check(before))

    async def _check(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            self.caller = await read(lambda: auth.verify(self.caller))
            await self.check()
        except WukongError as error:
            self.outlet.close(_CODES.get(type(error), Close.COME_BACK_LATER))
        except Exception:  # noqa: BLE001 - who cannot be checked does not stay
            _log.exception("rights could not be looked up")
            self.outlet.close(Close.COME_BACK_LATER)

    # --- what a subclass does ----------------------------------------------------------------------------------------
    async def admit(self) -> None:
        """Look up whether the caller may come in; raises WukongError before anything is accepted."""
        raise NotImplementedError

    async def begin(self) -> None:
        """The socket is open."""

    async def receive_frame(self, data: bytes) -> None:
        """Take one binary frame. Raises Closed."""
        raise Closed(Close.MALFORMED)

    async def check(self) -> None:
        """`caller` has been verified: look up the rest of the rights. Raises WukongError: the socket is closed."""

    def desert(self) -> None:
        """The process ends while the socket is open."""
        self.outlet.close(Close.SHUTTING_DOWN)

    def end(self) -> None:
        """The socket is gone."""


def close_all() -> bool:
    """Tell every open socket of this process that it shuts down; returns whether there was one.

    A server cancels its consumers at the end, but Daphne not always all of them.
    """
    for connection in _open:
        connection.outlet.close(Close.SHUTTING_DOWN)
    return bool(_open)


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """Refuse a socket at an address that we do not have."""
    if (await receive())["type"] == "websocket.connect":
        await _refuse(scope, send, NotFound())


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _refuse(scope: Any, send: Any, error: WukongError) -> None:
    """Answer the handshake with the error's status where the server can; elsewhere a close, which becomes a 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": error.message.encode(), "more_body": False})
