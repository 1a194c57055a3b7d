"""An application that says which way its frames take, for real servers: `tests.workspaces.sockets.echo:app`.

The server's `send` reaches it as it reaches our consumers: wrapped by Channels' session middleware.
"""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")
django.setup()

from channels.sessions import CookieMiddleware, SessionMiddleware  # noqa: E402 - Django has to be set up before

from workspaces.sockets.codes import Close  # noqa: E402
from workspaces.sockets.direct import framed  # noqa: E402
from workspaces.sockets.outlet import Outlet, Parcel  # noqa: E402

SENT = (b"one", b"two" * 30_000, b"three")

if "daphne.server" in sys.modules:
    from wukong.handshake import extend_daphne

    extend_daphne()


async def serve(scope, receive, send):
    """Answer a message with three, then with the way that they took and the message itself; "end" with a close."""
    outlet = Outlet(send)
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["bytes"] == b"end":
            outlet.close(Close.COME_BACK_LATER)
        else:
            outlet.put_parcel(Parcel(SENT))
            if outlet._wire is None or not outlet._wire.write(framed(b"short")):
                outlet.put(b"long")
            outlet.put(b"=" + message["bytes"])


app = CookieMiddleware(SessionMiddleware(serve))
