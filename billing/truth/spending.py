"""What the pace of spending says: how long a balance lasts, and which limits will not last. Reads, and tells."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Sum
from django.db.models.functions import TruncHour

from billing import budgets, periods
from billing.models import Alert, Budget, BudgetWindow, Level, UsageRecord, Wallet
from billing.truth import pace
from wukong.kernel import committer
from wukong.kernel.clock import now

LOOKS_BACK = timedelta(hours=pace.WEEK * pace.WEEKS)
KEPT_S = 3600
_FIELDS = {Level.PROJECT: "project", Level.SWARM: "swarm", Level.AGENT: "agent"}


def averages(workspace_id: UUID, at: datetime, level: str = Level.WORKSPACE, name: str = "") -> list[Fraction] | None:
    """Return the spending of each hour of the week of a workspace or a scope in it; None before a whole week.

    The history of a scope begins with its workspace's: an agent that is new has spent nothing before.
    """
    end = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    records = UsageRecord.objects.between(workspace_id, end - LOOKS_BACK, end).order_by()
    first = records.order_by("occurred_at").values_list("occurred_at", flat=True).first()
    if first is None:
        return None
    if level in _FIELDS:
        records = records.filter(**{_FIELDS[Level(level)]: name})
    rows = records.annotate(hour=TruncHour("occurred_at", tzinfo=UTC)).values("hour").annotate(nano=Sum("amount_nano"))
    spent: Mapping[int, int] = {pace.hour_of(row["hour"]): row["nano"] for row in rows}
    return pace.profile(spent, pace.hour_of(first), pace.hour_of(end))


def lasts_days(wallet: Wallet) -> int | None:
    """Return for how many whole days a wallet lasts at the pace of its weeks (credit that it may use counts).

    None before there is a pace, and when it lasts longer than a year.
    """
    at = now()
    key = f"pace:{wallet.workspace_id}:{pace.hour_of(at)}"  # whole hours only: within one they stay as they are
    found = cache.get(key)
    if found is None:
        found = averages(wallet.workspace_id, at)
        if found is None:
            return None
        cache.set(key, found, KEPT_S)
    hours = pace.hours_left(wallet.balance_nano + wallet.credit_limit_nano, found, pace.hour_of(at))
    return None if hours is None else hours // 24


def tell_of_limits() -> int:
    """Tell of limits that will be reached before their period ends, once for each period; returns how many."""
    at = now()
    found = list(Budget.objects.exclude(period="once").filter(limit_nano__gt=0).select_related("workspace"))
    counters = {one.pk: _counter(one, at) for one in found}
    windows = {row.key: row for row in BudgetWindow.objects.filter(key__in=[key for key, _end in counters.values()])}
    told = set(
        Alert.objects.filter(window__in=[row.pk for row in windows.values()], threshold__in=(0, 100)).values_list(
            "window", flat=True
        )
    )
    count = 0
    for one in found:
        key, end = counters[one.pk]
        window = windows.get(key)
        if window is None or window.pk in told or not window.meant_nano or not window.spent_nano:
            continue
        if window.spent_nano < window.meant_nano and _will_reach(one, window, at, end):
            count += committer.run(partial(_tell, window, one.workspace_id))
    return count


def _counter(budget: Budget, at: datetime) -> tuple[str, datetime]:
    """Return the key of the counter that counts now, and the end of its period."""
    zone = ZoneInfo(budget.workspace.time_zone)
    first = periods.first_day(budget.period, at, zone)
    if first is None:
        raise ValueError("a limit in all has no period")
    return budgets.key_of(budget, first), periods.midnight(periods.end_day(budget.period, first), zone)


def _will_reach(budget: Budget, window: BudgetWindow, at: datetime, end: datetime) -> bool:
    found = averages(budget.workspace_id, at, budget.level, budget.name)
    if found is None:
        return False
    to_come = pace.until(found, pace.hour_of(at), pace.hour_of(end))
    return window.spent_nano + to_come >= (window.meant_nano or 0)


def _tell(window: BudgetWindow, workspace_id: UUID) -> int:
    alert = Alert(
        window=window,
        workspace_id=workspace_id,
        threshold=0,
        spent_nano=window.spent_nano,
        limit_nano=window.meant_nano or 0,
    )
    if Alert.objects.filter(window=window, threshold=0).exists():
        return 0
    Alert.objects.bulk_create([alert], ignore_conflicts=True)
    return int(Alert.objects.filter(pk=alert.pk).exists())
