"""What the ledger says when asked: figures of runs, usage, and the proof that the books close. Reads only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate

from billing import periods
from billing.contracts import DayRow, Grouping, Movement, RunFigures, StepFigures, Usage, UsageRow
from billing.models import AccountKind, BudgetWindow, Hold, HoldState, Level, Transfer, TransferCode, UsageRecord
from workspaces.people.models import Workspace
from wukong.kernel.clock import now

FORECAST_NEEDS = timedelta(days=3)
FORECAST_LOOKS_BACK = timedelta(days=14)
_ALL = sum((F(meter) for meter in UsageRecord.METERS[1:]), F(UsageRecord.METERS[0]))


def _sums() -> dict[str, Any]:
    """Return the aggregates of usage: charged tokens by meter, cost, what was not charged, whether we had to count."""
    charged = Q(not_charged="")
    sums: dict[str, Any] = {f"sum_{meter}": Coalesce(Sum(meter, filter=charged), 0) for meter in UsageRecord.METERS}
    own = Case(When(charged & Q(source="own"), then=Value(1)), default=Value(0), output_field=IntegerField())
    return sums | {
        "cost": Coalesce(Sum("amount_nano"), 0),
        "not_charged_tokens": Coalesce(Sum(_ALL, filter=~charged), 0),
        "own_counts": Coalesce(Sum(own), 0),
    }


def _grouped(records: QuerySet[Any], by: str) -> Iterable[Mapping[str, Any]]:
    rows: Iterable[Mapping[str, Any]] = records.order_by().values(by).annotate(**_sums())
    return rows


def _usage(row: Mapping[str, Any]) -> Usage:
    return Usage(**{meter: row[f"sum_{meter}"] for meter in UsageRecord.METERS}, estimated=row["own_counts"] > 0)


def _figures(row: Mapping[str, Any], corrected_nano: int = 0) -> StepFigures:
    cost = row["cost"] + corrected_nano
    return StepFigures(cost_nano=cost, usage=_usage(row), not_charged_tokens=row["not_charged_tokens"])


# --- runs -----------------------------------------------------------------------------------------------------------
def of_runs(runs: Iterable[UUID]) -> dict[UUID, RunFigures]:
    """Return the figures of each run, also of those that the ledger has never heard of."""
    wanted = list(runs)
    open_holds = Hold.objects.of_runs(wanted).pending().values("run").annotate(held=Sum("amount_nano"))
    held = dict(open_holds.values_list("run", "held"))
    rows = {row["run"]: row for row in _grouped(UsageRecord.objects.of_runs(wanted), "run")}
    corrected = _corrections(wanted, "run")
    found = {}
    for run in wanted:
        row = rows.get(run)
        found[run] = RunFigures(
            cost_nano=(row["cost"] if row else 0) + corrected.get(run, 0),
            usage=_usage(row) if row else Usage(),
            not_charged_tokens=row["not_charged_tokens"] if row else 0,
            held_nano=held.get(run, 0),
        )
    return found


def counted_nano(run: UUID) -> int:
    """Return what counts against a run's budget: spent and held as its counter has it.

    Not what the run has cost: an operator's adjustment of a call is part of that, and moves no counter.
    """
    key = periods.counter_key(Level.RUN, run, str(run), None)
    window = BudgetWindow.objects.filter(key=key).first()
    return window.spent_nano + window.held_nano if window is not None else 0


def charges(run: UUID) -> dict[UUID | None, int]:
    """Return what each call of a run has cost by the ledger, corrections included; None: what names no call."""
    return _moved(Transfer.objects.filter(run=run), "call")


def _moved(transfers: QuerySet[Any], *by: str) -> dict[Any, int]:
    """Return by a column, or by several as a tuple, what moved from wallets to our revenue, less what moved back."""
    out = Sum("amount_nano", filter=Q(credit__kind=AccountKind.REVENUE), default=0)
    back = Sum("amount_nano", filter=Q(debit__kind=AccountKind.REVENUE), default=0)
    charges = transfers.filter(Q(credit__kind=AccountKind.REVENUE) | Q(debit__kind=AccountKind.REVENUE))
    rows = charges.order_by().values_list(*by).annotate(out=out, back=back)
    return {key[0] if len(by) == 1 else tuple(key): got - gone for *key, got, gone in rows}


def _corrections(runs: Collection[UUID], by: str) -> dict[Any, int]:
    """Return by a column what was corrected after the charge of a call: its record says what was charged at first."""
    return _moved(Transfer.objects.filter(run__in=runs, code=TransferCode.ADJUST), by)


def by_step(run: UUID) -> dict[UUID, StepFigures]:
    """Return the figures of a run's steps that have any."""
    rows = _grouped(UsageRecord.objects.of_runs([run]).exclude(step=None), "step")
    corrected = _corrections([run], "step")
    return {row["step"]: _figures(row, corrected.get(row["step"], 0)) for row in rows}


def by_agent(run: UUID) -> dict[str, StepFigures]:
    """Return the figures of a run's agents that have any."""
    rows = _grouped(UsageRecord.objects.of_runs([run]), "agent")
    corrected = _corrections([run], "agent")
    return {row["agent"]: _figures(row, corrected.get(row["agent"], 0)) for row in rows}


# --- workspaces -----------------------------------------------------------------------------------------------------
def reading(workspace_id: UUID) -> int:
    """Return the workspace's meter: all tokens that it was ever charged for. Never falls."""
    total: int | None = UsageRecord.objects.between(workspace_id, None, None).charged().aggregate(n=Sum(_ALL))["n"]
    return total or 0


