"""The limits page: what each scope may spend in a period, how much of it is used, and what people were told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing import services
from billing.budgets import title_of
from billing.contracts import AlertRow, BudgetRow
from workspaces.documents import access as documents
from workspaces.people.models import User, Workspace

_WARNS_AT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """One limit by name; money in nano-units. `key` is what its form sends: `level:name`."""

    key: str
    title: str
    period: str
    row: BudgetRow

    @property
    def is_near(self) -> bool:
        return _WARNS_AT <= self.row.used_percent < 100

    @property
    def is_reached(self) -> bool:
        return self.row.used_percent >= 100

    @property
    def shares(self) -> Sequence[tuple[str, int]]:
        hue = "rose" if self.is_reached else "amber" if self.is_near else "violet"
        return [(hue, min(self.row.spent_nano, self.row.limit_nano))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert in words."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsPage:
    """What templates/billing/limits.html shows."""

    currency: str
    limits: Sequence[LimitRow]
    told: Sequence[Told]


def page_of(user: User, workspace: Workspace) -> LimitsPage:
    """Return the limits of a workspace, the widest first, and the latest alerts."""
    names = _names(user, workspace)
    return LimitsPage(
        currency=workspace.currency,
        limits=[
            LimitRow(
                key=f"{row.level}:{row.name}",
                title=title_of(row.level, row.name, names),
                period=period_of(row.period),
                row=row,
            )
            for row in services.budgets_of(workspace)
        ],
        told=[Told(text=told(alert, names), at=alert.at) for alert in services.alerts_of(workspace)],
    )


def scopes(user: User, workspace: Workspace) -> list[tuple[str, str]]:
    """Return what a limit can be set for, as (`level:name`, label)."""
    found = [("workspace:", _("The whole workspace"))]
    names = _names(user, workspace, is_archived=False)
    found += [(f"project:{pk}", title_of("project", pk, names)) for pk in names]
    agents, swarms = services.spenders_of(workspace.pk)
    found += [(f"swarm:{name}", title_of("swarm", name, {})) for name in swarms]
    found += [(f"agent:{name}", title_of("agent", name, {})) for name in agents]
    return found


def period_of(period: str) -> str:
    """Return how long a limit counts."""
    return {"day": _("each day"), "week": _("each week"), "month": _("each month"), "once": _("in all")}[period]


def told(alert: AlertRow, names: Mapping[str, str]) -> str:
    """Return an alert in words."""
    words = {"scope": title_of(alert.level, alert.name, names), "percent": alert.threshold}
    if alert.threshold == 0:
        return _("%(scope)s: at its pace the limit will be reached before the period ends.") % words
    if alert.is_exceeded:
        return _("%(scope)s: the limit is exceeded.") % words
    return _("%(scope)s: %(percent)d %% of the limit are used.") % words


def _names(user: User, workspace: Workspace, *, is_archived: bool | None = None) -> Mapping[str, str]:
    projects = documents.projects_seen_by(user).filter(workspace=workspace)
    if is_archived is not None:
        projects = projects.filter(archived_at__isnull=not is_archived)
    return {str(project.pk): project.name for project in projects}
