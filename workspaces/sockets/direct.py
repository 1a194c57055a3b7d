"""The short way to a socket: frames that are made once for many, written straight to what the server writes to.

A server's own `send` costs more than the frame: middleware, checks, logging and framing, again for each socket. The
attributes that the short way needs are private; they are looked for, never assumed. Where one is missing, where the
server compresses, or where Daphne encrypts in the process, there is no short way and the outlet uses `send`.
"""

import socket
from contextlib import suppress
from typing import Any, Final, Protocol

_OPEN: Final = 3  # autobahn's STATE_OPEN


def framed(payload: bytes) -> bytes:
    """Return a binary message as a server's websocket frame (RFC 6455, section 5.2: in one piece, not masked)."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 1 << 16:
        return b"\x82\x7e" + size.to_bytes(2, "big") + payload
    return b"\x82\x7f" + size.to_bytes(8, "big") + payload


class Wire(Protocol):
    """A short way. Used on the event loop's thread only."""

    @property
    def backlog(self) -> int:
        """Bytes that the server holds for the reader."""

    def write(self, frames: bytes) -> bool:
        """Write whole frames; False: not this way, nothing was written."""

    def abort(self) -> None:
        """Cut the connection; what waits is lost."""


class _Daphne:
    """Twisted's transport. Its `write` asks the reactor to watch the socket each time; an idle socket takes it now."""

    def __init__(self, protocol: Any, transport: Any, handle: socket.socket) -> None:
        self._protocol, self._transport, self._send = protocol, transport, handle.send

    @property
    def backlog(self) -> int:
        transport = self._transport
        return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)

    def write(self, frames: bytes) -> bool:
        protocol, transport = self._protocol, self._transport
        if protocol.state != _OPEN or protocol._perMessageCompress is not None or protocol.send_queue:
            return False
        if transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting or not transport.connected:
            transport.write(frames)
            return True
        try:
            sent = self._send(frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # the peer has gone; the reactor notices by itself
        if sent < len(frames):
            transport.write(frames[sent:])
        return True

    def abort(self) -> None:
        with suppress(Exception):
            self._transport.abortConnection()


class _Uvicorn:
    """uvicorn's transport (`--ws websockets-sansio`), which encrypts by itself, if at all."""

    def __init__(self, protocol: Any) -> None:
        self._protocol, self._transport = protocol, protocol.transport

    @property
    def backlog(self) -> int:
        return int(self._transport.get_write_buffer_size())

    def write(self, frames: bytes) -> bool:
        protocol, transport = self._protocol, self._transport
        if not protocol.handshake_complete or protocol.close_sent or transport.is_closing():
            return False
        transport.write(frames)
        return True

    def abort(self) -> None:
        with suppress(Exception):
            self._transport.abort()


def wire_behind(send: Any) -> Wire | None:
    """Return the short way behind an ASGI `send`, which Channels' session middleware may have wrapped."""
    while (inner := getattr(getattr(send, "__self__", None), "real_send", None)) is not None:
        send = inner
    for argument in getattr(send, "args", ()):
        if (wire := _daphne(argument)) is not None:
            return wire
    return _uvicorn(getattr(send, "__self__", None))


def _daphne(protocol: Any) -> Wire | None:
    """Return the wire of a protocol of autobahn's, or None where Twisted encrypts: there the handle is no socket."""
    transport: Any = getattr(protocol, "transport", None)
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    has_all = all(hasattr(protocol, name) for name in ("state", "_perMessageCompress", "send_queue")) and all(
        hasattr(transport, name)
        for name in ("dataBuffer", "offset", "_tempDataBuffer", "_tempDataLen", "disconnecting", "connected")
    )
    if not has_all or not isinstance(handle, socket.socket) or getattr(transport, "TLS", False):
        return None
    return _Daphne(protocol, transport, handle)


def _uvicorn(protocol: Any) -> Wire | None:
    """Return the wire of uvicorn's sans-IO protocol, or None where an extension (compression) was agreed upon."""
    transport, connection = getattr(protocol, "transport", None), getattr(protocol, "conn", None)
    has_all = all(hasattr(protocol, name) for name in ("handshake_complete", "close_sent")) and all(
        hasattr(transport, name) for name in ("write", "get_write_buffer_size", "is_closing")
    )
    if not has_all or getattr(connection, "extensions", None) != []:
        return None
    return _Uvicorn(protocol)
