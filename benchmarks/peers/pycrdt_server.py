"""pycrdt-websocket's ASGI server as its manual starts it, on uvicorn without compression."""

import asyncio
import os

import uvicorn
from pycrdt.websocket import ASGIServer, WebsocketServer


async def main() -> None:
    rooms = WebsocketServer()
    config = uvicorn.Config(
        ASGIServer(rooms),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="error",
        lifespan="off",
    )
    async with rooms:
        await uvicorn.Server(config).serve()


asyncio.run(main())
