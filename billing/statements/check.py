"""The proof of statements: what they say is what the ledger says, to the nano-unit."""

from uuid import UUID

from django.db.models import Min, Sum

from billing.models import Transfer
from billing.models.statements import MeterReading, Statement
from billing.statements import building, issuing, store
from billing.statements.bill import Bill


def apart(bill: Bill) -> int:
    """Return by how much a bill differs from the ledger, in nano-units: its charges, its balances, its entries."""
    rows = building.booked(bill.workspace_id, bill.period_start, bill.period_end)
    to_revenue: int = rows.filter(credit__kind="revenue").aggregate(sum=Sum("amount_nano"))["sum"] or 0
    from_revenue: int = rows.filter(debit__kind="revenue").aggregate(sum=Sum("amount_nano"))["sum"] or 0
    change = issuing.ledger_change(bill.workspace_id, bill.period_start, bill.period_end)
    return (
        abs(to_revenue - from_revenue - bill.charged_nano)
        + abs(change - (bill.closing_nano - bill.opening_nano))
        + abs(rows.count() - bill.entries)
    )


def difference() -> int:
    """Return the sum of all differences between issued statements and the ledger; 0 when the books close.

    Each month begins where the one before it ended, in money, rest, reading and time; nothing was booked before the
    first; the readings are those of the meters; what a statement says still has its hash (a wrong one counts 1).
    """
    found = 0
    before: dict[UUID, Statement] = {}
    for statement in Statement.objects.order_by("workspace_id", "month").iterator():
        bill = store.read(statement)
        found += apart(bill) + _stored(statement, bill) + _follows(before.get(statement.workspace_id), statement)
        before[statement.workspace_id] = statement
    return found + sum(_readings(last) for last in before.values())


def _stored(statement: Statement, bill: Bill) -> int:
    return (
        abs(statement.total_nano - bill.total_nano)
        + abs(statement.carry_nano - bill.carry_nano)
        + abs(statement.closing_nano - bill.closing_nano)
        + abs(statement.closing_reading - bill.closing_reading)
        + int(store.hash_of(bill) != statement.sha256)
    )


def _follows(last: Statement | None, statement: Statement) -> int:
    if last is None:
        early = Transfer.objects.filter(workspace_id=statement.workspace_id).aggregate(at=Min("booked_at"))["at"]
        return (
            abs(statement.opening_nano)
            + abs(statement.carry_in_nano)
            + statement.opening_reading
            + int(early is not None and early < statement.period_start)
        )
    return (
        abs(statement.opening_nano - last.closing_nano)
        + abs(statement.carry_in_nano - last.carry_nano)
        + abs(statement.opening_reading - last.closing_reading)
        + int(statement.period_start != last.period_end)
    )


def _readings(last: Statement) -> int:
    """Compare the meters' last readings with what the workspace was charged for until then."""
    meters: dict[tuple[str, str], int] = {}
    for row in MeterReading.objects.filter(workspace_id=last.workspace_id, at__lte=last.period_end).order_by("at"):
        meters[row.model, row.meter] = row.reading
    return abs(sum(meters.values()) - last.closing_reading)
