"""What uvicorn leaves out: it ends connections (1012) before the application hears of the end. Here the rooms write
what is on their way and say 1001 first.
"""

import socket

import uvicorn.server

from workspaces.documents.rooms import hub as rooms


def extend_uvicorn() -> None:
    """Let uvicorn's servers of this process do so. Its command has made its server before it loads the application."""
    shutdown = uvicorn.server.Server.shutdown

    async def close_rooms_first(server: uvicorn.server.Server, sockets: list[socket.socket] | None = None) -> None:
        await rooms.close_all()
        await shutdown(server, sockets)

    uvicorn.server.Server.shutdown = close_rooms_first  # type: ignore[assignment, method-assign]
