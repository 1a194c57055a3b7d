"""What our consumers share: a receive loop of their own, refusal before accept, rates, and rights that may end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from channels.consumer import AsyncConsumer
from django.conf import settings

from workspaces.sockets import auth, rates
from workspaces.sockets.auth import Caller
from workspaces.sockets.codes import Close, Closed
from workspaces.sockets.inlet import Inlet
from workspaces.sockets.outlet import Outlet
from workspaces.sockets.rates import Allowance, Rate
from workspaces.sockets.reading import read
from wukong.kernel import bus
from wukong.kernel.errors import Forbidden, NotFound, Throttled, Unauthenticated, Unavailable, WukongError

ADMISSION_LASTS_S: Final = 5.0
"""From the opening of a socket until it is known who that is and whether they may; what comes meanwhile is not read."""

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

    messages: ClassVar[Rate] = Rate(200.0, 600.0)
    sizes: ClassVar[Rate] = Rate(1 << 20, 8 << 20)
    """Of one connection. For all of a person see WUKONG_RATE_SOCKETS; twice as many bytes."""

    scope: Any
    _is_open = False
    caller: Caller
    outlet: Outlet
    inlet: Inlet

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self._checking: asyncio.Task[None] | None = None
        self._is_asked = False
        self._endings: list[Callable[[], object]] = []
        self._early: list[dict[str, Any]] = []
        self.outlet, self.inlet = Outlet(send), Inlet(receive, send)
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            if not await self._is_admitted(send):
                return
            _open.add(self)
            self._watch_rights()
            try:
                await self.inlet.during(self.begin())
                await self._receive_all()
            except Closed as closed:
                self.outlet.close(closed.code)
                await self.inlet.until_gone()
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
            self.inlet.forget()
            if self.outlet.code is None:
                self.outlet.forget()

    async def _is_admitted(self, send: Any) -> bool:
        try:
            async with asyncio.timeout(ADMISSION_LASTS_S):
                await self.inlet.during(self._admit())
            if self.inlet.is_flooded:
                raise Throttled
        except (WukongError, TimeoutError) as error:
            await _refuse(self.scope, send, error if isinstance(error, WukongError) else Unavailable())
            return False
        await send({"type": "websocket.accept", "subprotocol": auth.chosen_protocol(self.scope)})
        self._is_open = True
        return True

    async def _admit(self) -> None:
        self.caller = await read(lambda: auth.authenticate(self.scope))
        # Heard from here on: rights may go while they are being looked up.
        person = f"person:{self.caller.user.pk}"
        self.at_the_end(bus.subscribe(person, self._told))
        await self.admit()

    async def _receive_all(self) -> None:
        if self.inlet.is_flooded:
            raise Closed(Close.TOO_FAST)
        self._own = Allowance(self.messages, self.sizes)
        most, size = float(settings.WUKONG_RATE_SOCKETS), self.sizes
        shared = Rate(most, 3 * most), Rate(2 * size.per_second, 2 * size.burst)
        self._shared = rates.of_person(self.caller.user.pk, *shared)
        next_message = self.inlet.next
        while True:
            message = await next_message()
            if message["type"] == "websocket.disconnect":
                return
            if self.outlet.code is not None:
                continue  # closed by us; the rest until the peer's answer is not read
            data = message.get("bytes")
            if data is None:
                raise Closed(Close.MALFORMED)
            self.charge(1, len(data))
            await self.receive_frame(data)

    def charge(self, messages: float, size: float) -> None:
        """Take from what the connection and its person may send. Raises Closed."""
        at = time.monotonic()
        if not (self._own.take(messages, size, at) and self._shared.take(messages, size, at)):
            raise Closed(Close.TOO_FAST)

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
        """Look up the caller's rights soon. A look that is on its way may have read old ones: one more follows it."""
        self._is_asked = True
        if not self.is_checking:
            self._checking = asyncio.ensure_future(self._check())

    @property
    def is_checking(self) -> bool:
        """Whether the caller's rights are in doubt: they may have changed, and are being looked up."""
        return self._checking is not None and not self._checking.done()

    async def until_checked(self) -> None:
        """Wait until the caller's rights are known again, or the socket is closed."""
        while self._checking is not None and not self._checking.done():
            await asyncio.wait([self._checking])

    async def _check(self) -> None:
        try:
            while self._is_asked:
                self._is_asked = False
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


async def _refuse(scope: Any, send: Any, error: WukongError) -> None:
    """Answer the handshake with the error's status where the server can; elsewhere a close, which becomes a 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": error.message.encode(), "more_body": False})
