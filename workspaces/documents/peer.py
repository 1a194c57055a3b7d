"""How an agent edits: as a peer with its own replica and Yjs client id. Words are merged, nobody's are replaced."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pycrdt import TransactionEvent, XmlElement, XmlText, merge_updates

from workspaces.documents import content, crdt, wire
from workspaces.documents.limits import DOCUMENT_BYTES, Size
from workspaces.documents.schema import Node, validate

# A word, or one character of a script without blanks, or a sign: the smallest thing that a replacement exchanges.
_WORD: Final = re.compile(
    r"\n|[^\S\n]+|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u9fff\uf900-\ufaff]+|[^\w\s]"
)


class _Tail:
    """Where this peer's next words go in one block: right after its own last character, in UTF-8 bytes.

    Others' changes arrive as deltas and move the place; pycrdt has no relative positions in XML text.
    """

    def __init__(self, text: XmlText) -> None:
        self.text = text
        self.offset = len(text)
        self.is_ours = False
        self._subscription = text.observe(self._moved)

    def append(self, words: str, marks: dict[str, Any]) -> None:
        """Write words and stay behind them. `is_ours` has to hold until their transaction has told its observers."""
        self.text.insert(self.offset, words, marks)
        self.offset += crdt.utf8(words)

    def _moved(self, event: Any) -> None:
        if self.is_ours:
            return
        at = 0
        for part in event.delta:
            if "insert" in part:
                length = crdt.utf8(part["insert"]) if isinstance(part["insert"], str) else 1
                if at < self.offset:
                    self.offset += length
                at += length
            elif "delete" in part:
                self.offset -= min(part["delete"], max(self.offset - at, 0))
            else:
                at += part["retain"]


class Peer:
    """An agent attempt's replica of a document. Not thread-safe: one attempt, one task.

    `state` is a Yjs v1 update (the document so far); `client_id` was issued for this attempt and is used by nobody
    else, so a worker that lost its lease can never continue another's clock.
    """

    def __init__(self, state: bytes, client_id: int) -> None:
        self.client_id = client_id
        self._bytes = len(state)  # at most; counted again when it seems too much
        # Deleted text is kept: the handles of a tail point into it until its block is looked up again.
        self._doc = crdt.open_doc(state, client_id, keeps_deleted=True)
        self._own: list[bytes] = []
        self._is_catching_up = False
        self._found: dict[str, XmlElement] = {}
        self._tails: dict[str, _Tail] = {}
        self._last: tuple[int, int] | None = None  # client id and clock of the last own character
        self._subscription = self._doc.observe(self._committed)

    def _make_room(self, more: Size) -> None:
        """Raise Full when the document would be larger than documents may be."""
        if self._bytes + more.bytes > DOCUMENT_BYTES:
            self._bytes = len(self._doc.get_update())
        there = crdt.size_of(self._doc, b"") if more.nodes else Size()
        if Size(self._bytes, there.blocks, there.nodes).plus(more).is_too_large:
            raise crdt.Full("the document is full")

    def _committed(self, event: TransactionEvent) -> None:
        self._bytes += len(event.update)
        if not self._is_catching_up:
            self._own.append(event.update)

    def catch_up(self, updates: Iterable[bytes]) -> None:
        """Apply what others have written since: walked updates in log order. Raises crdt.Broken: drop the peer."""
        self._found.clear()
        self._is_catching_up = True
        try:
            crdt.apply(self._doc, updates)
        finally:
            self._is_catching_up = False

    # --- reading -----------------------------------------------------------------------------------------------------
    def has(self, block_id: str) -> bool:
        return self._find(block_id) is not None

    def text_of(self, block_id: str) -> str:
        """Return the block's words without marks; empty when it is gone."""
        element = self._find(block_id)
        return "" if element is None else crdt.words_of(element)

    def blocks(self) -> list[Node]:
        return content.read(self._doc)

    def _find(self, block_id: str) -> XmlElement | None:
        """Blocks are looked up once between two changes of others: a search costs the whole document."""
        if (element := self._found.get(block_id)) is None and (element := crdt.find(self._doc, block_id)) is not None:
            self._found[block_id] = element
        return element

    def _text_block(self, block_id: str) -> XmlElement | None:
        element = self._find(block_id)
        return None if element is None else crdt.text_block(element)

    # --- writing -----------------------------------------------------------------------------------------------------
    def insert_after(self, anchor: str | None, nodes: list[Node]) -> list[str]:
        """Insert blocks at the top, after the block `anchor` or the one around it, in one transaction; returns their
        ids.

        Without an anchor, or when it is gone, they come last, in front of an empty paragraph at the end. An `id` that a
        node brings is kept if nobody has it. Raises NotInSchema, Full.
        """
        validate(nodes)
        self._make_room(crdt.size_of_nodes(nodes))
        place = crdt.place_of(self._doc, anchor) if anchor else None
        at = crdt.end_of(self._doc) if place is None else place + 1
        taken = crdt.ids_in(self._doc)
        with self._doc.transaction():
            return crdt.write(crdt.root_of(self._doc), nodes, at, taken)

    def append(self, block_id: str, text: str, marks: dict[str, Any] | None = None) -> bool:
        """Write words after this peer's own last character in the block, before its first at the block's end.

        In a list they go into its last item. `marks` are all the marks that the words get: {"bold": {}}, {"link":
        {"href": …}}; none is inherited. False when the block is gone or holds no text. Raises NotInSchema, Full.
        """
        element = self._text_block(block_id)
        if element is None:
            self._tails.pop(block_id, None)
            return False
        if not text:
            return True
        self._make_room(Size(crdt.utf8(text)))
        clean = _checked_marks(element, text, marks or {})
        with self._doc.transaction():
            tail = self._tails.get(block_id)
            if tail is None or not any(child == tail.text for child in crdt.texts_in(element)):
                tail = self._tails[block_id] = _Tail(crdt.last_text(element))
            tail.is_ours = True
            tail.append(text, clean)
        tail.is_ours = False
        self._note_last()
        return True

    def _note_last(self) -> None:
        runs = wire.walk(self._own[-1]).texts.get(self.client_id)
        if runs:
            self._last = (self.client_id, runs[-1][0] + runs[-1][1] - 1)

    def replace_text(self, block_id: str, text: str) -> bool:
        """Turn the block's words into `text` by the smallest exchange of words: what stays keeps its author and its
        marks.

        In a list the last item is meant. A line break in `text` matches a hardBreak that is there; a new one becomes a
        blank. False when the block is gone or holds no text.
        """
        element = self._text_block(block_id)
        if element is None:
            return False
        with self._doc.transaction():
            _Wording(element).become(text)
        self._tails.pop(block_id, None)
        return True

    def delete(self, block_ids: Iterable[str]) -> None:
        """Take blocks away, wherever they are; what is gone already stays gone."""
        for block_id in block_ids:
            element = self._find(block_id)
            if element is not None:
                with self._doc.transaction():
                    crdt.remove(element)
                self._found.clear()
            self._tails.pop(block_id, None)

    # --- what goes out -----------------------------------------------------------------------------------------------
    def take_update(self) -> bytes | None:
        """Return what this peer has written since the last call, as one Yjs v1 update; None when it wrote nothing.

        These are the transactions' own updates: a difference of state vectors would carry everybody's deletions.
        """
        own, self._own = self._own, []
        if not own:
            return None
        return own[0] if len(own) == 1 else merge_updates(*own)

    def caret(self) -> dict[str, Any] | None:
        """Return the cursor behind the last own character (Yjs relative positions {anchor, head}), None before it."""
        if self._last is None:
            return None
        client, clock = self._last
        position = {"type": None, "tname": None, "item": {"client": client, "clock": clock}, "assoc": -1}
        return {"anchor": position, "head": dict(position)}


