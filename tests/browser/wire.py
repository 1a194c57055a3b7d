"""A wire between a browser and the site that can be cut: sockets end and do not come back, pages still pass."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any


class Wire:
    """Forwards a free port of this machine to `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._is_cut = False
        self._is_silent = False
        self._answer = b""
        self._sockets: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(self._listen())

    def cut(self) -> None:
        self._do(self._set(is_cut=True))

    def refuse(self) -> None:
        """As a proxy that lets no websocket pass: it answers the upgrade by itself."""
        self._do(
            self._set(is_cut=True, answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        )

    def swallow(self) -> None:
        """As a proxy that takes the upgrade and never answers."""
        self._do(self._set(is_cut=True, is_silent=True))

    def heal(self) -> None:
        self._do(self._set(is_cut=False))

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, job: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(10)

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _set(self, *, is_cut: bool, answer: bytes = b"", is_silent: bool = False) -> None:
        self._is_cut, self._answer, self._is_silent = is_cut, answer, is_silent
        for writer in list(self._sockets):  # those that live, and those that were never answered
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            head = await reader.read(65536)
            is_socket = b"/ws/" in head.split(b"\r\n", 1)[0]
            if is_socket and self._is_cut:
                if self._is_silent:
                    self._sockets.add(writer)
                    await reader.read()
                writer.write(self._answer)
                await writer.drain()
                writer.close()
                return
            from_site, to_site = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(to_site)
            if is_socket:
                self._sockets |= {writer, to_site}
            to_site.write(head)
            await asyncio.gather(_pump(from_site, writer), _pump(reader, to_site))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                self._sockets.discard(end)
                end.transport.abort()
                with contextlib.suppress(OSError):
                    await end.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.transport.abort()
