"""An agent's hand in the document: turns the step's writes into edits of its own Yjs peer. Pure: no database, no clock.

The record of what stands where (`blocks`) is committed together with the edits. A new attempt reads it: finished keys
stay, keys that a person has touched stay, what was begun and nobody touched goes and is written anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agents.writing.writes import Block, Close, Note, Open, Remove, Replace, Text, Write
from workspaces.documents.peer import Peer

QUIET_S = 2.0
PATIENCE_S = 30.0


@dataclass(slots=True)
class Entry:
    """One block of the step: `text` is what the agent wrote, to see whether people have changed it since.

    `call` is the one that wrote last in it, "" for what code has written.
    """

    id: str
    place: int
    text: str = ""
    is_done: bool = False
    call: str = ""


class Hand:
    """The writes of one attempt. `anchor` is the id of the step's heading; blocks go after the step's last block."""

    def __init__(
        self,
        peer: Peer,
        anchor: str | None,
        blocks: Mapping[str, Mapping[str, Any]],
        notes: Mapping[str, Any],
        others: Mapping[int, dict[str, dict[str, Any]]] | None = None,
    ) -> None:
        self.peer = peer
        self.anchor = anchor or None
        self.entries = {key: Entry(**row) for key, row in blocks.items()}
        self.notes = dict(notes)
        self.others = dict(others or {})
        self.is_changed = False
        self.typed_at: dict[str, float] = {}
        self.held_since: float | None = None
        self._recover()

    def finished(self) -> dict[str, str]:
        """Return the keys that need no further work, with their texts as they stand in the document."""
        done = {key: entry for key, entry in self.entries.items() if entry.is_done}
        texts = {key: self.peer.text_of(entry.id) if self.peer.has(entry.id) else "" for key, entry in done.items()}
        return {key: str(note["data"].get("text", "")) for key, note in self.notes.items()} | texts

    @property
    def words(self) -> int:
        return sum(len(entry.text.split()) for entry in self.entries.values())

    def record(self) -> dict[str, dict[str, Any]]:
        """Return the blocks as the step's row keeps them."""
        return {key: asdict(entry) for key, entry in self.entries.items()}

    def standing(self, write: Replace | Remove) -> Entry | None:
        """Return the block that a write is about to change, None if there is none or a person has touched it."""
        if write.task is None:
            entry = self.entries.get(write.key)
        else:
            row = self.others.get(write.task, {}).get(write.key)
            entry = Entry(**row) if row is not None else None
        return entry if entry is not None and self._is_untouched(entry) else None

    def apply(self, write: Write, call: str = "") -> None:
        """Perform one write in the peer. What a person has deleted or finished by hand is skipped softly.

        `call` is the model's call whose words these are.
        """
        match write:
            case Note():
                self.notes.setdefault(write.key, {"kind": write.kind, "data": dict(write.data)})
            case Replace(task=int(number)) | Remove(task=int(number)):
                self._change_elsewhere(number, write)
            case _ if (entry := self.entries.get(write.key)) is not None and entry.is_done:
                if isinstance(write, Replace):
                    self._replace(entry, write.text)
                elif isinstance(write, Remove):
                    self._remove(write.key, entry)
                else:
                    return
            case Block() | Open():
                self._insert(write)
            case Text() | Close() | Replace() | Remove():
                self._go_on(write, call)
        self.is_changed = True

    def absorb(self, rows: Iterable[tuple[str, bytes]], at: float) -> None:
        """Take in what others have written: (kind of writer, update). Notices a person who types in an open block."""
        own = {entry.id for entry in self.entries.values() if not entry.is_done}
        for kind, data in rows:
            before = {block: self.peer.text_of(block) for block in own} if kind == "person" else {}
            self.peer.catch_up([data])
            for block, text in before.items():
                if self.peer.has(block) and self.peer.text_of(block) != text:
                    self.typed_at[block] = at

    def wait(self, key: str, at: float) -> float:
        """Return for how many seconds words for `key` are to be held back because a person types there.

        At most 30 s.
        """
        entry = self.entries.get(key)
        typed_at = self.typed_at.get(entry.id) if entry is not None else None
        if typed_at is None or at >= typed_at + QUIET_S:
            self.held_since = None
            return 0.0
        if self.held_since is None:
            self.held_since = at
        if at >= self.held_since + PATIENCE_S:
            return 0.0
        return typed_at + QUIET_S - at

    def _recover(self) -> None:
        begun = {key: entry for key, entry in self.entries.items() if not entry.is_done}
        for key, entry in begun.items():
            if self._is_untouched(entry):
                self.peer.delete([entry.id])
                del self.entries[key]
            else:
                entry.is_done = True
        self.is_changed = bool(begun)

    def _is_untouched(self, entry: Entry) -> bool:
        return self.peer.has(entry.id) and self.peer.text_of(entry.id) == entry.text

    def _last(self) -> str | None:
        standing = [entry for entry in self.entries.values() if self.peer.has(entry.id)]
        return max(standing, key=lambda entry: entry.place).id if standing else self.anchor

    def _insert(self, write: Block | Open) -> None:
        if write.key in self.entries:  # said twice
            return
        node = write.node() if isinstance(write, Open) else _with_origin(write)
        (block,) = self.peer.insert_after(self._last(), [node])
        is_whole = isinstance(write, Block)
        place = max((entry.place for entry in self.entries.values()), default=0) + 1
        text = self.peer.text_of(block) if is_whole else ""
        self.entries[write.key] = Entry(id=block, place=place, text=text, is_done=is_whole)

    def _go_on(self, write: Text | Close | Replace | Remove, call: str) -> None:
        entry = self.entries.get(write.key)
        if entry is None:
            return
        match write:
            case Text():
                marks = {"bold": True} if write.bold else None
                if self.peer.append(entry.id, write.text, marks):
                    entry.text += write.text
                    entry.call = call
                else:
                    entry.is_done = True  # a person has deleted the block: that is an answer
            case Close():
                entry.is_done = True
            case Replace():
                self._replace(entry, write.text)
            case Remove():
                self._remove(write.key, entry)

    def _replace(self, entry: Entry, text: str) -> bool:
        if not self._is_untouched(entry):
            return False
        self.peer.replace_text(entry.id, text)
        entry.text = text
        return True

    def _remove(self, key: str, entry: Entry) -> None:
        if self._is_untouched(entry):
            self.peer.delete([entry.id])
        del self.entries[key]

    def _change_elsewhere(self, number: int, write: Replace | Remove) -> None:
        """Change another task's block, if nobody has touched it since that task wrote it."""
        blocks = self.others.get(number, {})
        row = blocks.get(write.key)
        if row is None:
            return
        entry = Entry(**row)
        if isinstance(write, Replace):
            self._replace(entry, write.text)
            blocks[write.key] = asdict(entry)
        elif self._is_untouched(entry):
            self.peer.delete([entry.id])


def _with_origin(write: Block) -> dict[str, Any]:
    if write.origin is None:
        return write.node
    return {**write.node, "attrs": {**write.node.get("attrs", {}), "origin": write.origin}}
