"""The two kinds of clients: our own browser with its outbox, and a stock y-websocket provider."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pycrdt import merge_updates
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.killing.clients import Client, Edit
from workspaces.documents import crdt, protocol

FLUSH_S: Final = 0.04
CHUNK_BYTES: Final = 64 * 1024
HELLO_S: Final = 10.0
ACK_S: Final = 15.0


class Browser(Client):
    """As our own editor: an outbox that is sent again as it is, a new client id with each connection."""

    subprotocol = "wukong.v1"

    def __init__(self, name: str, key: str, address: Callable[[], str], seed: int) -> None:
        super().__init__(name, key, address, seed)
        self.storage: dict[int, list[Edit]] = {0: []}  # session → what is not confirmed: outlives a reload
        self.session = 0
        self.held = {0}  # sessions whose edits are in the outbox: the own one, and those of closed tabs
        self.outbox: list[Edit] = []
        self.reloads = 0
        self._forgiven = 0
        self._generation: int | None = None
        self._renew()

    def _renew(self) -> None:
        self._unsent: list[Edit] = []
        self._sent: list[list[Edit]] = []
        self._acked = 0
        self._flushing: asyncio.TimerHandle | None = None
        self._impatient: asyncio.TimerHandle | None = None

    @property
    def is_saved(self) -> bool:
        return not self.outbox and not any(self.storage.values())

    async def reload(self) -> None:
        """Close the tab and open the page again: the document is gone, the storage is not."""
        await self.stop()
        self.doc = crdt.open_doc()
        self._watch()
        self.is_synced = False
        self.back_at = None
        self.session += 1
        self.reloads += 1
        self.storage[self.session] = []
        self.held = {self.session}
        self.outbox = []
        self._renew()
        self.start()

    def edit(self) -> Edit | None:
        edit = super().edit()
        if edit is not None:
            self.outbox.append(edit)
            self.storage[self.session].append(edit)
            self._unsent.append(edit)
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_later(FLUSH_S, self._flush_soon)
        return edit

    def _pause(self, attempt: int) -> float:
        return float(min(15.0, 0.4 * 2**attempt) * (0.5 + self.random.random() / 2))

    async def _greet(self, socket: ClientConnection) -> None:
        async with asyncio.timeout(HELLO_S):
            message = protocol.read_message(await socket.recv(decode=False))
        if not isinstance(message, protocol.Control) or message.body.get("type") != "hello":
            self.ledger.problems.append(f"{self.name} was greeted with {message}")
            raise TimeoutError
        hello = message.body
        if self._generation not in (None, hello.get("generation")):
            self.ledger.problems.append(f"{self.name} met another generation: {hello.get('generation')}")
        self._generation = hello.get("generation")
        if hello.get("role") not in ("owner", "admin", "editor"):
            self.ledger.problems.append(f"{self.name} came back as {hello.get('role')}")
        # Yjs changes the id in place; a replica of the same state with the new one is the same.
        self.doc = crdt.open_doc(self.doc.get_update(), hello["client_id"])
        self._watch()
        self._renew()
        self._unsent = list(self.outbox)
        self._flush_soon()

    def _left(self) -> None:
        for timer in (self._flushing, self._impatient):
            if timer is not None:
                timer.cancel()
        self._flushing = self._impatient = None

    async def _in_sync(self, socket: ClientConnection) -> None:
        """Take over what tabs that are gone have left behind."""
        for session in [one for one in self.storage if one not in self.held]:
            self.held.add(session)
            entries = list(self.storage[session])
            for entry in entries:
                self.apply(entry.update)
            own = next((at for at, edit in enumerate(self.outbox) if edit in self.storage[self.session]), None)
            self.outbox[own:own] = entries
            self._unsent.extend(entries)
        await self._flush(socket)

    def _flush_soon(self) -> None:
        self._flushing = None
        self._flush_task = asyncio.ensure_future(self._flush(self.socket))

    async def _flush(self, socket: ClientConnection | None) -> None:
        if socket is None:
            return
        while self._unsent:
            chunk = self._chunk()
            updates = [edit.update for edit in chunk]
            self._sent.append(chunk)
            update = updates[0] if len(updates) == 1 else merge_updates(*updates)
            try:
                await socket.send(protocol.sync_message(protocol.UPDATE, update))
            except ConnectionClosed:
                return
        self._watch_ack(socket)

    def _chunk(self) -> list[Edit]:
        size = count = 0
        for edit in self._unsent:
            size += len(edit.update)
            if count and size > CHUNK_BYTES:
                break
            count += 1
        chunk, self._unsent = self._unsent[:count], self._unsent[count:]
        return chunk

    def _watch_ack(self, socket: ClientConnection) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None
        if self._acked < len(self._sent):

            def lose() -> None:
                self.ledger.problems.append(f"{self.name} heard no acknowledgement for {ACK_S} s")
                self._losing = asyncio.ensure_future(socket.close())

            self._impatient = asyncio.get_running_loop().call_later(ACK_S, lose)

    async def _told(self, socket: ClientConnection, body: dict[str, Any]) -> None:
        match body.get("type"):
            case "ack":
                self._forgiven = 0
                n = min(int(body["n"]), len(self._sent))
                done = [edit for chunk in self._sent[self._acked : n] for edit in chunk]
                self._acked = max(self._acked, n)
                for edit in done:
                    self.ledger.confirm(edit)
                gone = set(map(id, done))
                for kept in (self.outbox, *self.storage.values()):
                    kept[:] = [edit for edit in kept if id(edit) not in gone]
                self._watch_ack(socket)
            case "rejected" if body.get("code") == "gap" and self._forgiven == 0:
                self._forgiven += 1
                await socket.close()
            case "rejected":
                self.ledger.problems.append(f"{self.name}'s words were rejected: {body}")
                await socket.close()


class Stock(Client):
    """A y-websocket provider: no acknowledgements, one client id, answers step 1 with what the server lacks."""

    subprotocol = "wukong.sync"
    is_saved = True

    def edit(self) -> Edit | None:
        edit = super().edit()
        if edit is not None and self.socket is not None:
            self._sending = asyncio.ensure_future(self._send(self.socket, edit.update))
        return edit

    async def _send(self, socket: ClientConnection, update: bytes) -> None:
        with suppress(ConnectionClosed):
            await socket.send(protocol.sync_message(protocol.UPDATE, update))

    def _pause(self, attempt: int) -> float:
        return float(min(2.5, 0.1 * 2**attempt))

    async def _asked(self, socket: ClientConnection, vector: bytes) -> None:
        missing = self.doc.get_update(vector or b"\0")
        await socket.send(protocol.sync_message(protocol.STEP2, missing))
