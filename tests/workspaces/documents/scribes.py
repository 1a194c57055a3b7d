"""Replicas that edit at random as editors do: words, marks, Enter, joining, tables, deletions, undo."""

import random
from typing import Any

from pycrdt import UndoManager, XmlElement, XmlText

from tests.workspaces.documents.schedules import difference
from workspaces.documents import content, crdt

WORDS = ("a", "b c ", "中文", "字", "é", "e\u0301", "😀", "👩\u200d👩\u200d👧", "🇩🇪", "𠮷野家", "שלום", "\u200d")
MARKS = ("bold", "italic", "link")
PLANTS = ("- x\n- 甲", "| a | 😀 |\n|---|---|\n| 字 | b |", "# 标题", "> quote 🎉", "plain", "```\ncode 字\n```")


class Scribe:
    """A pycrdt replica with a person's hands. `made` are the updates of its own edits, not taken yet."""

    def __init__(self, seed: int, state: bytes, client_id: int) -> None:
        self.random = random.Random(seed)
        self.client_id = client_id
        self.doc = crdt.open_doc(state, client_id)
        self.made: list[bytes] = []
        self.undone = 0
        self._is_applying = False
        self._subscription = self.doc.observe(self._committed)
        self._undo = UndoManager(scopes=[crdt.root_of(self.doc)], capture_timeout_millis=0)
        self._undo.include_origin(self.client_id)

    def _committed(self, event: Any) -> None:
        if not self._is_applying:
            self.made.append(event.update)

    # --- as a replica ------------------------------------------------------------------------------------------------
    def apply(self, update: bytes) -> list[bytes]:
        self._is_applying = True
        try:
            self.doc.apply_update(update)
        finally:
            self._is_applying = False
        return []

    def vector(self) -> bytes:
        return bytes(self.doc.get_state())

    def since(self, vector: bytes) -> bytes:
        return bytes(self.doc.get_update(vector or b"\0"))

    def differs(self, doc: Any) -> str:
        return difference(self.doc, doc)

    def edit(self) -> list[bytes]:
        """Do one thing and return its updates; none when there was nothing to do."""
        dice = self.random.random()
        if dice < 0.08:
            if self._undo.can_undo() and self._undo.undo():
                self.undone += 1
        elif dice < 0.1:
            if self._undo.can_redo():
                self._undo.redo()
        else:
            with self.doc.transaction(origin=self.client_id):
                self._change(dice)
        made, self.made = self.made, []
        return made

    # --- as a person -------------------------------------------------------------------------------------------------
    def _change(self, dice: float) -> None:
        root = crdt.root_of(self.doc)
        if not len(root.children) or dice < 0.16:
            nodes = content.parse_markdown(self.random.choice(PLANTS))
            crdt.write(root, nodes, self.random.randint(0, len(root.children)))
        elif dice < 0.2 and len(root.children) > 2:
            del root.children[self.random.randrange(len(root.children))]
        elif dice < 0.3:
            self._split()
        elif dice < 0.38:
            self._join()
        elif dice < 0.44:
            self._change_rows()
        else:
            self._retouch(dice)

    def _paragraphs(self) -> list[int]:
        children = list(crdt.root_of(self.doc).children)
        return [at for at, one in enumerate(children) if isinstance(one, XmlElement) and one.tag == "paragraph"]

    def _split(self) -> None:
        """Press Enter: what is behind the caret is deleted and written anew in a paragraph below."""
        if not (places := self._paragraphs()):
            return
        at = self.random.choice(places)
        root = crdt.root_of(self.doc)
        text = crdt.last_text(root.children[at])
        start = self._place(text)
        head, tail = _cut(text.diff(), start)
        del text[start : len(text)]
        below = root.children.insert(at + 1, XmlElement("paragraph", {"id": crdt.new_block_id()}, []))
        _write(below.children.append(XmlText()), tail)
        assert sum(crdt.utf8(part) for part, _marks in head) == start

    def _join(self) -> None:
        """Press Backspace at the start of a paragraph: its words move to the end of the one above."""
        places = self._paragraphs()
        pairs = [at for at in places if at + 1 in places]
        if not pairs:
            return
        at = self.random.choice(pairs)
        root = crdt.root_of(self.doc)
        runs = crdt.last_text(root.children[at + 1]).diff()
        _write(crdt.last_text(root.children[at]), runs)
        del root.children[at + 1]

    def _change_rows(self) -> None:
        tables = [one for one in crdt.elements_in(crdt.root_of(self.doc)) if one.tag == "table"]
        if not tables:
            return
        rows = self.random.choice(tables).children
        if len(rows) > 1 and self.random.random() < 0.4:
            del rows[self.random.randrange(len(rows))]
            return
        row = rows.insert(self.random.randint(0, len(rows)), XmlElement("tableRow", {}, []))
        for _ in range(2):
            cell = row.children.append(XmlElement("tableCell", {}, []))
            cell.children.append(XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText("格")]))

    def _retouch(self, dice: float) -> None:
        """Type, delete or mark in any block that holds text."""
        inside = [one for one in crdt.elements_in(crdt.root_of(self.doc)) if crdt.text_block(one) is one]
        if not inside:
            return
        element = self.random.choice(inside)
        text = crdt.last_text(element)
        start, end = sorted((self._place(text), self._place(text)))
        if dice < 0.56:
            del text[start:end]
        elif dice < 0.7 and element.tag != "codeBlock":
            mark = self.random.choice(MARKS)
            value = {"href": "https://example.com/字"} if mark == "link" else {}
            text.format(start, end, {mark: self.random.choice([value, value, None])})
        else:
            text.insert(start, self.random.choice(WORDS), self._marks(element))

    def _marks(self, element: XmlElement) -> dict[str, Any]:
        return {} if element.tag == "codeBlock" else self.random.choice([{}, {}, {"bold": {}}])

    def _place(self, text: XmlText) -> int:
        """Return an offset between two characters, in UTF-8 bytes."""
        words = crdt.plain(text)
        return crdt.utf8(words[: self.random.randint(0, len(words))])


def _cut(runs: Any, start: int) -> tuple[list[Any], list[Any]]:
    """Return runs of (words, marks) in front of and behind an offset."""
    head, tail, at = [], [], 0
    for part, marks in runs:
        raw = part.encode()
        keep = max(0, min(len(raw), start - at))
        if keep:
            head.append((raw[:keep].decode(), marks))
        if keep < len(raw):
            tail.append((raw[keep:].decode(), marks))
        at += len(raw)
    return head, tail


def _write(text: XmlText, runs: Any) -> None:
    for part, marks in runs:
        text.insert(len(text), part, dict(marks or {}))
