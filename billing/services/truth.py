"""What the meter says about itself and about what comes."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from uuid import UUID

from billing.contracts import Likely, Rejected
from billing.models import Wallet
from billing.truth import history, reconciling, spending, wasted
from billing.truth.contracts import Exported, Reconciliation, WasteReport
from workspaces.people.models import Workspace
from wukong.kernel import committer


def reconcile(first: date, last: date, exported: Sequence[Exported] = ()) -> Reconciliation:
    """Return what providers counted, what we counted and what the ledger moved, by day (of UTC, both count) and model.

    `exported` is a provider's own list of these days (billing.truth.export). Nothing is changed by it.
    """
    return reconciling.read(first, last, exported)


def watch_drift() -> int:
    """Tell operators of counts that drift apart, once for each model and day (`tick` calls it); returns how many."""
    return reconciling.watch()


def waste_of(workspace: Workspace, start: datetime, end: datetime) -> WasteReport:
    """Return what a workspace has paid for in [start, end) without need, and what failed and was not charged."""
    return wasted.report(workspace, start, end)


def note_rejected(*, workspace_id: UUID, words: Sequence[Rejected]) -> None:
    """Note words of calls that were taken back, for the report of waste. No money moves. Idempotent."""
    committer.run(partial(wasted.keep, workspace_id, words))


async def anote_rejected(*, workspace_id: UUID, words: Sequence[Rejected]) -> None:
    """As `note_rejected`, for a loop."""
    await committer.arun(partial(wasted.keep, workspace_id, words))


def lasts_days(workspace_id: UUID) -> int | None:
    """Return for how many whole days a balance lasts at the pace of the last weeks.

    None while there is less than a week to go by, and for longer than a year.
    """
    wallet = Wallet.objects.filter(workspace_id=workspace_id).first()
    return None if wallet is None else spending.lasts_days(wallet)


def tell_of_limits() -> int:
    """Tell of limits that will be reached before their period ends (`tick` calls it); returns how many. Idempotent."""
    return spending.tell_of_limits()


def likely_cost(*, workspace_id: UUID, model: str, agents: Sequence[str]) -> Likely | None:
    """Return what a run with a step of each of these agents will likely cost; None with too little history."""
    return history.likely_cost(workspace_id, model, agents)
