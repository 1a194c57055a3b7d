"""Eight people who type while servers die: browsers as frontend/src/editor/provider.ts speaks, and stock y-websocket.

Every edit is a token that exists once, `‹a12›`, sometimes with characters of several bytes in it. What a browser has
not got acknowledged lies in its storage, a list that outlives the tab, as IndexedDB would.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pycrdt import XmlElement, XmlText, merge_updates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from workspaces.documents import crdt, protocol

TOKENS_A_BLOCK: Final = 30
LONG_BYTES: Final = 3000
TOKEN: Final = re.compile("‹([a-z]+[0-9]+)[^›]*›")
_WITH_BLANK: Final = re.compile(TOKEN.pattern + " ?")
_SPICE: Final = ("", "", "", "字", "🎉", "👩\u200d👩\u200d👧", "é\u0301")
_MARKS: Final[tuple[dict[str, Any], ...]] = ({}, {}, {"bold": {}}, {"italic": {}})


@dataclass(slots=True, eq=False)
class Edit:
    """One change: its Yjs v1 update, the tokens that it brings, the tokens that it takes away."""

    update: bytes
    adds: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


@dataclass
class Ledger:
    """What a client has been promised: tokens that are in the log, and tokens that are no longer in it."""

    sent: int = 0
    saved: set[str] = field(default_factory=set)
    taking: set[str] = field(default_factory=set)  # asked for, not confirmed: may be there or not
    taken: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def confirm(self, edit: Edit) -> None:
        self.saved.update(edit.adds)
        self.saved.difference_update(edit.takes)
        self.taking.difference_update(edit.takes)
        self.taken.update(edit.takes)


class Client:
    """One person at one document. `address()` gives the URL to try next; `ledger` outlives reloads."""

    subprotocol = ""

    def __init__(self, name: str, key: str, address: Callable[[], str], seed: int) -> None:
        self.name, self.key, self.address = name, key, address
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.number = 0
        self.back_at: float | None = None
        self.tried_at = 0.0
        self.codes: list[int] = []
        self.doc = crdt.open_doc(client_id=self.random.getrandbits(31) | 1)
        self.is_synced = False
        self.socket: ClientConnection | None = None
        self._text: XmlText | None = None
        self._in_block = 0
        self._made: list[bytes] = []
        self._is_applying = False
        self._running: asyncio.Task[None] | None = None
        self._watch()

    def _watch(self) -> None:
        self._text = None
        self._subscription = self.doc.observe(self._changed)

    def _changed(self, event: Any) -> None:
        if not self._is_applying:
            self._made.append(event.update)

    # --- the connection ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._running = asyncio.create_task(self._stay_connected())

    async def stop(self) -> None:
        """Close for good. A cancellation may get lost on its way, so it is repeated."""
        while self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait([self._running], timeout=1)
        self._running = None

    @property
    def is_back(self) -> bool:
        """Whether the client is connected and has the document."""
        return self.socket is not None and self.is_synced

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                self.tried_at = time.monotonic()
                async with connect(
                    self.address(),
                    subprotocols=[Subprotocol(self.subprotocol)],
                    additional_headers={"Authorization": f"Bearer {self.key}"},
                    compression=None,
                    max_size=None,
                    ping_interval=None,
                    open_timeout=10,
                    close_timeout=1,
                ) as socket:
                    await self._greet(socket)
                    attempt = 0
                    await self._converse(socket)
            except InvalidStatus as error:
                if 400 <= error.response.status_code < 500:
                    self.ledger.problems.append(f"{self.name} was refused with {error.response.status_code}")
            except (OSError, EOFError, InvalidHandshake, ConnectionClosed, TimeoutError):
                pass
            finally:
                self.socket = None
                self._left()
            await asyncio.sleep(self._pause(attempt))
            attempt += 1

    def _pause(self, attempt: int) -> float:
        raise NotImplementedError

    async def _greet(self, socket: ClientConnection) -> None:
        """Do what comes before the first word."""

    def _left(self) -> None:
        """The connection is gone."""

    async def _converse(self, socket: ClientConnection) -> None:
        self.socket, self.is_answered = socket, False
        await socket.send(protocol.sync_message(protocol.STEP1, self.doc.get_state()))
        with suppress(ConnectionClosed):
            async for frame in socket:
                await self._take(socket, frame if isinstance(frame, bytes) else frame.encode())
        code = socket.close_code or 1006
        self.codes.append(code)
        if 4400 <= code < 4500:
            self.ledger.problems.append(f"{self.name} was closed with {code}")

    async def _take(self, socket: ClientConnection, frame: bytes) -> None:
        match protocol.read_message(frame):
            case protocol.Sync(step=protocol.STEP1, payload=vector):
                await self._asked(socket, vector)
            case protocol.Sync(step=step, payload=update):
                self.apply(update)
                if step == protocol.STEP2 and not self.is_answered:
                    self.is_answered = self.is_synced = True
                    self.back_at = time.monotonic()
                    await self._in_sync(socket)
            case protocol.Control(body=body):
                await self._told(socket, body)

    async def _asked(self, socket: ClientConnection, vector: bytes) -> None:
        """The server asks for what it lacks."""

    async def _in_sync(self, socket: ClientConnection) -> None:
        """The document has come for the first time on this connection."""

    async def _told(self, socket: ClientConnection, body: dict[str, Any]) -> None:
        """The server says something in message 64."""

    def apply(self, update: bytes) -> None:
        self._is_applying = True
        try:
            self.doc.apply_update(update)
        finally:
            self._is_applying = False

    # --- what a person does ------------------------------------------------------------------------------------------
    def edit(self) -> Edit | None:
        """Change something; nothing before the first sync, as an editor that is not shown yet."""
        if not self.is_synced:
            return None
        if self.random.random() < 0.1 and (edit := self._take_away()) is not None:
            return edit
        self.number += 1
        token = f"{self.name}{self.number}"
        shown = f"‹{token}{self.random.choice(_SPICE)}› "
        with self.doc.transaction():
            text = self._shared() if self.random.random() < 0.25 else self._own()
            text.insert(self._between(text), shown, self.random.choice(_MARKS))
        self.ledger.sent += 1
        return self._edit(adds=(token,))

    def _edit(self, **tokens: tuple[str, ...]) -> Edit:
        made, self._made = self._made, []
        return Edit(made[0] if len(made) == 1 else merge_updates(*made), **tokens)

    def _own(self) -> XmlText:
        """Return the text of the own paragraph; a new one now and then."""
        if self._text is None or self._in_block >= TOKENS_A_BLOCK:
            children = crdt.root_of(self.doc).children
            block = XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText("")])
            self._text = crdt.last_text(children.insert(self.random.randint(0, len(children)), block))
            self._in_block = 0
        self._in_block += 1
        return self._text

    def _shared(self) -> XmlText:
        """Return the text of the first paragraph, where all type, unless it has become long."""
        first = crdt.root_of(self.doc).children[0]
        text = crdt.last_text(first) if isinstance(first, XmlElement) else self._own()
        return text if len(text) < LONG_BYTES else self._own()

    def _between(self, text: XmlText) -> int:
        """Return an offset (UTF-8 bytes) at which no token is torn: behind any of the last ones, or at the start."""
        words = crdt.plain(text)
        ends = [0, *(found.end() for found in _WITH_BLANK.finditer(words))]
        return crdt.utf8(words[: self.random.choice(ends[-4:] + ends[:1])])

    def _take_away(self) -> Edit | None:
        """Delete a token of the own paragraph that the server has."""
        text = self._text
        if text is None:
            return None
        words = crdt.plain(text)
        known = [one for one in TOKEN.finditer(words) if one[1] in self.ledger.saved - self.ledger.taking]
        if not known:
            return None
        found = self.random.choice(known)
        with self.doc.transaction():
            del text[crdt.utf8(words[: found.start()]) : crdt.utf8(words[: found.end()])]
        self.ledger.taking.add(found[1])
        return self._edit(takes=(found[1],))

    @property
    def is_saved(self) -> bool:
        raise NotImplementedError

    def shown(self) -> str:
        """Return the document as XML, as pycrdt writes it."""
        return str(crdt.root_of(self.doc))
