"""The ledger's rows as the disk has them, read without any of the product's processes."""

import shutil
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_HOLDS = "SELECT call, state, amount_nano FROM billing_hold"
_TRANSFERS = "SELECT call, key, code, amount_nano FROM billing_transfer"
_RECORDS = "SELECT call, amount_nano FROM billing_usagerecord"
_WALLET = "SELECT balance_nano, held_nano FROM billing_wallet"


@dataclass
class Disk:
    """What is booked, by call: (state, amount) of holds, amounts of captures and records; amounts of top-ups by key."""

    holds: dict[uuid.UUID, tuple[str, int]] = field(default_factory=dict)
    captures: dict[uuid.UUID, list[int]] = field(default_factory=dict)
    records: "Counter[uuid.UUID]" = field(default_factory=Counter)
    top_ups: dict[str, list[int]] = field(default_factory=dict)
    balance_nano: int = 0
    held_nano: int = 0

    def take(self, run: Any) -> "Disk":
        """Read with `run(sql)`, which gives rows."""
        for call, state, amount in run(_HOLDS):
            self.holds[_id(call)] = (state, amount)
        for call, key, code, amount in run(_TRANSFERS):
            if code == "capture":
                self.captures.setdefault(_id(call), []).append(amount)
            else:
                self.top_ups.setdefault(key, []).append(amount)
        self.records.update(_id(call) for call, _amount in run(_RECORDS))
        ((self.balance_nano, self.held_nano),) = run(_WALLET)
        return self


def _id(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def of_sqlite(folder: Path) -> Disk:
    """Read a copy of the files: opening the original would recover its journal before the product has to."""
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        (copy / f"db.sqlite3{suffix}").unlink(missing_ok=True)
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(folder / f"db.sqlite3{suffix}", copy / f"db.sqlite3{suffix}")
    with closing(sqlite3.connect(copy / "db.sqlite3")) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != "ok":
            raise AssertionError(f"the database is damaged: {check}")
        return Disk().take(lambda sql: database.execute(sql).fetchall())


def of_postgres(url: str) -> Disk:
    with psycopg.connect(url) as database:
        database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return Disk().take(lambda sql: database.execute(sql).fetchall())


@dataclass
class Told:
    """What processes have said in their logs: what they were about to ask, and what they were answered."""

    asked: set[uuid.UUID] = field(default_factory=set)
    answers: list[tuple[str, uuid.UUID, int]] = field(default_factory=list)
    ended: set[uuid.UUID] = field(default_factory=set)

    def read(self, log: Path) -> "Told":
        """Return what one log adds. Its last line may be half a line: then it was told nothing."""
        added = Told()
        text = log.read_bytes() if log.exists() else b""
        for line in text[: text.rfind(b"\n") + 1].decode().splitlines():
            what, call, nano = line.rsplit(" ", 2)
            added.add(what, uuid.UUID(call), int(nano))
        self.asked |= added.asked
        self.answers += added.answers
        self.ended |= added.ended
        return added

    def add(self, what: str, call: uuid.UUID, nano: int) -> None:
        if what == "?":
            self.asked.add(call)
            return
        self.answers.append((what, call, nano))
        if what in ("capture", "void"):
            self.ended.add(call)


def lost(told: Iterable[tuple[str, uuid.UUID, int]], disk: Disk) -> list[str]:
    """Return the answers that the disk does not bear out."""
    return [f"{what} {call} {nano}" for what, call, nano in told if not _stands(what, call, nano, disk)]


def _stands(what: str, call: uuid.UUID, nano: int, disk: Disk) -> bool:
    state, amount = disk.holds.get(call, ("", -1))
    if what in ("hold", "extend"):
        return amount >= nano
    if what == "topup":
        return disk.top_ups.get(f"topup:{call}") == [nano]
    if what == "capture":
        return disk.captures.get(call) == [nano] and disk.records[call] == 1
    if what == "void":
        return state in ("voided", "expired") and call not in disk.captures
    return False
