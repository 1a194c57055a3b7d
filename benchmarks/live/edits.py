"""What people type, made before the clock runs: a chain of small Yjs updates for each, and the cursor that follows."""

import json
import random
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from pycrdt import Doc, TransactionEvent, XmlElement, XmlFragment, XmlText

from benchmarks.live import frames
from workspaces.documents.schema import ROOT

_LETTERS = string.ascii_lowercase + "    "


def new_client() -> int:
    """Return a client id as a stock Yjs client draws one, never 0."""
    return secrets.randbelow((1 << 32) - 1) + 1


def _block_id() -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=12))


class Writer:
    """A replica that writes into a paragraph of its own and keeps each change as an update."""

    def __init__(self, client: int) -> None:
        self.client = client
        self.doc: Doc[Any] = Doc(client_id=client)
        self._updates: list[bytes] = []
        self._subscription = self.doc.observe(self._changed)
        self.root = self.doc.get(ROOT, type=XmlFragment)
        self._text: XmlText | None = None
        self._length = 0

    def _changed(self, event: TransactionEvent) -> None:
        self._updates.append(event.update)

    def append(self, words: str) -> bytes:
        """Write at the end of the paragraph; the first time with the paragraph. Returns the update."""
        with self.doc.transaction():
            if self._text is None:
                element = self.root.children.append(XmlElement("paragraph", {"id": _block_id()}, [XmlText("")]))
                self._text = element.children[0]
            self._text.insert(self._length, words)
            self._length += len(words)
        return self.take()

    def insert(self, at: int, words: str) -> bytes:
        """Write in the middle of the paragraph. Returns the update."""
        if self._text is None:
            return self.append(words)
        self._text.insert(at, words)
        self._length += len(words)
        return self.take()

    def take(self) -> bytes:
        update = self._updates[-1]
        self._updates.clear()
        return update

    def hear(self, update: bytes) -> None:
        """Apply what others have written."""
        self.doc.apply_update(update)
        self._updates.clear()


@dataclass
class Typist:
    """The edits of one person in order. `ends[i]` is the clock behind edit `i`."""

    client: int
    messages: list[bytes] = field(default_factory=list)
    cursors: list[bytes] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)


def typist(count: int, *, words: str = "", cursors: bool = False, name: str = "") -> Typist:
    """Return somebody who makes `count` edits of one key each, or of `words`."""
    writer = Writer(new_client())
    made = Typist(writer.client)
    draw = random.Random(writer.client)
    clock = 0
    for number in range(count):
        update = writer.append(words or draw.choice(_LETTERS))
        clock = max(end for _client, _start, end in frames.ranges_in(update))
        made.messages.append(frames.sync(frames.UPDATE, update))
        made.ends.append(clock)
        if cursors:
            made.cursors.append(
                frames.awareness(made.client, number + 1, _cursor(made.client, clock - 1, name, number))
            )
    return made


def _cursor(client: int, clock: int, name: str, number: int) -> bytes:
    """Return the state that a browser's cursor plugin sets after a key; `n` tells them apart."""
    place = {"type": None, "tname": None, "item": {"client": client, "clock": clock}, "assoc": -1}
    state = {"user": {"name": name, "color": "#3f6b5b"}, "cursor": {"anchor": place, "head": place}, "n": number}
    return json.dumps(state, separators=(",", ":")).encode()


def interleaved(edits: int, authors: int) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return a document that `authors` have written key by key, each in turns of 25 at places of their own choice.

    As (client id, update) in an order in which they can be applied, and as one update.
    """
    writers = [Writer(new_client()) for _ in range(authors)]
    draw = random.Random(7)
    made: list[tuple[int, bytes]] = []
    first = writers[0].append("start ")
    made.append((writers[0].client, first))
    for writer in writers[1:]:
        writer.hear(first)
        writer._text = writer.root.children[0].children[0]
    while len(made) < edits:
        turn: list[bytes] = []
        for writer in writers:
            length = len(str(writer._text))
            for _ in range(min(25, edits - len(made))):
                update = writer.insert(draw.randrange(length), "x")
                length += 1
                made.append((writer.client, update))
                turn.append(update)
        for writer in writers:
            with writer.doc.transaction():
                for update in turn:
                    writer.doc.apply_update(update)
            writer._updates.clear()
    return made, writers[0].doc.get_update()


def large(size: int) -> tuple[int, bytes]:
    """Return (client id, update) of a document of `size` bytes of text in paragraphs of 1,000 characters."""
    doc: Doc[Any] = Doc(client_id=new_client())
    root = doc.get(ROOT, type=XmlFragment)
    draw = random.Random(8)
    with doc.transaction():
        for _ in range(size // 1000):
            text = "".join(draw.choice(_LETTERS) for _ in range(1000))
            root.children.append(XmlElement("paragraph", {"id": _block_id()}, [XmlText(text)]))
    return doc.client_id, doc.get_update()
