"""When a statement is issued, and that it stays as it was: once, by whoever comes first, never changed."""

import threading
from datetime import UTC, date, datetime
from unittest import mock

import pytest
from django.db import connection

from billing import ledger, ops, services
from billing.models import Transfer
from billing.models.statements import MeterReading, Statement
from billing.statements import check, issuing, store
from billing.statements import services as statements
from tests.billing.calendar import NOVEMBER, OCTOBER, SEPTEMBER, USAGE, clock_at, issue, use
from tests.billing.conftest import hold_op
from tests.billing.test_guard import refused


# --- when it is issued -----------------------------------------------------------------------------------------------
def test_it_is_issued_once(workspace, issued):
    assert issue(NOVEMBER) == 0
    assert Statement.objects.count() == 2


def test_it_waits_until_the_month_has_ended_and_no_call_of_it_is_open(workspace):
    use(workspace, SEPTEMBER, USAGE)
    waiting = hold_op(workspace.pk)
    with clock_at(datetime(2026, 9, 30, 23, 59, tzinfo=UTC)):
        ledger.post(waiting)
    assert issue(datetime(2026, 10, 1, 0, 0, 59, tzinfo=UTC)) == 0
    assert issue(datetime(2026, 10, 1, 0, 2, tzinfo=UTC)) == 0
    with clock_at(datetime(2026, 10, 1, 0, 3, tzinfo=UTC)):
        ledger.post(ops.Void(call=waiting.call, reason="x"))

    assert issue(datetime(2026, 10, 1, 0, 4, tzinfo=UTC)) == 1


def test_a_workspace_without_a_movement_has_none(workspace):
    assert issue(NOVEMBER) == 0
    assert len(statements.bills_of(workspace)) == 1


def test_months_without_usage_are_issued_too(workspace):
    use(workspace, SEPTEMBER, USAGE)

    assert issue(datetime(2026, 12, 2, tzinfo=UTC)) == 3

    assert list(Statement.objects.order_by("month").values_list("total_nano", flat=True))[1:] == [0, 0]


def test_a_ledger_that_moved_meanwhile_is_read_again(workspace):
    use(workspace, SEPTEMBER, USAGE)
    with mock.patch.object(issuing, "ledger_change", return_value=1):
        assert issue(NOVEMBER) == 0

    assert issue(NOVEMBER) == 2


def test_one_workspace_does_not_keep_others_from_theirs(workspace, ada):
    from workspaces.people.services import create_workspace

    other = create_workspace(name="Other", owner=ada)
    use(workspace, SEPTEMBER, USAGE)
    use(other, SEPTEMBER, USAGE)
    build = issuing.building.build

    def fails(house, opening):
        if house == workspace:
            raise ValueError("no")
        return build(house, opening)

    with mock.patch.object(issuing.building, "build", fails):
        assert issue(NOVEMBER) == 2
    assert issue(NOVEMBER) == 2
    numbers = Statement.objects.order_by("month", "number").values_list("number", flat=True)
    assert list(numbers) == ["2026-09-0001", "2026-09-0002", "2026-10-0001", "2026-10-0002"]


@pytest.mark.django_db(transaction=True)
def test_two_that_issue_at_once_issue_it_once(workspace):
    use(workspace, SEPTEMBER, USAGE)
    start = threading.Barrier(2)
    counts = []

    def issues():
        start.wait()
        counts.append(services.issue_statements())
        connection.close()

    with clock_at(NOVEMBER):
        threads = [threading.Thread(target=issues) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sum(counts) == Statement.objects.count() == 2


def test_tick_issues_them(workspace, monkeypatch):
    from agents.engine import tick

    monkeypatch.setattr(tick, "_looked_at", {})
    use(workspace, SEPTEMBER, USAGE)
    with clock_at(NOVEMBER):
        tick.tick()
        assert Statement.objects.count() == 2


# --- what is issued stays --------------------------------------------------------------------------------------------
def test_the_database_refuses_to_change_it(issued):
    for table in ("billing_statement", "billing_statementline", "billing_meterreading"):
        assert refused(f"UPDATE {table} SET created_at = created_at"), table
        assert refused(f"DELETE FROM {table}"), table
        if connection.vendor == "postgresql":
            assert refused(f"TRUNCATE {table} CASCADE"), table
    assert Statement.objects.count() == 2


def test_it_counts_in_whole_numbers(workspace, issued):
    columns = [field.column for field in MeterReading._meta.concrete_fields]
    bads = [
        "9223372036854775807 + 1",
        "-1",
        *(["1.5"] if connection.vendor == "sqlite" else []),
    ]  # PostgreSQL rounds it
    for bad in bads:
        values = ", ".join(
            {"reading": bad, "id": f"'{'0' * 32}'", "model": "'x'"}.get(column, column) for column in columns
        )
        assert refused(
            f"INSERT INTO billing_meterreading ({', '.join(columns)}) SELECT {values} FROM billing_meterreading LIMIT 1"
        ), bad


def test_it_comes_back_as_it_was_issued(issued):
    bill = store.read(issued[0])

    assert store.hash_of(bill) == bill.sha256 == issued[0].sha256
    assert (bill.total_nano, bill.closing_nano, bill.carry_nano) == (
        issued[0].total_nano,
        issued[0].closing_nano,
        issued[0].carry_nano,
    )


def test_the_books_find_what_was_tampered_with(issued):
    assert services.books().checks["statements = ledger"] == 0
    for name, value in (
        ("total_nano", 1),
        ("opening_nano", 1),
        ("closing_reading", 1),
        ("carry_in_nano", 1),
        ("issued_to", "Somebody else"),
        ("period_start", SEPTEMBER),
    ):
        changed = Statement.objects.get(month=date(2026, 10, 1))
        setattr(changed, name, value)
        with mock.patch.object(check.Statement, "objects") as objects:
            objects.order_by.return_value.iterator.return_value = [issued[0], changed]
            assert check.difference() > 0, name


def test_the_books_find_an_entry_that_came_into_a_closed_month(workspace, issued):
    grant = Transfer.objects.get(code="grant")
    late = {name: getattr(grant, name) for name in ("workspace_id", "currency", "actor", "occurred_at")}
    with clock_at(OCTOBER):
        Transfer.objects.create(key="late", code="grant", amount_nano=5, debit=grant.debit, credit=grant.credit, **late)

    assert services.books().checks["statements = ledger"] == 5 + 1  # the amount, and one entry
    with connection.cursor() as cursor:
        name = "DROP TRIGGER billing_transfer_no_delete"
        cursor.execute(name if connection.vendor == "sqlite" else f"{name} ON billing_transfer")
        cursor.execute("DELETE FROM billing_transfer WHERE key = 'late'")
