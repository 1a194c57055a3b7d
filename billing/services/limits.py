"""What scopes may spend, and what people are told of it."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from billing import alerts, budgets, ledger, ops
from billing.contracts import (
    AlertRow,
    BudgetRow,
)
from billing.models import Budget, Level, Period
from workspaces.people.models import Workspace
from wukong.kernel.errors import Invalid
from wukong.kernel.money import LIMIT_NANO


def set_budget(
    *, workspace_id: UUID, level: str, name: str = "", period: str, limit_nano: int, is_hard: bool = True, actor: str
) -> BudgetRow:
    """Limit what a scope may spend in a day, week, month (of the workspace's calendar) or once; from the next hold on.

    `level` workspace, project (`name` its id), swarm or agent (`name`). Raises Invalid, NotFound.
    """
    if level not in Level.values or level == Level.RUN or (level == Level.WORKSPACE) != (not name):
        raise Invalid(_("There is no such limit."), {"level": [_("There is no such limit.")]})
    if period not in Period.values:
        raise Invalid(_("There is no such period."), {"period": [_("One of day, week, month, once.")]})
    if not 0 <= limit_nano <= LIMIT_NANO:
        raise Invalid(_("A limit is 0 or more."), {"limit": [_("A limit is 0 or more.")]})
    return ledger.post(
        ops.SetBudget(
            workspace_id=workspace_id,
            level=level,
            name=name[:80],
            period=period,
            limit_nano=limit_nano,
            is_hard=is_hard,
            actor=actor,
        )
    )


def drop_budget(*, workspace_id: UUID, level: str, name: str = "") -> None:
    """Limit a scope no more. Nothing happens where there is no limit."""
    ledger.post(ops.DropBudget(workspace_id=workspace_id, level=level, name=name))


def budgets_of(workspace: Workspace) -> list[BudgetRow]:
    """Return the limits of a workspace with what is spent of them in the period that runs, the widest first."""
    return budgets.of_workspace(workspace)


def budget_rows(found: Sequence[Budget]) -> list[BudgetRow]:
    """Return these limits, in their order, with what is spent of them in the period that runs."""
    return budgets.rows_of(found)


def room_of(*, workspace_id: UUID, project: UUID | None, swarm: str, agent: str) -> tuple[int, str] | None:
    """Return what a call may still hold under the hard limits above it, and the nearest one's level; None without one.

    The limit of its run is the run's own, and not in it.
    """
    names = {Level.WORKSPACE: "", Level.PROJECT: str(project or ""), Level.SWARM: swarm, Level.AGENT: agent}
    return budgets.room(workspace_id, {str(level): name for level, name in names.items()})


def alerts_of(workspace: Workspace, limit: int = 20) -> list[AlertRow]:
    """Return what people were told about the limits of a workspace, newest first."""
    return budgets.alerts_of(workspace, limit)


def spenders_of(workspace_id: UUID) -> tuple[list[str], list[str]]:
    """Return the names of the agents and of the swarms that have used anything in a workspace."""
    return budgets.spenders(workspace_id)


def mail_alerts() -> int:
    """Mail to owners and admins what has not been mailed yet (`tick` calls it); returns how many alerts that were."""
    return alerts.mail()
