"""What people see of budgets: each limit with its counter of the period that runs, and what they were told."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from billing import periods
from billing.contracts import AlertRow, BudgetRow
from billing.models import Alert, Budget, BudgetWindow, Level, UsageRecord
from workspaces.people.models import Workspace
from wukong.kernel.clock import now

_ORDER = {level: place for place, level in enumerate(Level.values)}


def row_of(budget: Budget, window: BudgetWindow | None, currency: str, at: datetime, zone: ZoneInfo) -> BudgetRow:
    """Return a limit with what has been spent of it; nothing without a counter."""
    first = periods.first_day(budget.period, at, zone)
    return BudgetRow(
        id=budget.pk,
        level=budget.level,
        name=budget.name,
        period=budget.period,
        limit_nano=budget.limit_nano,
        is_hard=budget.is_hard,
        spent_nano=window.spent_nano if window is not None else 0,
        held_nano=window.held_nano if window is not None else 0,
        currency=currency,
        ends_at=None if first is None else periods.midnight(periods.end_day(budget.period, first), zone),
    )


def rows_of(budgets: Sequence[Budget]) -> list[BudgetRow]:
    """Return limits of any workspaces, in their order, with what is spent of them in the period that runs."""
    at, places = now(), []
    for one in budgets:
        zone = ZoneInfo(one.workspace.time_zone)
        places.append((one, zone, key_of(one, periods.first_day(one.period, at, zone))))
    windows = {row.key: row for row in BudgetWindow.objects.filter(key__in=[key for _one, _zone, key in places])}
    return [row_of(one, windows.get(key), one.workspace.currency, at, zone) for one, zone, key in places]


def of_workspace(workspace: Workspace) -> list[BudgetRow]:
    """Return the limits of a workspace, the widest first."""
    found = rows_of(list(Budget.objects.filter(workspace=workspace).select_related("workspace")))
    return sorted(found, key=lambda row: (_ORDER[row.level], row.name))


def key_of(budget: Budget, first: date | None) -> str:
    """Return the key of a budget's counter of one period."""
    return periods.counter_key(budget.level, budget.workspace_id, budget.name, first)


def room(workspace_id: UUID, names: Mapping[str, str]) -> tuple[int, str] | None:
    """Return what the nearest hard limit of these scopes (`names` by level) leaves, and its level; None without one."""
    found = Budget.objects.filter(workspace=workspace_id, is_hard=True).select_related("workspace")
    limits = rows_of([one for one in found if names.get(one.level) == one.name])
    return min(((row.left_nano, row.level) for row in limits), default=None)


def alerts_of(workspace: Workspace, limit: int) -> list[AlertRow]:
    """Return the latest alerts, newest first."""
    found = Alert.objects.filter(workspace=workspace).select_related("window").order_by("-id")[:limit]
    return [alert_row(alert) for alert in found]


def alert_row(alert: Alert) -> AlertRow:
    return AlertRow(
        level=alert.window.level,
        name=alert.window.name,
        threshold=alert.threshold,
        spent_nano=alert.spent_nano,
        limit_nano=alert.limit_nano,
        at=alert.created_at,
    )


def title_of(level: str, name: str, names: Mapping[str, str]) -> str:
    """Return what a scope is called; `names` of projects by id."""
    match level:
        case "workspace":
            return _("The whole workspace")
        case "project":
            return _("Project “%(name)s”") % {"name": names.get(name, name)}
        case "swarm":
            return _("Swarm “%(name)s”") % {"name": name.capitalize()}
    return _("Agent “%(name)s”") % {"name": name}


def spenders(workspace_id: UUID) -> tuple[list[str], list[str]]:
    """Return the names of the agents and of the swarms that have used anything in a workspace."""
    used = UsageRecord.objects.filter(workspace_id=workspace_id).order_by()
    agents = used.exclude(agent="").values_list("agent", flat=True).distinct()
    return sorted(agents), sorted(used.exclude(swarm="").values_list("swarm", flat=True).distinct())
