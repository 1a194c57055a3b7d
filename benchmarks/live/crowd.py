"""The generator: many websocket clients in one process and one thread, on an epoll loop.

While the clock runs it only sends frames made before, and notes what arrives with its time, in whole frames. What is in
them is looked at afterwards (tally.py): so it can carry far more than the servers that it measures.
"""

import base64
import os
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter, process_time

from benchmarks.live import frames

_CHUNK = 1 << 18
_CONNECTING, _SHAKING, _OPEN, _GONE = range(4)


class TooSlow(Exception):
    """Something did not happen in its time."""


@dataclass(frozen=True, slots=True)
class Door:
    """How to enter one document of one server."""

    port: int
    path: str
    protocols: tuple[str, ...] = ()
    prefix: bytes = b""  # in front of every message (Hocuspocus: the document's name)
    first: tuple[bytes, ...] = ()  # messages before the first step 1 (Hocuspocus: the token)

    def hello(self) -> bytes:
        lines = [
            f"GET {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        if self.protocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(self.protocols)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One socket. `heard` has (time, whole frames) since `forget`; `code` says how the server closed it."""

    def __init__(self, door: Door, *, small_buffer: bool = False) -> None:
        self.door = door
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if small_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.state = _CONNECTING
        self.began_at = perf_counter()
        self.synced_at: float | None = None
        self.closed_at: float | None = None
        self.code: int | None = None
        self.heard: list[tuple[float, bytes]] = []
        self._parts: list[bytes] = []
        self._have = self._need = 0
        self._out = b""

    @property
    def is_open(self) -> bool:
        return self.state == _OPEN

    def say(self, message: bytes) -> bytes:
        """Return the frame of a message to this server."""
        return frames.masked(self.door.prefix + message)


@dataclass
class Send:
    """Something to be sent `at` seconds after the start; `note` is called with the moment of it."""

    at: float
    client: Client
    frame: bytes
    note: Callable[[float], None] | None = None


@dataclass
class Plan:
    """Sends in the order of their times, counted from `began`; those before `place` are done."""

    sends: Sequence[Send]
    began: float = field(default_factory=perf_counter)
    place: int = 0


@dataclass
class Spell:
    """What a stretch of the loop cost the generator; `late_ms` is how far the worst send was behind its plan."""

    began: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    late_ms: float = 0.0


@dataclass
class Crowd:
    """All clients of a measurement."""

    clients: list[Client] = field(default_factory=list)
    _poll: select.epoll = field(default_factory=select.epoll)
    _by_fd: dict[int, Client] = field(default_factory=dict)
    _opening: int = 0

    # --- coming and going --------------------------------------------------------------------------------------------
    def open(
        self,
        doors: Iterable[Door],
        *,
        at_once: int = 16,
        seconds: float = 30.0,
        small_buffer: bool = False,
        may_fail: bool = False,
    ) -> list[Client]:
        """Let clients in, `at_once` at the same time; returns them when all have the document. Raises TooSlow.

        `may_fail`: who is turned away is among them, closed.
        """
        waiting = list(doors)[::-1]
        opened: list[Client] = []
        end = perf_counter() + seconds
        while waiting or self._opening:
            while waiting and self._opening < at_once:
                opened.append(self._begin(Client(waiting.pop(), small_buffer=small_buffer)))
            self._turn(min(0.05, end - perf_counter()))
            if not may_fail and any(client.state == _GONE for client in opened):
                codes = sorted({str(client.code) for client in opened if client.state == _GONE})
                raise TooSlow(f"a client was not let in or closed ({', '.join(codes)})")
            if perf_counter() > end:
                raise TooSlow(f"{self._opening + len(waiting)} of {len(opened) + len(waiting)} clients are not let in")
        return opened

    def _begin(self, client: Client) -> Client:
        self._opening += 1
        client.began_at = perf_counter()
        with suppress(BlockingIOError):
            client.socket.connect(("127.0.0.1", client.door.port))
        self.clients.append(client)
        self._by_fd[client.socket.fileno()] = client
        self._poll.register(client.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        return client

    def freeze(self, client: Client) -> None:
        """Let a client read nothing until `thaw`."""
        self._poll.modify(client.socket.fileno(), 0)

    def thaw(self, client: Client) -> None:
        self._poll.modify(client.socket.fileno(), select.EPOLLIN)

    def close(self) -> None:
        """Drop everybody."""
        for client in self.clients:
            client.socket.close()
        self.clients.clear()
        self._by_fd.clear()
        self._poll.close()

    def _drop(self, client: Client) -> None:
        if client.state != _GONE:
            if client.synced_at is None:
                self._opening -= 1
            client.state, client.closed_at = _GONE, perf_counter()
            self._poll.unregister(client.socket.fileno())
            self._by_fd.pop(client.socket.fileno(), None)

    # --- the clock runs ----------------------------------------------------------------------------------------------
    def perform(self, plan: Plan, seconds: float) -> Spell:
        """Send what is due and listen, for `seconds` from now. What is due later stays in the plan."""
        spell = Spell(began=perf_counter())
        cpu = process_time()
        end = spell.began + seconds
        sends, count, late = plan.sends, len(plan.sends), 0.0
        while (now := perf_counter()) < end:
            while plan.place < count and plan.began + sends[plan.place].at <= now:
                planned = sends[plan.place]
                late = max(late, now - plan.began - planned.at)
                plan.place += 1
                if planned.client.state == _OPEN:
                    if planned.note is not None:
                        planned.note(perf_counter())
                    self.send(planned.client, planned.frame)
            due = plan.began + sends[plan.place].at if plan.place < count else end
            self._turn(max(0.0, min(due, end) - perf_counter()))
        spell.ended = perf_counter()
        spell.cpu = round((process_time() - cpu) / (spell.ended - spell.began) * 100, 1)
        spell.late_ms = round(late * 1e3, 1)
        return spell

    def listen(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Listen until `holds`; False when it did not within `seconds`."""
        end = perf_counter() + seconds
        while not holds():
            if perf_counter() >= end:
                return False
            self._turn(0.02)
        return True

    def settle(self, quiet: float = 0.4, seconds: float = 8.0) -> bool:
        """Listen until nothing has arrived for `quiet` seconds; False when it did not become so."""
        began = perf_counter()
        end = began + seconds
        while True:
            now = perf_counter()
            last = max((client.heard[-1][0] for client in self.clients if client.heard), default=0.0)
            if now - max(last, began) >= quiet:
                return True
            if now >= end:
                return False
            self._turn(0.05)

    def send(self, client: Client, frame: bytes) -> None:
        """Send a frame, or the rest of it as soon as the server reads."""
        if client._out:
            client._out += frame
            return
        try:
            sent = client.socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        if sent < len(frame):
            client._out = frame[sent:]
            self._poll.modify(client.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _turn(self, seconds: float) -> None:
        for fd, what in self._poll.poll(max(0.0, seconds)):
            client = self._by_fd.get(fd)
            if client is None:
                continue
            if what & select.EPOLLOUT:
                self._writable(client)
            if what & ~select.EPOLLOUT and client.state != _GONE:
                self._readable(client)

    def _writable(self, client: Client) -> None:
        if client.state == _CONNECTING:
            if client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._drop(client)
                return
            client.state = _SHAKING
            client._out = client.door.hello()
        rest, client._out = client._out, b""
        self._poll.modify(client.socket.fileno(), select.EPOLLIN)
        if rest:
            self.send(client, rest)

    def _readable(self, client: Client) -> None:
        try:
            data = client.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        at = perf_counter()
        if client._parts:
            client._parts.append(data)
            client._have += len(data)
            if client._have < client._need:
                return
            data = b"".join(client._parts)
            client._parts = []
        if client.state == _SHAKING and (data := self._shaken(client, data)) == b"":
            return
        end = self._whole(client, data, at)
        if end < len(data):
            client._parts = [data[end:]]
            client._have = len(data) - end
            data = data[:end]
        if data:
            client.heard.append((at, data))

    def _shaken(self, client: Client, data: bytes) -> bytes:
        """Take the answer to the handshake; returns what follows it."""
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            client._parts, client._have, client._need = [data], len(data), len(data) + 1
            return b""
        if not head.startswith(b"HTTP/1.1 101"):
            client.code = int(head[9:12])
            self._drop(client)
            return b""
        client.state = _OPEN
        first = (*client.door.first, frames.sync(frames.STEP1, b"\x00"))
        self.send(client, b"".join(client.say(message) for message in first))
        return rest

    def _whole(self, client: Client, data: bytes, at: float) -> int:
        """Return where the last whole frame ends; answers pings, and step 1 of the server before the first step 2."""
        place, size = 0, len(data)
        while place + 2 <= size:
            length = data[place + 1]
            if length < 126:
                end = place + 2 + length
            else:
                found = frames.span(data, place)
                if found is None:
                    break
                end = found[1]
            if end > size:
                client._need = end - place
                return place
            if data[place] != 0x82 or client.synced_at is None:
                self._special(client, data[place], data[place:end], at)
            place = end
        client._need = size - place + 1
        return place

    def _special(self, client: Client, head: int, frame: bytes, at: float) -> None:
        payload = frame[(frames.span(frame, 0) or (0, 0))[0] :]
        if head & 15 == frames.PING:
            self.send(client, frames.masked(payload, frames.PONG))
        elif head & 15 == frames.CLOSE:
            client.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._drop(client)
        elif head & 15 == 2:
            message = payload[len(client.door.prefix) :]
            if message[:1] in (b"\x00", b"\x04") and message[1:2] == b"\x00":
                self.send(client, client.say(frames.sync(frames.STEP2, frames.EMPTY_UPDATE)))
            elif message[:2] == b"\x00\x01":
                client.synced_at = at
                self._opening -= 1
