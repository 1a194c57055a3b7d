"""The ledger under test: its books close after every test, and tests that commit may empty its tables afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import connection
from django.test import TransactionTestCase


def difference() -> int:
    """Return what the books of the database say, 0 for a test without one."""
    from billing.services import books

    if connection.connection is None or connection.needs_rollback:
        return 0
    try:
        credits = _credits_alone()
    except RuntimeError:  # this test may not use the database
        return 0
    if credits is None:
        return books().difference_nano
    if credits not in _proven:
        _proven[credits] = books().difference_nano if credits else 0
    return _proven[credits]


_proven: dict[tuple[Any, ...], int] = {}
"""What the books said of ledgers of credits alone: most tests leave the same one, a workspace that was welcomed."""


def _credits_alone() -> tuple[Any, ...] | None:
    """Return all that the books read of a ledger in which nothing was used, accounts by number; None: of any other."""
    from billing.models import BudgetWindow, Hold, Lot, Statement, Transfer, UsageRecord, Wallet

    used = " OR ".join(
        f"EXISTS (SELECT 1 FROM {_table(model)})" for model in (Hold, UsageRecord, BudgetWindow, Statement)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {used}")
        if cursor.fetchone()[0]:
            return None
        cursor.execute(f"SELECT account_id, balance_nano, held_nano FROM {_table(Wallet)} ORDER BY account_id")
        wallets = cursor.fetchall()
        cursor.execute(f"SELECT wallet_id, remaining_nano FROM {_table(Lot)} ORDER BY id")
        lots = cursor.fetchall()
        cursor.execute(f"SELECT code, debit_id, credit_id, amount_nano FROM {_table(Transfer)} ORDER BY id")
        transfers = cursor.fetchall()
    number = {account: place for place, (account, _balance, _held) in enumerate(wallets)}
    return (
        *((number[account], *sums) for account, *sums in wallets),
        *((number.get(wallet), left) for wallet, left in lots),
        *((code, number.get(debit), number.get(credit), nano) for code, debit, credit, nano in transfers),
    )


def _table(model: Any) -> str:
    return str(model._meta.db_table)


_empty: sqlite3.Connection | None = None
"""An SQLite database as the migrations have left it."""


def remember() -> None:
    """Keep a copy of the database before the first test: to put it back takes a hundredth of emptying its tables."""
    global _empty
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        _empty = sqlite3.connect(":memory:", check_same_thread=False)
        connection.connection.backup(_empty)


@contextmanager
def emptied_between_tests() -> Iterator[None]:
    """Let the clean-up after a committing test delete what the database otherwise keeps for ever.

    It does not write the permissions of all models again, which nobody here asks for; types come back when asked for.
    """
    from django.contrib.contenttypes.models import ContentType

    flush = TransactionTestCase._fixture_teardown

    def teardown(self: Any) -> None:
        if connection.vendor == "sqlite" and _empty is not None:
            connection.ensure_connection()
            _empty.backup(connection.connection)
            ContentType.objects.clear_cache()
            return
        with _unguarded(), mock.patch("django.core.management.commands.flush.emit_post_migrate_signal"):
            flush(self)
        ContentType.objects.clear_cache()

    with mock.patch.object(TransactionTestCase, "_fixture_teardown", teardown):
        yield


@contextmanager
def _unguarded() -> Iterator[None]:
    on_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if on_sqlite:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            guards = cursor.fetchall()
            down = [f"DROP TRIGGER {name}" for name, _sql in guards]
            up = [sql for _name, sql in guards]
        else:
            cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
            tables = [name for (name,) in cursor.fetchall()]
            down = [f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in tables]
            up = [f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in tables]
        for statement in down:
            cursor.execute(statement)
    yield
    with connection.cursor() as cursor:
        for statement in up:
            cursor.execute(statement)
