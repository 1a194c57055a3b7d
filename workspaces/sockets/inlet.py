"""What comes in from one socket. Until somebody is let in nothing is read; what was sent all the same is counted."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

Message = dict[str, Any]
T = TypeVar("T")
EARLY_FRAMES: Final = 8
"""Frames that may come before the socket is ready: who opens one says hello without waiting for an answer."""

EARLY_BYTES: Final = 64 * 1024


class Inlet:
    """The messages of one socket, in order. Used on the event loop's thread only."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        self._receive = receive
        self._transport = _twisted_transport(send)
        self._coming: asyncio.Task[Message] | None = None
        self._early: deque[Message] = deque()
        self._early_bytes = 0
        self.is_flooded = False
        """Whether more came early than may come: it was thrown away."""

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns. What comes meanwhile is kept, up to a limit."""
        working = asyncio.ensure_future(work)
        self._pause(is_paused=True)
        try:
            while not working.done():
                if self._coming is None:
                    self._coming = asyncio.ensure_future(self._one())
                await asyncio.wait({working, self._coming}, return_when=asyncio.FIRST_COMPLETED)
                if self._coming.done():
                    self._keep(self._coming.result())
                    self._coming = None
        finally:
            working.cancel()
            self._pause(is_paused=False)
        return working.result()

    async def _one(self) -> Message:
        message: Message = await self._receive()
        return message

    def _keep(self, message: Message) -> None:
        self._early_bytes += len(message.get("bytes") or message.get("text") or "")
        is_frame = message["type"] == "websocket.receive"
        if is_frame and (len(self._early) >= EARLY_FRAMES or self._early_bytes > EARLY_BYTES):
            self.is_flooded = True
        else:
            self._early.append(message)

    async def next(self) -> Message:
        """Return the next message."""
        if self._early:
            return self._early.popleft()
        if self._coming is not None:
            coming, self._coming = self._coming, None
            return await coming
        return await self._one()

    async def until_gone(self) -> None:
        """Throw away what comes until the peer has gone."""
        while (await self.next())["type"] != "websocket.disconnect":
            pass

    def forget(self) -> None:
        """The socket is gone."""
        if self._coming is not None:
            self._coming.cancel()

    def _pause(self, *, is_paused: bool) -> None:
        """Daphne reads on and on, and keeps what it has read; uvicorn stops by itself."""
        if self._transport is not None:
            (self._transport.pauseProducing if is_paused else self._transport.resumeProducing)()


def _twisted_transport(send: Any) -> Any:
    """Return the transport behind Daphne's `send`, which Channels' session middleware has wrapped; None elsewhere."""
    while (inner := getattr(getattr(send, "__self__", None), "real_send", None)) is not None:
        send = inner
    for argument in getattr(send, "args", ()):
        transport = getattr(argument, "transport", None)
        if hasattr(transport, "pauseProducing") and hasattr(transport, "resumeProducing"):
            return transport
    return None
