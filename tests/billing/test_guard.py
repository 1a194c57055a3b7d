"""What the database refuses whoever asks, also by SQL: the last line behind all code."""

import pytest
from django.db import DatabaseError, connection, transaction

from billing.models import Hold, Transfer, Wallet
from wukong.kernel.ids import new_id

APPEND_ONLY = ["billing_transfer", "billing_usagerecord", "billing_ratecard", "billing_rate"]


def refused(sql: str, *params) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, params)
    except DatabaseError:
        return True
    return False


def test_what_was_booked_stays(spend):
    spend()

    for table in APPEND_ONLY:
        assert refused(f"UPDATE {table} SET created_at = created_at"), table
        assert refused(f"DELETE FROM {table}"), table
        if connection.vendor == "postgresql":
            assert refused(f"TRUNCATE {table} CASCADE"), table
    assert Transfer.objects.filter(code="capture").count() == 1


def test_a_hold_ends_once(spend):
    spend()

    assert refused("UPDATE billing_hold SET state = 'pending'")
    assert refused("UPDATE billing_hold SET captured_nano = 0")
    assert refused("DELETE FROM billing_hold")
    assert Hold.objects.get().state == "captured"


def test_a_wallet_cannot_be_overspent(spend):
    spend()

    assert refused("UPDATE billing_wallet SET held_nano = -1")
    assert refused("UPDATE billing_wallet SET held_nano = balance_nano + 1")
    assert refused("UPDATE billing_wallet SET balance_nano = -1")
    assert refused("UPDATE billing_wallet SET credit_limit_nano = -1")
    assert refused("UPDATE billing_wallet SET balance_nano = 9100000000000000000")


def test_money_that_overflows_is_refused(spend):
    """SQLite makes a float of it and would go on; PostgreSQL refuses by itself."""
    spend()

    assert refused("UPDATE billing_wallet SET credit_limit_nano = 9223372036854775807 + 1")
    if connection.vendor == "sqlite":
        assert refused("UPDATE billing_wallet SET balance_nano = balance_nano + 0.5")
    assert type(Wallet.objects.get().balance_nano) is int


def test_a_budget_cannot_be_overspent(spend):
    spend(run=new_id())

    for change in ("spent_nano = -1", "held_nano = -1", "limit_nano = spent_nano - 1"):
        assert refused(f"UPDATE billing_budgetwindow SET {change}"), change


def test_a_hold_cannot_pay_more_than_it_holds(hold):
    from billing import ledger

    ledger.post(hold())

    assert refused("UPDATE billing_hold SET captured_nano = amount_nano + 1")


@pytest.mark.parametrize("change", ["amount_nano = 0", "credit_id = debit_id"])
def test_a_transfer_moves_something_between_two(spend, change):
    """Checked on the copy of a row, because no row can be changed."""
    spend()
    fields = [field.column for field in Transfer._meta.concrete_fields]
    column, value = change.split(" = ")
    key = f"'{'0' * 32}'"
    selected = ", ".join(
        value if name == column else key if name == "id" else "'another'" if name == "key" else name for name in fields
    )
    copy = f"INSERT INTO billing_transfer ({', '.join(fields)}) SELECT {selected} FROM billing_transfer LIMIT 1"

    assert refused(copy)


def test_payments_keep_what_they_were(paid, deliver):
    topup, _payment = paid(10)
    assert deliver("checkout.session.completed", topup.session) == 200

    for change in ("state = 'paid'", "amount_nano = 1", "currency = 'EUR'", "key = 'other'"):
        assert refused(f"UPDATE billing_topup SET {change}"), change
    assert refused("UPDATE billing_stripeevent SET type = type")
    for table in ("billing_topup", "billing_stripeevent"):
        assert refused(f"DELETE FROM {table}"), table


def test_what_goes_back_of_a_payment_keeps_what_it_was(paid, deliver, stripe, workspace):
    from billing import services

    topup, payment = paid(10)
    assert deliver("checkout.session.completed", topup.session) == 200
    asked = {"workspace_id": workspace.pk, "topup": payment, "key": "r1", "actor": "person:1", "note": "Asked for"}
    services.refund(amount_nano=10**9, **asked)

    for change in ("amount_nano = 2", "taken_nano = 0", "taken_nano = 2000000000", "key = 'r2'", "kind = 'dispute'"):
        assert refused(f"UPDATE billing_topupreturn SET {change}"), change
    assert refused("DELETE FROM billing_topupreturn")
