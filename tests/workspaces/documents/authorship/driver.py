"""Logs of the driver of structural edits, and how well a projection knows who wrote what in them.

The driver's authors write in alphabets of their own (frontend/tests/authorship/voices.ts). What is projected is the
same log with all of them folded into one alphabet, so that the projection sees what it would see of people; what each
character was before tells whether it is right.
"""

import base64
import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from workspaces.documents.authorship import book, reading
from workspaces.documents.protocol import Reader, var_bytes

FRONTEND = Path(__file__).parents[4] / "frontend"
VOICES = 5
_LETTERS = (0x61, 0x430, 0x10D0, 0xFF41, 0x24D0)
_BLANKS = (0x20, 0x2002, 0x2003, 0x2004, 0x2005)
_HAN, _HAN_SIZE, _EMOJI, _EMOJI_SIZE = 0x4E00, 0x400, 0x1F400, 0x40
VOICE: dict[str, int] = {}
_FOLD: dict[int, int] = {}
for _voice in range(VOICES):
    _own = [
        *((_LETTERS[_voice] + n, _LETTERS[0] + n) for n in range(26)),
        (_BLANKS[_voice], _BLANKS[0]),
        *((_HAN + _voice * _HAN_SIZE + n, _HAN + n) for n in range(_HAN_SIZE)),
        *((_EMOJI + _voice * _EMOJI_SIZE + n, _EMOJI + n) for n in range(_EMOJI_SIZE)),
    ]
    for _mine, _folded in _own:
        VOICE[chr(_mine)] = _voice
        _FOLD[_mine] = _folded


class _Recorder(Reader):
    """Remembers where strings stand."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.strings: list[tuple[int, int, str]] = []

    def var_string(self) -> str:
        begin = self.at
        text = super().var_string()
        self.strings.append((begin, self.at, text))
        return text


def fold(update: bytes) -> bytes:
    """Return an update with all its words in the first author's alphabet; no clock changes."""
    recorder = _Recorder(update)
    before, reading.Reader = reading.Reader, lambda _data: recorder  # type: ignore[assignment,misc]
    try:
        reading.read(update)
    finally:
        reading.Reader = before  # type: ignore[misc]
    parts, at = [], 0
    for begin, end, text in recorder.strings:
        parts += [update[at:begin], var_bytes(text.translate(_FOLD).encode())]
        at = end
    return b"".join([*parts, update[at:]])


@dataclass(frozen=True)
class Entry:
    """A row as the driver wrote it: `data` in all alphabets."""

    data: bytes
    client: int
    voice: int
    kind: str
    at: int
    operation: str
    cut: list[list[int]] | None

    def row(self, *, is_folded: bool = True) -> book.Row:
        return book.Row(
            data=fold(self.data) if is_folded else self.data,
            client_id=self.client,
            principal=UUID(int=self.voice),
            kind=self.kind,
            at=self.at,
            cut=self.cut,
        )


@dataclass
class Drive:
    entries: list[Entry]
    final: bytes
    failures: list[str]


Plan = tuple[int, int, int]
"""Seed, steps, and how long people do not look at what others do (0: never)."""