def _checked_marks(element: XmlElement, text: str, marks: dict[str, Any]) -> dict[str, Any]:
    """Return marks as editors write them ({} for one without attributes). Raises NotInSchema."""
    clean = {name: dict(value) if isinstance(value, dict) else {} for name, value in marks.items() if value}
    clean |= {name: {} for name, value in marks.items() if value == {}}
    kind = "codeBlock" if crdt.holds(element) == "text" else "paragraph"
    spans = [{"type": name, "attrs": attrs} for name, attrs in clean.items()]
    validate([{"type": kind, "content": [{"type": "text", "text": text, "marks": spans}]}])
    return clean


class _Token(NamedTuple):
    """A word of a block and where it stands: bytes of a text node, or a break."""

    text: str
    node: XmlText | XmlElement
    start: int
    end: int


class _Wording:
    """The words of one text block, exchanged one by one. Inside a transaction."""

    def __init__(self, element: XmlElement) -> None:
        self.element = element
        self.has_breaks = crdt.holds(element) == "inline"
        self.tokens: list[_Token] = []
        for child in element.children:
            if isinstance(child, XmlElement):
                self.tokens.append(_Token("\n", child, 0, 0))
            elif isinstance(child, XmlText):
                at = 0
                for word in _WORD.findall(crdt.plain(child)):
                    self.tokens.append(_Token(word, child, at, at + crdt.utf8(word)))
                    at += crdt.utf8(word)

    def become(self, text: str) -> None:
        """Exchange from the end to the beginning, so that the places in front stay what they were."""
        before = [token.text for token in self.tokens]
        after: list[str] = _WORD.findall(text)
        steps = difflib.SequenceMatcher(None, before, after, False).get_opcodes()
        for kind, i1, i2, j1, j2 in reversed(steps):
            if kind == "equal":
                continue
            if words := "".join(after[j1:j2]):
                self._insert(i2, words.replace("\n", " ") if self.has_breaks else words)
            for token in reversed(self.tokens[i1:i2]):
                self._remove(token)

    def _remove(self, token: _Token) -> None:
        if isinstance(token.node, XmlText):
            del token.node[token.start : token.end]
        else:
            crdt.remove(token.node)

    def _insert(self, place: int, words: str) -> None:
        following = self.tokens[place] if place < len(self.tokens) else None
        leading = self.tokens[place - 1] if place else None
        if following is not None and isinstance(following.node, XmlText):
            following.node.insert(following.start, words, {})
        elif leading is not None and isinstance(leading.node, XmlText):
            leading.node.insert(leading.end, words, {})
        elif following is not None and isinstance(following.node, XmlElement):
            crdt.text_before(self.element, following.node).insert(0, words, {})
        else:
            node = crdt.last_text(self.element)
            node.insert(len(node), words, {})
