"""Reads a model's Markdown while it streams: which block begins, which words belong to it, when it is over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.writing.writes import OpenType

NEXT_STEP = re.compile(r"^\**next step\**\s*:\**\s*", re.IGNORECASE)
_UNDECIDED = 14


@dataclass(frozen=True, slots=True)
class Begin:
    type: OpenType
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class End:
    pass


@dataclass(frozen=True, slots=True)
class Grid:
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class NextStep:
    text: str


Event = Begin | Words | End | Grid | NextStep


class Reader:
    """Feed it pieces as they come; every list item is a block of its own, soft line breaks become blanks."""

    def __init__(self) -> None:
        self._held, self._line_start, self._open, self._bold = "", True, False, False
        self._rows: list[tuple[str, ...]] = []
        self._step: str | None = None
        self._skip_line = False

    def feed(self, piece: str) -> Iterator[Event]:
        self._held += piece.replace("\r", "")
        while self._held:
            before = self._held
            yield from self._line_begin() if self._line_start else self._line_rest()
            if self._held == before:
                return

    def finish(self) -> Iterator[Event]:
        if self._held and not self._held.endswith("\n"):
            yield from self.feed("\n")
        yield from self._close()
        yield from self._end_grid()
        if self._step is not None:
            yield NextStep(self._step.strip())
            self._step = None

    # A line is decided by its first characters; until they are there, nothing is shown.
    def _line_begin(self) -> Iterator[Event]:
        head, _, _ = self._held.partition("\n")
        whole = "\n" in self._held
        if not whole and len(head) < _UNDECIDED and not re.match(r"\s*[A-Za-z\"“‘(]{2}", head):
            return
        if not whole and re.match(
            r"\**n(?:e(?:x(?:t(?: (?:s(?:t(?:e(?:p\**:?)?)?)?)?)?)?)?)?$", head.strip(), re.IGNORECASE
        ):
            return
        if head.lstrip().startswith("|"):
            if whole:
                yield from self._close()
                self._rows.append(tuple(cell.strip().strip("*") for cell in head.strip().strip("|").split("|")))
                self._held = self._held[len(head) + 1 :]
            return
        yield from self._end_grid()
        if not head.strip():
            yield from self._close()
            self._held = self._held[len(head) + 1 :] if whole else ""
            return
        if re.match(r"\s*(?:```|~~~|[-=*_]{3,}\s*$)", head):
            self._skip_line, self._line_start = True, False
            return
        yield from self._block_begin(head)
        self._line_start = False

    def _block_begin(self, head: str) -> Iterator[Event]:
        if mark := NEXT_STEP.match(head.strip()):
            yield from self._close()
            self._step = ""
            self._held = self._held[len(head) - len(head.lstrip()) + mark.end() :]
        elif mark := re.match(r"#{1,6}\s+", head):
            yield from self._start(Begin("heading"), mark.end())
        elif mark := re.match(r"\s*[-*+•]\s+(?:\[[ xX]\]\s+)?", head):
            yield from self._start(Begin("bulletList"), mark.end())
        elif mark := re.match(r"\s*(\d{1,2})[.)]\s+", head):
            yield from self._start(Begin("orderedList", int(mark[1])), mark.end())
        elif self._open:
            yield Words(" ", self._bold)
        else:
            mark = re.match(r"\s*(?:>\s*)?", head)
            yield from self._start(Begin("paragraph"), mark.end() if mark else 0)

    def _start(self, begin: Begin, marks: int) -> Iterator[Event]:
        yield from self._close()
        self._open, self._bold = True, False
        self._held = self._held[marks:]
        yield begin

    def _line_rest(self) -> Iterator[Event]:
        text, newline, rest = self._held.partition("\n")
        if self._skip_line:
            text, self._skip_line = "", not newline
        if not newline and text.endswith("*"):  # the other half of a bold mark may follow
            text, rest = text.rstrip("*"), text[len(text.rstrip("*")) :]
        self._held = rest
        if newline:
            self._line_start = True
        if self._step is not None:
            self._step += text
            return
        parts = re.split(r"(\*\*|__)", text)
        for part in parts:
            if part in ("**", "__"):
                self._bold = not self._bold
            elif part:
                yield Words(re.sub(r"`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)", "", part), self._bold)

    def _close(self) -> Iterator[Event]:
        if self._open:
            self._open = False
            yield End()

    def _end_grid(self) -> Iterator[Event]:
        rows = [row for row in self._rows if not all(re.fullmatch(r":?-*:?", cell) for cell in row)]
        self._rows = []
        if len(rows) >= 2:
            width = len(rows[0])
            yield Grid(tuple(row[:width] + ("",) * (width - len(row)) for row in rows))


def blocks_of(markdown: str) -> list[str]:
    """The source text of each block, as `Reader` cuts it: list items one by one, paragraphs whole."""
    found: list[str] = []
    for chunk in re.split(r"\n\s*\n", markdown.strip()):
        lines = chunk.split("\n")
        for index, line in enumerate(lines):
            starts = re.match(r"\s*(?:[-*+•]|\d{1,2}[.)]|#{1,6})\s+|\|", line) or NEXT_STEP.match(line.strip())
            if index == 0 or starts:
                found.append(line)
            else:
                found[-1] += "\n" + line
    return found
