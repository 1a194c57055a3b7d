"""What the ledger says when asked: figures of runs, usage, and the proof that the books close. Reads only."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate

from billing import periods
from billing.contracts import DayRow, Grouping, Movement, RunFigures, StepFigures, Usage, UsageRow
from billing.models import AccountKind, Hold, HoldState, Transfer, TransferCode, UsageRecord
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


def charges(run: UUID) -> dict[UUID | None, int]:
    """Return what each call of a run has cost by the ledger, corrections included; None: what names no call."""
    return _moved(Transfer.objects.filter(run=run), "call")


def _moved(transfers: QuerySet[Transfer], by: str) -> dict[Any, int]:
    """Return by a column what moved from wallets to our revenue, less what moved back."""
    out = Sum("amount_nano", filter=Q(credit__kind=AccountKind.REVENUE), default=0)
    back = Sum("amount_nano", filter=Q(debit__kind=AccountKind.REVENUE), default=0)
    rows = transfers.order_by().values(by).annotate(out=out, back=back)
    return {row[by]: row["out"] - row["back"] for row in rows}


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
    """Return what a workspace used in [start, end)."""
    return _figures(UsageRecord.objects.between(workspace_id, start, end).aggregate(**_sums()))


def by_group(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[UsageRow]:
    """Return usage and cost in [start, end): days in their order, others the dearest first."""
    records = _days(UsageRecord.objects.between(workspace.pk, start, end), workspace)
    found = [
        UsageRow(
            key=_key(row[by]),
            usage=_usage(row),
            cost_nano=row["cost"],
            not_charged_tokens=row["not_charged_tokens"],
            currency=workspace.currency,
        )
        for row in _grouped(records, by)
    ]
    if by == "day":
        return sorted(found, key=lambda row: row.key)
    return sorted(found, key=lambda row: (-row.cost_nano, -row.usage.total_tokens, row.key))


def by_day(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[DayRow]:
    """Return charged tokens and cost for each day of the workspace's calendar and each project, agent or model."""
    records = _days(UsageRecord.objects.between(workspace.pk, start, end).charged(), workspace)
    rows = records.values("day", by).annotate(tokens=Sum(_ALL), cost=Sum("amount_nano")).order_by("day")
    return [DayRow(day=row["day"], key=_key(row[by]), tokens=row["tokens"], cost_nano=row["cost"]) for row in rows]


def _days(records: QuerySet[Any], workspace: Workspace) -> QuerySet[Any]:
    dated: QuerySet[Any] = records.annotate(day=TruncDate("occurred_at", tzinfo=ZoneInfo(workspace.time_zone)))
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

    None while there are fewer than three days to go by: a guess would not be a forecast.
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
    recent = period(workspace.pk, since, moment).cost_nano
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
