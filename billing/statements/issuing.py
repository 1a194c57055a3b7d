"""Months that have ended become statements: once each, in order, by whichever process comes first."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError
from django.db.models import Exists, Min, OuterRef, Sum

from billing import periods
from billing.models import Hold, Transfer, Wallet
from billing.models.statements import MeterReading, Statement
from billing.statements import building, store
from billing.statements.bill import Bill, Opening, first_of_next, next_opening
from workspaces.people.models import Workspace
from wukong.kernel import committer
from wukong.kernel.clock import now

SETTLES = timedelta(minutes=1)
"""How long after its end a month is looked at: what was booked in it is durable, and no clock is that far behind."""
SWEEP = 500
MOST_MONTHS = 12
_EARLIEST_ZONE = timedelta(hours=14)
_log = logging.getLogger("wukong.billing")


def issue_due() -> int:
    """Issue the statements of finished months in which no hold is open any more; returns how many.

    Idempotent, and safe in several processes: a month is written under its wallet's lock, after a look whether it is
    there, and only if the ledger still says what it was built from.
    """
    at = now()
    issued = 0
    for workspace in _behind(at):
        try:
            issued += _issue(workspace, at)
        except Exception:  # noqa: BLE001 - one workspace must not keep the others from their statements
            _log.exception("statements of workspace %s; the next tick tries again", workspace.pk)
    return issued


def pending(workspace: Workspace) -> Iterator[tuple[Opening, Bill]]:
    """Yield the months that are not issued, from the oldest to the running one, each built on the one before."""
    at = now()
    opening = opening_of(workspace)
    while opening.start <= at:
        bill = building.build(workspace, opening)
        yield opening, bill
        opening = next_opening(opening, bill)


def opening_of(workspace: Workspace) -> Opening:
    """Return what the first month that is not issued begins with."""
    last = Statement.objects.filter(workspace=workspace).newest_first().first()
    if last is not None:
        readings = MeterReading.objects.filter(workspace=workspace, at__lte=last.period_end).order_by("at")
        return Opening(
            month=first_of_next(last.month),
            start=last.period_end,
            balance_nano=last.closing_nano,
            carry_nano=last.carry_nano,
            reading=last.closing_reading,
            readings={(row.model, row.meter): row.reading for row in readings},
        )
    first = Transfer.objects.filter(workspace=workspace).aggregate(at=Min("booked_at"))["at"]
    month = _month(workspace, first or now())
    return Opening(month=month, start=periods.midnight(month, ZoneInfo(workspace.time_zone)))


def _month(workspace: Workspace, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(workspace.time_zone)).date().replace(day=1)


def _behind(at: datetime) -> list[Workspace]:
    """Return workspaces whose last statement may be missing: that of the month before the one that it is somewhere."""
    this_month = (at + _EARLIEST_ZONE).date().replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    has_it = Exists(Statement.objects.filter(workspace=OuterRef("workspace"), month__gte=last_month))
    has_moved = Exists(Transfer.objects.filter(workspace=OuterRef("workspace")))
    wallets = Wallet.objects.filter(has_moved, ~has_it).select_related("workspace").order_by("pk")
    return [wallet.workspace for wallet in wallets[:SWEEP]]


def _issue(workspace: Workspace, at: datetime) -> int:
    opening = opening_of(workspace)
    for issued in range(MOST_MONTHS):
        end = building.end_of(workspace, opening)
        if end + SETTLES > at or Hold.objects.pending().filter(workspace=workspace, created_at__lt=end).exists():
            return issued
        bill = building.build(workspace, opening)
        if not _write(bill):
            return issued
        opening = next_opening(opening, bill)
    return MOST_MONTHS


def _write(bill: Bill) -> bool:
    try:
        return committer.submit(partial(_write_once, bill), is_money=True).result()
    except IntegrityError:  # another process has taken the number, or issued the month
        _log.info("statement %s of workspace %s was issued elsewhere", bill.month, bill.workspace_id)
        return False


def _write_once(bill: Bill) -> bool:
    Wallet.objects.select_for_update().get(workspace_id=bill.workspace_id)
    if Statement.objects.filter(workspace_id=bill.workspace_id, month__gte=bill.month).exists():
        return False
    if ledger_change(bill.workspace_id, bill.period_start, bill.period_end) != bill.closing_nano - bill.opening_nano:
        _log.warning("the ledger of workspace %s has moved in a closed month; it is built anew", bill.workspace_id)
        return False
    count = Statement.objects.filter(month=bill.month).count()
    store.write(bill, number=f"{bill.month:%Y-%m}-{count + 1:04d}", at=now())
    return True


def ledger_change(workspace_id: UUID, start: datetime, end: datetime) -> int:
    """Return what the entries of a period [start, end) changed in the wallet, by the ledger's own sums."""
    rows = building.booked(workspace_id, start, end)
    into: int = rows.filter(credit__kind="wallet").aggregate(sum=Sum("amount_nano"))["sum"] or 0
    out: int = rows.filter(debit__kind="wallet").aggregate(sum=Sum("amount_nano"))["sum"] or 0
    return into - out
