"""What the ledger tells: figures of runs and workspaces, and the proof of the books."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from billing import figures, proof
from billing.contracts import (
    Books,
    DayRow,
    Grouping,
    Movement,
    RunFigures,
    StepFigures,
    UsageRow,
)
from billing.statements import issuing
from workspaces.people.models import Workspace
from wukong.kernel.clock import now


def run_figures(run: UUID) -> RunFigures:
    """Return what a run has cost, holds and used; zeros for a run that has not begun."""
    return figures.of_runs([run])[run]


def run_counted_nano(run: UUID) -> int:
    """Return what of a run's budget is spent and held, as the ledger counts it when a call is to be held."""
    return figures.counted_nano(run)


def runs_figures(runs: Iterable[UUID]) -> dict[UUID, RunFigures]:
    """Return the figures of many runs, by run, in three queries."""
    return figures.of_runs(runs)


def charges_of_run(run: UUID) -> dict[UUID | None, int]:
    """Return what each call of a run has cost by the ledger, in nano-units, corrections included.

    They make up the run's cost. None stands for what names no call.
    """
    return figures.charges(run)


def step_figures(run: UUID) -> dict[UUID, StepFigures]:
    """Return what the steps of a run have cost and used; steps without a call are not in it."""
    return figures.by_step(run)


def agent_figures(run: UUID) -> dict[str, StepFigures]:
    """Return what the agents of a run have cost and used."""
    return figures.by_agent(run)


def usage_by(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[UsageRow]:
    """Return usage and cost in [start, end): days (of the workspace's calendar) in order, others the dearest first."""
    return figures.by_group(workspace, start, end, by)


def spend_by_day(workspace: Workspace, start: datetime, end: datetime, by: Grouping) -> list[DayRow]:
    """Return charged tokens and cost of each day and project, agent or model: what a chart draws."""
    return figures.by_day(workspace, start, end, by)


def period_figures(workspace_id: UUID, start: datetime, end: datetime) -> StepFigures:
    """Return what a workspace has cost and used in [start, end)."""
    return figures.period(workspace_id, start, end)


def month_of(workspace: Workspace, moment: datetime | None = None) -> tuple[datetime, datetime]:
    """Return [start, end) of a calendar month in the workspace's time zone; by default of the current one."""
    return figures.month_of(workspace, moment or now())


def meter_reading(workspace_id: UUID) -> int:
    """Return all tokens that a workspace was ever charged for. Never falls."""
    return figures.reading(workspace_id)


def month_forecast(workspace: Workspace) -> int | None:
    """Return what the current month will have cost at the pace of the last two weeks; None before there is a pace."""
    return figures.month_forecast(workspace)


def movements(workspace_id: UUID, limit: int = 20) -> list[Movement]:
    """Return the latest movements of a wallet, newest first."""
    return figures.movements(workspace_id, limit)


def issue_statements() -> int:
    """Issue the statements of months that have ended (`tick` calls it); returns how many. Idempotent."""
    return issuing.issue_due()


def books() -> Books:
    """Compute the books again from the rows that cannot change, on one snapshot; `difference_nano` is 0."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return proof.books()
