"""The ASGI application: static files and health, then websockets, then Django."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

from django.core.asgi import get_asgi_application

from wukong.kernel import memory

memory.give_back_large()
_django = get_asgi_application()  # loads the apps; the imports below need them

import django.contrib.admin
import drf_spectacular_sidecar
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware, SessionMiddleware
from django.conf import settings

from workspaces.routing import websocket_urlpatterns
from wukong import checks
from wukong.edge import Edge
from wukong.kernel import bus, committer

checks.refuse_unsafe()

IS_DAPHNE = "daphne.server" in sys.modules
if IS_DAPHNE:
    from wukong.handshake import extend_daphne

    extend_daphne()
elif "uvicorn.server" in sys.modules:
    from wukong.farewell import extend_uvicorn

    extend_uvicorn()

_channels = ProtocolTypeRouter(
    {"http": _django, "websocket": CookieMiddleware(SessionMiddleware(URLRouter(websocket_urlpatterns)))}
)
_edge = Edge(
    _channels,
    {
        "/static/admin/": Path(django.contrib.admin.__file__).parent / "static" / "admin",
        "/static/drf_spectacular_sidecar/": Path(drf_spectacular_sidecar.__file__).parent
        / "static"
        / "drf_spectacular_sidecar",
        "/static/": settings.BASE_DIR / "static",
    },
)

# What is loaded by now stays: a collection that looks at all of it would stop everybody for a tenth of a second.
gc.collect()
gc.freeze()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one connection. The first one attaches the bus to the loop of this process."""
    bus.attach(asyncio.get_running_loop())
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if IS_DAPHNE and scope["type"] == "websocket":
        scope["extensions"] = {"websocket.http.response": {}}
    await _edge(scope, receive, send)


async def _live(receive: Any, send: Any) -> None:
    """Tell a server that asks (uvicorn) that we are ready, and at the end that everything is written."""
    while True:
        kind = (await receive())["type"]
        if kind == "lifespan.shutdown":
            await asyncio.to_thread(committer.close)
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
