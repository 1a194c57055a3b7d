"""The log as the disk has it, read without any of the product's processes."""

import shutil
import sqlite3
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

Rows = list[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of a document's log (seq, update) and its snapshots (seq, state), in order; the head of its row."""

    head: int
    updates: Rows
    snapshots: Rows

    def after(self, seq: int) -> list[bytes]:
        return [data for at, data in self.updates if at > seq]


_HEAD = "SELECT head_seq FROM workspaces_document WHERE id = {}"
_UPDATES = "SELECT seq, data FROM workspaces_documentupdate WHERE document_id = {} ORDER BY seq"
_SNAPSHOTS = "SELECT seq, state FROM workspaces_documentsnapshot WHERE document_id = {} ORDER BY seq"


def of_sqlite(folder: Path, document: str) -> Stored:
    """Read a copy of the files: opening the original would recover its journal before the server has to."""
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    name = next(path.name for path in folder.glob("*.sqlite3"))
    for suffix in ("", "-wal"):
        (copy / (name + suffix)).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(folder / (name + suffix), copy / (name + suffix))
    (copy / (name + "-shm")).unlink(missing_ok=True)
    key = uuid.UUID(document).hex
    with closing(sqlite3.connect(copy / name)) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != "ok":
            raise AssertionError(f"the database is damaged: {check}")
        head = database.execute(_HEAD.format("?"), (key,)).fetchone()[0]
        updates = [(seq, bytes(data)) for seq, data in database.execute(_UPDATES.format("?"), (key,))]
        snapshots = [(seq, bytes(data)) for seq, data in database.execute(_SNAPSHOTS.format("?"), (key,))]
    return Stored(head, updates, snapshots)


def of_postgres(url: str, document: str) -> Stored:
    with psycopg.connect(url) as database:
        database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = database.execute(_HEAD.format("%s"), (document,)).fetchone()
        updates = [(seq, bytes(data)) for seq, data in database.execute(_UPDATES.format("%s"), (document,))]
        snapshots = [(seq, bytes(data)) for seq, data in database.execute(_SNAPSHOTS.format("%s"), (document,))]
    return Stored(row[0] if row else 0, updates, snapshots)
