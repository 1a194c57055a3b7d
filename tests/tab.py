"""A browser's tab without a screen: a Yjs replica on a websocket, for tests and benchmarks against real servers."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from pycrdt import Doc, XmlElement, XmlText
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from workspaces.documents import content, crdt, protocol

EMPTY_VECTOR = b"\x00"


class Tab:
    """Types into a paragraph of its own and sees what others do. `saved` are the words that the server acknowledged,
    `unsaved` those it did not (yet), each with the number of the message that carries it.
    """

    def __init__(self, socket: ClientConnection, doc: "Doc[Any]", hello: dict[str, Any]) -> None:
        self.socket, self.doc, self.hello = socket, doc, hello
        self.sent = self.acked = 0
        self.role = str(hello.get("role", ""))
        self.saved: list[str] = []
        self.unsaved: deque[tuple[int, str]] = deque()
        self.block = crdt.new_block_id()
        self.presence: dict[int, dict[str, Any]] = {}
        self.clocks: dict[int, int] = {}
        self.rejected: list[dict[str, Any]] = []
        self.is_synced = False
        self.close_code: int | None = None
        self.on_ack: Callable[[int], None] = lambda n: None
        self.on_change: Callable[[], None] = lambda: None
        self._moved = asyncio.Event()
        self._own: list[bytes] = []
        self._is_applying = False
        self._subscription = doc.observe(self._committed)
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, url: str, *, key: str = "", headers: dict[str, str] | None = None, stock: bool = False
    ) -> "Tab":
        """Connect as our own browser does, with a hello, or as a `stock` y-websocket client; returns once in sync.

        Raises websockets' InvalidStatus when refused before the connection is accepted.
        """
        offered = [Subprotocol("wukong.sync" if stock else "wukong.v1")] if key or headers else None
        given = {"Authorization": f"Bearer {key}"} if key else headers
        socket = await connect(
            url, subprotocols=offered, additional_headers=given, compression=None, max_size=None, ping_interval=None
        )
        hello = {} if stock else await _hello(socket)
        tab = cls(socket, crdt.open_doc(client_id=hello.get("client_id")), hello)
        await tab._join()
        return tab

    async def reopen(self, url: str, *, key: str) -> "Tab":
        """Return a new connection that brings along what this one knew, the words that were not saved included."""
        socket = await connect(
            url,
            subprotocols=[Subprotocol("wukong.v1")],
            additional_headers={"Authorization": f"Bearer {key}"},
            compression=None,
            max_size=None,
            ping_interval=None,
        )
        hello = await _hello(socket)
        tab = Tab(socket, crdt.open_doc(self.doc.get_update(), hello["client_id"]), hello)
        tab.block, tab.saved = self.block, self.saved
        tab.unsaved.extend((0, word) for _n, word in self.unsaved)
        await tab._join()
        return tab

    async def _join(self) -> None:
        self._reader = asyncio.create_task(self._read())
        await self.socket.send(protocol.sync_message(protocol.STEP1, self.doc.get_state()))
        await self.until(lambda: self.is_synced, "the tab is in sync")

    # --- what a person does ------------------------------------------------------------------------------------------
    async def type(self, words: str) -> int:
        """Write words at the end of the own paragraph; returns the number of the message. A lost connection is no
        error: the words wait for the next one.
        """
        with self.doc.transaction():
            self._text().insert(len(self._text()), words)
        update, self._own = self._own[-1], []
        self.sent += 1
        self.unsaved.append((self.sent, words))
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(protocol.sync_message(protocol.UPDATE, update))
        return self.sent

    def _text(self) -> XmlText:
        element = crdt.find(self.doc, self.block)
        if element is None:
            element = crdt.root_of(self.doc).children.append(XmlElement("paragraph", {"id": self.block}, [XmlText("")]))
        return crdt.last_text(element)

    async def show(self, state: dict[str, Any], clock: int = 1) -> None:
        """Tell others where one is (an awareness state)."""
        raw = protocol.AwarenessState(self.doc.client_id, clock, json.dumps(state).encode())
        await self.socket.send(protocol.awareness_message([raw]))

    async def close(self) -> None:
        await self.socket.close()
        if self._reader is not None:
            await self._reader

    # --- what a person sees ------------------------------------------------------------------------------------------
    def text(self) -> str:
        return content.plain_text(content.read(self.doc))

    def own_text(self) -> str:
        element = crdt.find(self.doc, self.block)
        return "" if element is None else crdt.words_of(element)

    def names(self) -> set[str]:
        """Return the names of all who are shown here."""
        return {str(state.get("user", {}).get("name", "")) for state in self.presence.values()}

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 15.0) -> float:
        """Wait for a condition that a message may make true; returns the seconds it took."""
        began = time.perf_counter()
        while not holds():
            if self.close_code is not None:
                raise ConnectionError(f"closed with {self.close_code} before: {what}")
            self._moved.clear()
            left = began + seconds - time.perf_counter()
            try:
                await asyncio.wait_for(self._moved.wait(), max(left, 0.001))
            except TimeoutError:
                raise AssertionError(f"not within {seconds} s: {what}") from None
        return time.perf_counter() - began

    async def until_saved(self, seconds: float = 15.0) -> None:
        await self.until(lambda: not self.unsaved, "everything typed is saved", seconds)

    async def until_closed(self, seconds: float = 15.0) -> int:
        """Return the close code that the server gives."""
        await self.until(lambda: self.close_code is not None, "the server closes", seconds)
        return self.close_code or 0

    # --- the wire ----------------------------------------------------------------------------------------------------
    def _committed(self, event: Any) -> None:
        if not self._is_applying:
            self._own.append(event.update)

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.socket:
                if isinstance(frame, bytes):
                    await self._take(frame)
                    self._moved.set()
        self.close_code = self.socket.close_code or 1006
        self._moved.set()

    async def _take(self, frame: bytes) -> None:
        match protocol.read_message(frame):
            case protocol.Sync(step=protocol.STEP1, payload=vector):
                self.sent += 1
                self.unsaved = deque((n or self.sent, word) for n, word in self.unsaved)
                update = self.doc.get_update(vector or EMPTY_VECTOR)
                await self.socket.send(protocol.sync_message(protocol.STEP2, update))
            case protocol.Sync(step=step, payload=update):
                self._is_applying = True
                self.doc.apply_update(update)
                self._is_applying = False
                self.is_synced = self.is_synced or step == protocol.STEP2
                self.on_change()
            case protocol.Presence(states=states):
                for one in states:
                    self._see(one)
            case protocol.Control(body=body):
                self._told(body)

    def _see(self, one: protocol.AwarenessState) -> None:
        if one.clock < self.clocks.get(one.client_id, 0):
            return
        self.clocks[one.client_id] = one.clock
        if one.state is None:
            self.presence.pop(one.client_id, None)
        else:
            self.presence[one.client_id] = json.loads(one.state)

    def _told(self, body: dict[str, Any]) -> None:
        match body.get("type"):
            case "ack":
                self.acked = int(body["n"])
                while self.unsaved and 0 < self.unsaved[0][0] <= self.acked:
                    self.saved.append(self.unsaved.popleft()[1])
                self.on_ack(self.acked)
            case "rejected":
                self.rejected.append(body)
            case "role":
                self.role = str(body["role"])


async def _hello(socket: ClientConnection) -> dict[str, Any]:
    message = protocol.read_message(await asyncio.wait_for(socket.recv(decode=False), 10))
    if not isinstance(message, protocol.Control) or message.body.get("type") != "hello":
        raise AssertionError(f"the first message is {message}, not hello")
    return message.body
