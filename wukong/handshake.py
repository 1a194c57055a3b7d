"""What Daphne leaves out of websockets: refusals with a status of their own, close codes of the protocol, a farewell;
and a quick way for what nearly all messages are.

Daphne answers every refusal with 403; autobahn refuses to send 1001 or 1013, which tell a browser to come back; and a
server that ends is gone before its last frames are. Autobahn takes a frame through some twenty calls, of which two
paint a line of the log that is not written.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import daphne.server
from autobahn.websocket.types import ConnectionDeny
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.defer import Deferred

from workspaces.documents.rooms import hub as rooms

_WHOLE_BINARY: Final = 0x82  # the last frame of a message, no extension, binary
_MASKED: Final = 0x80
_SMALL: Final = 4096


class Server(daphne.server.Server):
    """Daphne's server, which tells browsers to come back (1001) before it cancels its applications."""

    def kill_all_applications(self) -> Any:
        """Flush the rooms and close them while the loop still runs; Twisted waits for it."""
        farewell = Deferred.fromFuture(asyncio.ensure_future(rooms.close_all()))
        farewell.addBoth(lambda _closed: super(Server, self).kill_all_applications())
        return farewell


class _Protocol(WebSocketProtocol):
    """Daphne's protocol with the ASGI extension `websocket.http.response`. No body: nobody shows it."""

    refusal = 403

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.http.response.start":
            self.refusal = message["status"]
        elif message["type"] == "websocket.http.response.body":
            if not message.get("more_body") and self.state == self.STATE_CONNECTING:
                self.serverReject()
        else:
            super().handle_reply(message)

    def dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_OPEN and not self.data and self.current_frame is None and not self.inside_message:
            data = self._take_whole_messages(data)
            if not data:
                return
        self._dataReceived(data)

    def _take_whole_messages(self, data: bytes) -> bytes:
        """Hand on the small binary messages at the beginning that are whole; return the rest, for autobahn."""
        at = 0
        while len(data) - at >= 6 and data[at] == _WHOLE_BINARY and data[at + 1] & _MASKED:
            size, head = data[at + 1] & 127, at + 2
            if size == 126:
                size, head = int.from_bytes(data[head : head + 2], "big"), head + 2
                if size < 126:  # not the shortest form
                    break
            elif size == 127:
                break
            begin = head + 4
            if size == 0 or size > _SMALL or begin + size > len(data):
                break
            self._onMessage(unmasked(data[begin : begin + size], data[head:begin]), True)
            at = begin + size
        return data[at:]

    def serverReject(self) -> None:
        denial = ConnectionDeny(self.refusal, HTTPStatus(self.refusal).phrase)  # type: ignore[no-untyped-call]
        self.handshake_deferred.errback(denial)
        del self.handshake_deferred
        self.server.protocol_disconnected(self)

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """Return a payload without its mask of four bytes (RFC 6455, section 5.3): long numbers do it in one step."""
    size = len(payload)
    whole = int.from_bytes(mask * (size // 4 + 1), "big") >> 8 * (4 - size % 4)
    return (int.from_bytes(payload, "big") ^ whole).to_bytes(size, "big")


def extend_daphne() -> None:
    """Let Daphne's servers of this process use it. Call it before the first connection."""
    WebSocketFactory.protocol = _Protocol
    CommandLineInterface.server_class = Server  # `daphne` loads our application before it makes its server
