"""What Daphne leaves out of websockets: refusals with a status of their own, close codes of the protocol, a farewell.

Daphne answers every refusal with 403; autobahn refuses to send 1001 or 1013, which tell a browser to come back; and a
server that ends is gone before its last frames are.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import daphne.server
from autobahn.websocket.types import ConnectionDeny
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.defer import Deferred

from workspaces.documents.rooms import hub as rooms


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

    def serverReject(self) -> None:
        denial = ConnectionDeny(self.refusal, HTTPStatus(self.refusal).phrase)  # type: ignore[no-untyped-call]
        self.handshake_deferred.errback(denial)
        del self.handshake_deferred
        self.server.protocol_disconnected(self)

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)


def extend_daphne() -> None:
    """Let Daphne's servers of this process use it. Call it before the first connection."""
    WebSocketFactory.protocol = _Protocol
    CommandLineInterface.server_class = Server  # `daphne` loads our application before it makes its server
