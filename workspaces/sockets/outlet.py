"""Sending to one socket without ever waiting for it: who reads slowly is found out by what piles up."""

import asyncio
import logging
import time
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any, Final

from workspaces.sockets.codes import Close
from workspaces.sockets.direct import framed, wire_behind

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
HIGH_WATER: Final = 1 << 20
LOW_WATER: Final = 1 << 16
_CUT_AFTER_S: Final = 5.0
_log = logging.getLogger("wukong.sockets")


@types.coroutine
def _rest(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was run by hand until it waited for a future."""
    yield waits_for
    yield from begun.__await__()


class Parcel:
    """Binary messages that leave together, framed once for all who get them."""

    __slots__ = ("frames", "payloads")

    def __init__(self, payloads: Sequence[bytes], frames: bytes | None = None) -> None:
        self.payloads = payloads
        self.frames = b"".join([framed(one) for one in payloads]) if frames is None else frames

    def __add__(self, other: "Parcel") -> "Parcel":
        return Parcel([*self.payloads, *other.payloads], self.frames + other.frames)


class Outlet:
    """What goes out to one socket, in order. Used on the event loop's thread only.

    Frames go the short way where there is one. Elsewhere most sends end at once, so the first step of each is run by
    hand: a task for every frame would cost more than the frame. Only what has to wait becomes a task, and what comes
    meanwhile is queued.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[Mapping[str, Any]] = deque()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._wire = wire_behind(send)
        self.said_at = time.monotonic()
        self.code: Close | None = None
        """Why it was closed; None while it is open."""

    @property
    def backlog(self) -> int:
        """Bytes that wait for the reader. Daphne's `send` never waits, there its transport is asked."""
        return self._queued if self._wire is None else self._queued + self._wire.backlog

    def put(self, payload: bytes) -> None:
        """Send a binary message, now or after what is queued."""
        self.put_parcel(Parcel((payload,)))

    def put_parcel(self, parcel: Parcel) -> None:
        """Send binary messages in one piece."""
        if self.code is not None:
            return
        self.said_at = time.monotonic()
        if self._task is None and self._wire is not None and self._wire.write(parcel.frames):
            return
        for payload in parcel.payloads:
            self._put({"type": "websocket.send", "bytes": payload}, len(payload))

    def put_text(self, text: str) -> None:
        """Send a text message."""
        if self.code is None:
            self._put({"type": "websocket.send", "text": text}, len(text))

    def close(self, code: Close) -> None:
        """Close the socket after what is queued; the first reason counts. Who does not even read that is cut off."""
        if self.code is not None:
            return
        self.code = code
        self._put({"type": "websocket.close", "code": int(code)}, 0)
        if self._wire is not None and self.backlog:
            asyncio.get_running_loop().call_later(_CUT_AFTER_S, self._wire.abort)

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
