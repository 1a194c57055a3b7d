"""Rows that are changed behind the ledger's back, by SQL, with the guards taken away: `books` says so and exits 1.

`test_tell.py` does this for one row of each kind of figure; here are those that are harder to see: two changes that
cancel out, rows that are gone, rows that are made up.
"""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from billing import ledger, ops, services
from billing.contracts import Usage
from tests.billing.conftest import SMALL
from wukong.kernel.ids import new_id


@pytest.fixture
def moved(workspace, spend, hold, ada):
    """Books with everything in them, of two workspaces."""
    from tests.billing.conftest import hold_op
    from workspaces.people.services import create_workspace

    runs = [new_id(), new_id()]
    for run in runs:
        spend(run=run)
        ledger.post(hold(run=run))
    spend(usage=Usage(input_tokens=7, output_tokens=5))
    failed, voided = hold(), hold()
    ledger.apply([failed, voided, ops.NotCharged(call=failed.call, usage=SMALL, reason="x")])
    ledger.post(ops.Void(call=voided.call, reason="stopped"))
    services.top_up(workspace_id=workspace.pk, amount_nano=10**9, key="p", actor="system")
    other = create_workspace(name="Other", owner=ada)
    op = hold_op(other.pk)
    ledger.apply([op])
    ledger.apply([ops.Capture(call=op.call, usage=SMALL)])
    return workspace


def without_guards():
    """Take the triggers away until the rollback, as somebody with the database's own rights can."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")


def one_of(table, where):
    return f"id = (SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1)"


RUNS = "SELECT id FROM billing_budgetwindow WHERE level = 'run' ORDER BY id"
MOST = 2_000_000  # nano: one of the captures is smaller
PENDING, VOIDED = (one_of("billing_hold", f"state = '{state}'") for state in ("pending", "voided"))
LARGE = one_of("billing_hold", f"captured_nano > {MOST}")
FIRST, SECOND = "LIMIT 1", "LIMIT 1 OFFSET 1"
WALLETS = "SELECT account_id FROM billing_wallet ORDER BY account_id"

FALSE = {
    "wallet balance": ["UPDATE billing_wallet SET balance_nano = balance_nano - 1"],
    "money carried from one wallet to another": [
        f"UPDATE billing_wallet SET balance_nano = balance_nano + 5 WHERE account_id = ({WALLETS} {FIRST})",
        f"UPDATE billing_wallet SET balance_nano = balance_nano - 5 WHERE account_id = ({WALLETS} {SECOND})",
    ],
    "held": ["UPDATE billing_wallet SET held_nano = held_nano + 1"],
    "amount of an open hold": ["UPDATE billing_hold SET amount_nano = amount_nano + 1 WHERE state = 'pending'"],
    "an open hold that is gone": [f"DELETE FROM billing_hold WHERE {PENDING}"],
    "an open hold that was closed": ["UPDATE billing_hold SET state = 'voided' WHERE state = 'pending'"],
    "a hold that was opened again": [f"UPDATE billing_hold SET state = 'pending' WHERE {VOIDED}"],
    "hold captured": ["UPDATE billing_hold SET captured_nano = captured_nano - 1 WHERE state = 'captured'"],
    "two holds that cancel out": [
        f"UPDATE billing_hold SET captured_nano = captured_nano - 1 WHERE {LARGE}",
        f"UPDATE billing_hold SET captured_nano = captured_nano + 1 WHERE captured_nano BETWEEN 1 AND {MOST}",
    ],
    "window spent": ["UPDATE billing_budgetwindow SET spent_nano = spent_nano + 1"],
    "window held": ["UPDATE billing_budgetwindow SET held_nano = held_nano + 1"],
    "spending carried from one run to another": [
        f"UPDATE billing_budgetwindow SET spent_nano = spent_nano + 9 WHERE id = ({RUNS} {FIRST})",
        f"UPDATE billing_budgetwindow SET spent_nano = spent_nano - 9 WHERE id = ({RUNS} {SECOND})",
    ],
    "usage": ["UPDATE billing_usagerecord SET amount_nano = amount_nano - 1 WHERE amount_nano > 0"],
    "usage that is gone": ["DELETE FROM billing_usagerecord WHERE amount_nano > 0"],
    "a transfer": ["UPDATE billing_transfer SET amount_nano = amount_nano + 1 WHERE code = 'capture'"],
    "a transfer that is gone": ["DELETE FROM billing_transfer WHERE code = 'capture'"],
    "a captured hold that is gone": ["DELETE FROM billing_hold WHERE state = 'captured' AND captured_nano > 0"],
    "tokens that were counted": ["UPDATE billing_usagerecord SET output_tokens = output_tokens + 1"],
    "a price that was agreed": ["UPDATE billing_rate SET pico_per_token = pico_per_token + 1000"],
    "what was not charged": ["UPDATE billing_usagerecord SET uncharged_nano = uncharged_nano + 1"],
    "a captured hold called voided": ["UPDATE billing_hold SET state = 'voided' WHERE state = 'captured'"],
    "a transfer of another wallet": [
        f"UPDATE billing_transfer SET debit_id = ({WALLETS} {FIRST}) WHERE code = 'capture'",
        f"UPDATE billing_transfer SET debit_id = ({WALLETS} {SECOND}) WHERE code = 'capture' AND amount_nano < {MOST}",
    ],
}


def proven(statements):
    """Return (books, exit code, last line) after some SQL that is taken back."""
    with transaction.atomic():
        place = transaction.savepoint()
        without_guards()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                assert cursor.rowcount > 0, statement
        books, out, code = services.books(), StringIO(), 0
        try:
            call_command("books", stdout=out)
        except SystemExit as end:
            code = end.code
        transaction.savepoint_rollback(place)
    return books, code, out.getvalue().splitlines()[-1]


def test_the_books_that_are_falsified_here_close(moved):
    assert services.books().difference_nano == 0


def test_books_see_what_was_falsified(moved):
    silent = set(services.books().checks) - {"statements = ledger"}  # test_issue.py falsifies statements
    for name, statements in FALSE.items():
        books, code, line = proven(statements)

        assert books.difference_nano > 0, name
        assert code == 1, name
        assert line == f"difference {books.difference_nano} nano", name
        silent -= {check for check, nano in books.checks.items() if nano}
    assert not silent  # a check that nothing makes fail proves nothing
