"""Hints between threads and processes: "something of this topic has moved".

A hint may be lost; the truth is always read by sequence number from the database. So `publish` never raises and never
blocks for long, and subscribers re-read on reconnect and from time to time. Callbacks run on the event loop of the
server that attached it.
"""

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

Message = dict[str, Any]
Callback = Callable[[Message], None]
_log = logging.getLogger("wukong.bus")
_CHANNEL = "wukong:"
_QUIET_S = 2.0


class _LocalBus:
    """Within one process: thread-safe hand-over to the server's loop."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.topics: dict[str, list[Callback]] = defaultdict(list)
        self.lock = threading.Lock()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def publish(self, topic: str, message: Message) -> None:
        loop = self.loop
        if loop is None or topic not in self.topics:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server goes down, browsers come back and read
            loop.call_soon_threadsafe(self.deliver, topic, message)

    def deliver(self, topic: str, message: Message) -> None:
        for callback in list(self.topics.get(topic, ())):
            try:
                callback(message)
            except Exception:  # noqa: BLE001 - one subscriber's fault must not make the others deaf
                _log.exception("a hint of %s could not be taken", topic)

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        with self.lock:
            self.topics[topic].append(callback)
        return lambda: self._unsubscribe(topic, callback)

    def _unsubscribe(self, topic: str, callback: Callback) -> None:
        with self.lock:
            if callback in self.topics.get(topic, ()):
                self.topics[topic].remove(callback)
                if not self.topics[topic]:
                    del self.topics[topic]

    async def close(self) -> None:
        self.loop = None


class _RedisBus(_LocalBus):
    """Between processes: one Redis pub/sub connection a process, one pattern, delivered to local subscribers."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.sender = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.task: asyncio.Task[None] | None = None
        self.quiet_until = 0.0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.loop is not loop:
            super().attach(loop)
            self.task = loop.create_task(self._listen())

    def publish(self, topic: str, message: Message) -> None:
        """Send the hint. A Redis that is away, or worse, silent, is left alone for a moment: who publishes has just
        committed and holds up the next commit.
        """
        if time.monotonic() >= self.quiet_until:
            try:
                self.sender.publish(_CHANNEL + topic, json.dumps(message, separators=(",", ":")))
                return
            except (redis.RedisError, OSError) as error:
                self.quiet_until = time.monotonic() + _QUIET_S
                _log.warning("hints are lost for %s s: %s", _QUIET_S, error)
        super().publish(topic, message)  # people of this process still hear of it

    async def _listen(self) -> None:
        while True:
            try:
                async with redis.asyncio.Redis.from_url(self.url) as client, client.pubsub() as pubsub:
                    await pubsub.psubscribe(_CHANNEL + "*")
                    async for item in pubsub.listen():
                        if item["type"] == "pmessage":
                            topic = item["channel"].decode().removeprefix(_CHANNEL)
                            if topic in self.topics:
                                self.deliver(topic, json.loads(item["data"]))
            except (redis.RedisError, OSError, ValueError) as error:
                _log.warning("bus: %s; trying again", error)
                await asyncio.sleep(0.5)

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
        await super().close()


_bus: _LocalBus | None = None
_bus_lock = threading.Lock()


def _current() -> _LocalBus:
    global _bus
    with _bus_lock:
        if _bus is None:
            _bus = _RedisBus(settings.REDIS_URL) if settings.REDIS_URL else _LocalBus()
        return _bus


def attach(loop: asyncio.AbstractEventLoop) -> None:
    """Deliver this process's callbacks on `loop`. Called once the server's loop runs; again is harmless."""
    _current().attach(loop)


def is_shared() -> bool:
    """Return whether other processes hear what is published here."""
    return isinstance(_current(), _RedisBus)


def publish(topic: str, message: Message) -> None:
    """Tell all processes that `topic` has moved. From any thread; never raises; may be lost."""
    _current().publish(topic, message)


def subscribe(topic: str, callback: Callback) -> Callable[[], None]:
    """Call `callback(message)` on the server's loop for each hint of `topic`; returns the function that ends it."""
    return _current().subscribe(topic, callback)


async def close() -> None:
    """Stop listening."""
    await _current().close()


def reset() -> None:
    """Forget the bus of this process (after a fork, in tests)."""
    global _bus
    with _bus_lock:
        _bus = None