def period(workspace_id: UUID, start: datetime, end: datetime) -> StepFigures:
    """Return what a workspace used in [start, end), and what it was charged then: see `_charged`."""
    used = UsageRecord.objects.between(workspace_id, start, end).aggregate(**_sums())
    charged = _moved(_booked(workspace_id, start, end), "workspace")
    return replace(_figures(used), cost_nano=charged.get(workspace_id, 0))


def by_group(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[UsageRow]:
    """Return usage and charges (see `_charged`) in [start, end): days in their order, others the dearest first."""
    records = _days(UsageRecord.objects.between(workspace.pk, start, end), workspace, "occurred_at")
    used = {_key(row[by]): row for row in _grouped(records, by)}
    charged = {_key(key): nano for key, nano in _charged(workspace, start, end, by).items()}
    found = []
    for key in used.keys() | charged.keys():
        row = used.get(key)
        found.append(
            UsageRow(
                key=key,
                usage=_usage(row) if row else Usage(),
                cost_nano=charged.get(key, 0),
                not_charged_tokens=row["not_charged_tokens"] if row else 0,
                currency=workspace.currency,
            )
        )
    if by == "day":
        return sorted(found, key=lambda row: row.key)
    return sorted(found, key=lambda row: (-row.cost_nano, -row.usage.total_tokens, row.key))


def by_day(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[DayRow]:
    """Return charged tokens and charges (see `_charged`) for each day and each project, agent or model."""
    records = _days(UsageRecord.objects.between(workspace.pk, start, end).charged(), workspace, "occurred_at")
    used = {(row["day"], row[by]): row["n"] for row in records.order_by().values("day", by).annotate(n=Sum(_ALL))}
    charged = _charged(workspace, start, end, "day", by)
    keys = sorted(used.keys() | charged.keys(), key=lambda key: (key[0], _key(key[1])))
    return [
        DayRow(day=day, key=_key(key), tokens=used.get((day, key), 0), cost_nano=charged.get((day, key), 0))
        for day, key in keys
    ]


def _booked(workspace_id: UUID, start: datetime, end: datetime) -> QuerySet[Transfer]:
    return Transfer.objects.filter(workspace_id=workspace_id, booked_at__gte=start, booked_at__lt=end)


def _charged(workspace: Workspace, start: datetime, end: datetime, *by: str) -> dict[Any, int]:
    """Return by columns what a workspace was charged in [start, end), corrections and adjustments included.

    Money is counted as on a statement: what moved between the wallet and our revenue, in the period in which it was
    booked. A correction of an earlier call therefore counts when it comes, and may make a group's charge negative.
    """
    return _moved(_days(_booked(workspace.pk, start, end), workspace, "booked_at"), *by)


def _days(rows: QuerySet[Any], workspace: Workspace, moment: str) -> QuerySet[Any]:
    dated: QuerySet[Any] = rows.annotate(day=TruncDate(moment, tzinfo=ZoneInfo(workspace.time_zone)))
    return dated


def _key(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def month_of(workspace: Workspace, moment: datetime) -> tuple[datetime, datetime]:
    """Return [start, end) of the calendar month around a moment, in the workspace's time zone."""
    zone = ZoneInfo(workspace.time_zone)
    first = moment.astimezone(zone).date().replace(day=1)
    return periods.midnight(first, zone), periods.midnight(periods.end_day("month", first), zone)


def month_forecast(workspace: Workspace) -> int | None:
    """Return what the month will have cost: what it has cost, and the last two weeks' pace for what is left of it.

    The pace is that of usage: what was corrected by hand does not come again each day. None while there are fewer than
    three days to go by: a guess would not be a forecast.
    """
    moment = now()
    start, end = month_of(workspace, moment)
    first = (
        UsageRecord.objects.between(workspace.pk, None, None)
        .order_by("occurred_at")
        .values_list("occurred_at", flat=True)
    ).first()
    if first is None or moment - first < FORECAST_NEEDS:
        return None
    since = max(first, moment - FORECAST_LOOKS_BACK)
    used = UsageRecord.objects.between(workspace.pk, since, moment)
    recent: int = used.aggregate(nano=Sum("amount_nano", default=0))["nano"]
    rest = recent * int((end - moment).total_seconds()) // max(int((moment - since).total_seconds()), 1)
    return period(workspace.pk, start, moment).cost_nano + rest


def movements(workspace_id: UUID, limit: int) -> list[Movement]:
    """Return the latest transfers of a workspace, newest first."""
    rows = Transfer.objects.filter(workspace_id=workspace_id).select_related("debit").order_by("-id")[:limit]
    return [
        Movement(
            code=row.code,
            label=str(TransferCode(row.code).label),
            signed_nano=-row.amount_nano if row.debit.kind == AccountKind.WALLET else row.amount_nano,
            booked_at=row.booked_at,
            run=row.run,
            agent=row.agent,
            model=row.model,
        )
        for row in rows
    ]


def runs_that_hold() -> list[UUID]:
    """Return the runs for which money is held."""
    held = Hold.objects.pending().exclude(run=None).order_by("run").values_list("run", flat=True).distinct()
    return [run for run in held if run is not None]


def open_calls(run: UUID) -> list[UUID]:
    """Return the calls of a run whose money is still held, oldest first."""
    held = Hold.objects.of_runs([run]).filter(state=HoldState.PENDING, call__isnull=False)
    return [call for call in held.order_by("id").values_list("call", flat=True) if call is not None]
