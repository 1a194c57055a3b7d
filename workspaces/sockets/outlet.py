"""Sending to one socket without ever waiting for it: who reads slowly is found out by what piles up."""

import asyncio
import logging
import time
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final

from workspaces.sockets.codes import Close

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
HIGH_WATER: Final = 1 << 20
LOW_WATER: Final = 1 << 16
_log = logging.getLogger("wukong.sockets")


@types.coroutine
def _rest(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was run by hand until it waited for a future."""
    yield waits_for
    yield from begun.__await__()


class Outlet:
    """What goes out to one socket, in order. Used on the event loop's thread only.

    Most sends end at once, so the first step of each is run by hand: a task for every frame would cost more than the
    frame. Only what has to wait becomes a task, and what comes meanwhile is queued.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[Mapping[str, Any]] = deque()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._transport = _daphne_transport(send)
        self.said_at = time.monotonic()
        self.code: Close | None = None
        """Why it was closed; None while it is open."""

    @property
    def backlog(self) -> int:
        """Bytes that wait for the reader. Daphne's `send` never waits, there its transport is asked."""
        if self._transport is not None:
            return self._queued + len(self._transport.dataBuffer) + int(self._transport._tempDataLen)
        return self._queued

    def put(self, payload: bytes) -> None:
        """Send a binary frame, now or after what is queued."""
        if self.code is None:
            self.said_at = time.monotonic()
            self._put({"type": "websocket.send", "bytes": payload}, len(payload))

    def put_text(self, text: str) -> None:
        """Send a text frame."""
        if self.code is None:
            self._put({"type": "websocket.send", "text": text}, len(text))

    def close(self, code: Close) -> None:
        """Close the socket after what is queued; the first reason counts."""
        if self.code is None:
            self.code = code
            self._put({"type": "websocket.close", "code": int(code)}, 0)

    def forget(self) -> None:
        """Drop what waits: the socket is gone."""
        self._queue.clear()
        self._queued = 0
        if self._task is not None:
            self._task.cancel()

    def _put(self, message: Mapping[str, Any], size: int) -> None:
        if self._task is not None:
            self._queue.append(message)
            self._queued += size
            return
        sending: Any = self._send(message)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - servers differ in how they say that the peer has gone
            _log.debug("a frame could not be sent: %s", error)
            return
        self._task = asyncio.ensure_future(self._drain(sending, waits_for))

    async def _drain(self, sending: Coroutine[Any, Any, None], waits_for: Any) -> None:
        try:
            await _rest(sending, waits_for)
            while self._queue:
                message = self._queue.popleft()
                self._queued -= len(message.get("bytes") or message.get("text") or b"")
                await self._send(message)
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("a frame could not be sent: %s", error)
        finally:
            self._task = None


def _daphne_transport(send: Any) -> Any:
    """Return the transport behind Daphne's `send`, which Channels' session middleware has wrapped; None elsewhere."""
    while (inner := getattr(getattr(send, "__self__", None), "real_send", None)) is not None:
        send = inner
    for argument in getattr(send, "args", ()):
        transport = getattr(argument, "transport", None)
        if hasattr(transport, "dataBuffer") and hasattr(transport, "_tempDataLen"):
            return transport
    return None
