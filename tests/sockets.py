"""A websocket client inside the test's own process: speaks ASGI to the real application, keeps a Yjs document."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from pycrdt import XmlElement, XmlText

from workspaces.documents import crdt, protocol
from workspaces.documents.protocol import AWARENESS, CONTROL, STEP1, STEP2, SYNC, UPDATE, Reader
from workspaces.sockets.reading import read as in_database

ORIGIN = "http://testserver"
__all__ = ["ORIGIN", "Client", "Refused", "in_database", "until", "until_in_database"]


class Refused(Exception):
    """The socket was not accepted; `status` is the HTTP status of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait until `condition()` holds and return it."""
    end = asyncio.get_running_loop().time() + seconds
    while not (found := condition()):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"it did not come true within {seconds} s")
        await asyncio.sleep(0.002)
    return found


async def until_in_database(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until `condition()`, which reads the database, holds."""
    async with asyncio.timeout(seconds):
        for pause in itertools.repeat(0.01):
            if await in_database(condition):
                return
            await asyncio.sleep(pause)


class Client:
    """One connection. `document_id` None: any other path by `path`."""

    def __init__(
        self,
        path: str,
        *,
        cookie: str | None = None,
        origin: str | None = ORIGIN,
        bearer: str | None = None,
        protocols: tuple[str, ...] = ("wukong.v1",),
        query: str = "",
        replica: Any = None,
    ) -> None:
        headers = [(b"host", b"testserver")]
        if cookie:
            headers.append((b"cookie", f"sessionid={cookie}".encode()))
        if origin:
            headers.append((b"origin", origin.encode()))
        if bearer:
            headers.append((b"authorization", f"Bearer {bearer}".encode()))
        self.scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": list(protocols),
            "extensions": {"websocket.http.response": {}},
        }
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.subprotocol: str | None = None
        self.status: int | None = None
        self.code: int | None = None
        self.controls: list[dict[str, Any]] = []
        self.texts: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.presences: dict[int, tuple[int, dict[str, Any] | None]] = {}
        self.step1: list[bytes] = []
        self.is_synced = False
        self.doc = replica if replica is not None else crdt.open_doc()
        self.sent = 0
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._answered = asyncio.Event()

    # --- the connection ----------------------------------------------------------------------------------------------
    async def open(self) -> "Client":
        from wukong.asgi import application

        self.inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(application(dict(self.scope), self.inbox.get, self._receive))
        answered = asyncio.ensure_future(self._answered.wait())
        await asyncio.wait([self.task, answered], timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if self.status is not None:
            await self.task
            raise Refused(self.status)
        if self.task.done():
            self.task.result()
        assert self._answered.is_set()
        return self

    async def close(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 5)

    async def _receive(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.subprotocol = message.get("subprotocol")
            self._answered.set()
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.http.response.body":
            self._answered.set()
        elif kind == "websocket.close":
            self.code = message["code"]
            self.inbox.put_nowait({"type": "websocket.disconnect", "code": self.code})
        elif message.get("text") is not None:
            self.texts.append(json.loads(message["text"]))
        else:
            await self.may_read.wait()
            self._frame(message["bytes"])

    def _frame(self, data: bytes) -> None:
        self.frames.append(data)
        reader = Reader(data)
        kind = reader.var_uint()
        if kind == CONTROL:
            self.controls.append(json.loads(reader.var_string()))
        elif kind == AWARENESS:
            for one in protocol.read_awareness(reader.var_bytes()):
                self.presences[one.client_id] = (one.clock, None if one.state is None else json.loads(one.state))
        elif kind == SYNC:
            step, payload = reader.var_uint(), reader.var_bytes()
            if step == STEP1:
                self.step1.append(payload)
            else:
                self.doc.apply_update(payload)
                self.is_synced = self.is_synced or step == STEP2

    # --- what is said ------------------------------------------------------------------------------------------------
    def send(self, data: bytes) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "bytes": data})

    def send_text(self, text: str) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": text})

    def update(self, data: bytes) -> int:
        """Send an update; returns its number."""
        self.sent += 1
        self.send(protocol.sync_message(UPDATE, data))
        return self.sent

    def ask(self) -> None:
        self.send(protocol.sync_message(STEP1, self.doc.get_state()))

    async def sync(self) -> "Client":
        self.is_synced = False
        self.ask()
        await until(lambda: self.is_synced or self.code)
        assert self.code is None
        return self

    def say(self, state: dict[str, Any] | None, clock: int = 1, client_id: int | None = None) -> None:
        raw = None if state is None else json.dumps(state, ensure_ascii=False).encode()
        one = protocol.AwarenessState(self.client_id if client_id is None else client_id, clock, raw)
        self.send(protocol.awareness_message([one]))

    # --- what is heard -----------------------------------------------------------------------------------------------
    async def hello(self) -> dict[str, Any]:
        return await until(lambda: next((one for one in self.controls if one["type"] == "hello"), None))

    @property
    def client_id(self) -> int:
        return next((one["client_id"] for one in self.controls if one["type"] == "hello"), self.doc.client_id)

    @property
    def acked(self) -> int:
        return max((one["n"] for one in self.controls if one["type"] == "ack"), default=0)

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return [one for one in self.controls if one["type"] == "rejected"]

    async def until_acked(self) -> None:
        await until(lambda: self.acked >= self.sent or self.code)
        assert self.code is None, f"closed with {self.code}"

    async def until_closed(self) -> int:
        await until(lambda: self.code)
        await asyncio.wait_for(self.task, 5)
        assert self.code is not None
        return self.code

    @property
    def people(self) -> list[dict[str, Any]]:
        return [state["user"] for _clock, state in self.presences.values() if state is not None]

    # --- the document ------------------------------------------------------------------------------------------------
    @property
    def text(self) -> str:
        return "\n".join(crdt.words_of(block) for block in crdt.root_of(self.doc).children)

    def edit(self, change: Callable[[Any], None]) -> bytes:
        """Change the document as this client; returns the update, which is not sent yet."""
        base = self.doc.get_state()
        writer = crdt.open_doc(self.doc.get_update(), self.client_id)
        made: list[bytes] = []
        subscription = writer.observe(lambda event: made.append(event.update))
        with writer.transaction():
            change(writer)
        del subscription
        assert base == self.doc.get_state()
        self.doc.apply_update(made[0])
        return made[0]

    def type(self, words: str, block: int = 1, at: int | None = None) -> bytes:
        """Type words into a block (at the end, or at `at` in UTF-8 bytes); returns the update."""

        def change(doc: Any) -> None:
            element = crdt.root_of(doc).children[block]
            text = crdt.last_text(element)
            text.insert(len(text) if at is None else at, words)

        return self.edit(change)

    def add_block(self, words: str) -> bytes:
        def change(doc: Any) -> None:
            crdt.root_of(doc).children.append(XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText(words)]))

        return self.edit(change)