def drive(folder: Path, plans: list[Plan]) -> dict[Plan, Drive]:
    """Let people and agents edit, a document a plan. What lies in the folder is not driven again."""
    names = {plan: "-".join(map(str, plan)) for plan in plans}
    files = {plan: folder / f"drive-{name}.ndjson" for plan, name in names.items()}
    if missing := [names[plan] for plan in plans if not files[plan].exists()]:
        env = {**os.environ, "VITE_DRIVE_FOLDER": str(folder), "VITE_DRIVES": " ".join(missing)}
        command = ["npx", "--no-install", "vitest", "run", "tests/authorship/drive.test.ts"]
        done = subprocess.run(command, cwd=FRONTEND, env=env, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
    return {plan: _read(file) for plan, file in files.items()}


def _read(file: Path) -> Drive:
    *rows, end = [json.loads(line) for line in file.read_text().splitlines()]
    entries = [Entry(**{**row, "data": base64.b64decode(row["data"])}) for row in rows]
    return Drive(entries, base64.b64decode(end["final"]), end["failures"])


# --- truth ----------------------------------------------------------------------------------------------------------
class Truth:
    """Whose letter each clock is."""

    def __init__(self) -> None:
        self.voices: dict[tuple[int, int], int] = {}

    def add(self, data: bytes) -> None:
        blocks, _deleted = reading.read(data)
        for pieces in blocks.values():
            for piece in pieces:
                if piece.kind is reading.Kind.TEXT:
                    self._add(piece)

    def _add(self, piece: reading.Piece) -> None:
        clock = piece.clock
        for letter in reading.characters(piece.text or ""):
            for _unit in range(len(letter.encode("utf-16-le")) // 2):
                if letter in VOICE:
                    self.voices[piece.client, clock] = VOICE[letter]
                clock += 1


@dataclass
class Score:
    """Characters by operation: moved ones, moved but booked on the mover, or on a third author; own, own but booked on
    somebody else."""

    moved: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    swapped: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    grabbed: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Score") -> "Score":
        for name in ("moved", "lost", "swapped", "own", "grabbed"):
            getattr(self, name).update(getattr(other, name))
        return self

    def right(self, *operations: str) -> float:
        """Return the share of moved characters that kept their author."""
        moved = sum(self.moved[name] for name in operations)
        wrong = sum(self.lost[name] + self.swapped[name] for name in operations)
        return 1 - wrong / moved if moved else 1.0

    def taken(self, *operations: str) -> float:
        """Return the share of characters of one's own that were booked on somebody else."""
        own = sum(self.own[name] for name in operations)
        return sum(self.grabbed[name] for name in operations) / own if own else 0.0

    def table(self) -> str:
        names = sorted(self.moved | self.own)
        rows = [
            f"{name:14}{self.moved[name]:7}{self.lost[name]:6}{self.swapped[name]:6}{100 * self.right(name):7.2f} %"
            f"{self.own[name]:7}{self.grabbed[name]:6}"
            for name in names
        ]
        return "\n".join(["operation       moved  lost  swap  right     own  grabbed", *rows])


class Watched(book.Book):
    """A book that tells of each move where the words came from, before moves of moves are resolved."""

    def __init__(self) -> None:
        super().__init__()
        self.truth = Truth()
        self.score = Score()
        self._sources: dict[tuple[int, int], tuple[int, int]] = {}

    def enter(self, seq: int, entry: Entry) -> None:
        self._sources.clear()
        known = set(self.truth.voices)
        self.truth.add(entry.data)
        self.apply(seq, entry.row())
        if entry.kind == "person":
            for at in self.truth.voices.keys() - known:
                run = self.tree.find(at)
                if run is not None and run.text is not None:  # not what came into a block that was dead already
                    self._judge(entry, at)

    def _carry(self, found):
        for insert, at, spans, _certainty in found:
            clock = insert.clock + at
            for client, old, length in spans:
                for n in range(length):
                    self._sources[insert.client, clock] = (client, old + n)
                    clock += 1
        super()._carry(found)

    def _judge(self, entry: Entry, at: tuple[int, int]) -> None:
        score, name, voice = self.score, entry.operation, self.truth.voices[at]
        source = self._sources.get(at)
        if voice == entry.voice and (source is None or self.truth.voices.get(source) != voice):
            score.own[name] += 1
            score.grabbed[name] += source is not None
        else:
            score.moved[name] += 1
            score.lost[name] += source is None
            score.swapped[name] += source is not None and self.truth.voices.get(source) != voice


def share_right(watched: Watched) -> float:
    """Return the share of the living characters whose first author is the right one."""
    voices = watched.truth.voices
    writers = {client: writer.principal.int for client, writer in watched.writers.items()}
    right = total = 0
    for client, strand in watched.tree.strands.items():
        for run in strand.runs:
            if run.is_dead or run.kind is not reading.Kind.TEXT:
                continue
            clock = run.clock
            for first, _certainty in watched.carries.firsts((client, run.clock, run.length)):
                for _n in range(first[2]):
                    voice = voices.get((client, clock))
                    clock += 1
                    if voice is not None:
                        total += 1
                        right += voice == writers[first[0]]
    return right / total if total else 1.0
