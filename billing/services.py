"""The verbs of the meter, and what it tells: the door through which the appliances come.

A call of a model: `authorise` (money is held, `max_tokens` lowered to what it can pay) → stream, `extend` for long
ones → `settle`, or `mark_not_charged` when we failed, or `void` when nothing was sent. All go through the ledger: they
block until the answer is durable, may be repeated, must not be called inside a transaction. Twins with an `a` await.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import NotRequired, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing import cards, figures, ledger, ops, pricing, proof, rules
from billing.contracts import (
    Authorisation,
    Balance,
    Books,
    Charge,
    DayRow,
    Grouping,
    Movement,
    PriceMissing,
    RateRow,
    RunFigures,
    StepFigures,
    Usage,
    UsageRow,
)
from billing.models import Hold, Wallet
from workspaces.people.models import Workspace
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import parse_amount

__all__ = [
    "Authorisation",
    "Balance",
    "Books",
    "Charge",
    "DayRow",
    "Movement",
    "PriceMissing",
    "RateRow",
    "RunFigures",
    "StepFigures",
    "Usage",
    "UsageRow",
]

FLOOR_TOKENS = 16
MAX_KEY = 120
SWEEP = 500


# --- one call -------------------------------------------------------------------------------------------------------
class Asked(TypedDict):
    """What a call asks for: who pays for what, and how large it can become."""

    call: UUID
    workspace_id: UUID
    model: str
    run: UUID | None
    step: UUID | None
    project: UUID | None
    agent: str
    input_bound: int
    max_tokens: int
    floor_tokens: NotRequired[int]
    run_budget_nano: NotRequired[int | None]


def authorise(**asked: Unpack[Asked]) -> Authorisation:
    """Hold the dearest that a call can become against its wallet and its run's budget. Key: `call:<call>`.

    `input_bound` tokens in are priced at the dearest input meter; `max_tokens` out are lowered to what is affordable
    (reasoning counts as output) and have to be sent so. The budget is for the whole run; None: as far as the wallet
    goes. Raises InsufficientFunds below `floor_tokens` (16; details: scope wallet or run, missing, available, and both
    with the `needed` of the whole call also as *_nano), PriceMissing, NotFound, IdempotencyMismatch.
    """
    return ledger.post(_hold(asked))


async def aauthorise(**asked: Unpack[Asked]) -> Authorisation:
    """As `authorise`, for a loop."""
    return await ledger.apost(_hold(asked))


def _hold(asked: Asked) -> ops.Hold:
    if asked["input_bound"] < 0 or asked["max_tokens"] < 1:
        raise ValueError(f"a call has at least 0 tokens in and 1 out: {asked}")
    return ops.Hold(
        call=asked["call"],
        workspace_id=asked["workspace_id"],
        model=asked["model"][:120],
        run=asked["run"],
        step=asked["step"],
        project=asked["project"],
        agent=asked["agent"][:80],
        input_bound=asked["input_bound"],
        max_tokens=asked["max_tokens"],
        floor_tokens=asked.get("floor_tokens", FLOOR_TOKENS),
        run_budget_nano=asked.get("run_budget_nano"),
    )


def extend(*, call: UUID, max_tokens: int, written_tokens: int = 0) -> Authorisation:
    """Say that a call is alive and has written so much; let it write up to `max_tokens` in all, as far as affordable.

    Raises InsufficientFunds when it may not write more than it already may (the sign of life counts all the same),
    NotFound, and Conflict after its end.
    """
    return ledger.post(ops.Extend(call=call, max_tokens=max_tokens, checkpoint_tokens=written_tokens))


async def aextend(*, call: UUID, max_tokens: int, written_tokens: int = 0) -> Authorisation:
    """As `extend`, for a loop."""
    return await ledger.apost(ops.Extend(call=call, max_tokens=max_tokens, checkpoint_tokens=written_tokens))


def settle(*, call: UUID, usage: Usage) -> Charge:
    """Charge what a call used, at most what was held, once.

    After the hold has expired: at most what is left. Raises NotFound without a hold, Conflict when it was given back,
    IdempotencyMismatch for another usage than the first time.
    """
    return ledger.post(ops.Capture(call=call, usage=usage))


async def asettle(*, call: UUID, usage: Usage) -> Charge:
    """As `settle`, for a loop."""
    return await ledger.apost(ops.Capture(call=call, usage=usage))


def void(*, call: UUID, reason: str) -> Charge:
    """Give a hold back. Nothing happens without one, or after its end."""
    return ledger.post(ops.Void(call=call, reason=reason))


async def avoid(*, call: UUID, reason: str) -> Charge:
    """As `void`, for a loop."""
    return await ledger.apost(ops.Void(call=call, reason=reason))


def mark_not_charged(*, call: UUID, usage: Usage, reason: str) -> Charge:
    """Give a hold back and book what was used at no charge, once. Raises NotFound, and Conflict when it was charged."""
    return ledger.post(ops.NotCharged(call=call, usage=usage, reason=reason))


async def amark_not_charged(*, call: UUID, usage: Usage, reason: str) -> Charge:
    """As `mark_not_charged`, for a loop."""
    return await ledger.apost(ops.NotCharged(call=call, usage=usage, reason=reason))


def open_holds(run: UUID) -> list[UUID]:
    """Return the calls of a run whose money is still held, oldest first."""
    return figures.open_calls(run)


def runs_that_hold() -> list[UUID]:
    """Return the runs for which money is held."""
    return figures.runs_that_hold()


def expire_stale() -> int:
    """Give back the holds that nobody has extended for an hour (`tick` calls it); returns how many were looked at."""
    calls = list(Hold.objects.stale(now()).exclude(call=None).values_list("call", flat=True)[:SWEEP])
    if calls:
        ledger.apply([ops.Expire(call=call) for call in calls if call is not None])
    return len(calls)


# --- wallets --------------------------------------------------------------------------------------------------------
def open_wallet(*, workspace_id: UUID) -> Balance:
    """Open a workspace's wallet with its welcome credit, once; other verbs do so when they meet a new workspace."""
    return ledger.post(ops.Open(workspace_id=workspace_id))


def balance_of(workspace_id: UUID) -> Balance:
    """Return what a workspace has. Opens its wallet; inside a transaction, says what the wallet will have instead."""
    wallet = Wallet.objects.filter(workspace_id=workspace_id).first()
    if wallet is not None:
        return rules.balance_of(wallet)
    if not connection.in_atomic_block or not Workspace.objects.filter(pk=workspace_id).exists():
        return open_wallet(workspace_id=workspace_id)
    currency = Workspace.objects.values_list("currency", flat=True).get(pk=workspace_id)
    welcome = parse_amount(settings.WUKONG_WELCOME_CREDIT)
    return Balance(balance_nano=welcome, held_nano=0, credit_limit_nano=0, currency=currency)


def top_up(*, workspace_id: UUID, amount_nano: int, key: str, actor: str) -> Balance:
    """Add money that was paid, once for each `key`. Raises Invalid, NotFound, IdempotencyMismatch."""
    return ledger.post(
        ops.TopUp(workspace_id=workspace_id, amount_nano=amount_nano, key=f"topup:{_checked(key)}", actor=actor)
    )


def grant(*, workspace_id: UUID, amount_nano: int, key: str, actor: str) -> Balance:
    """Add credit that is given, once for each `key`. Raises Invalid, NotFound, IdempotencyMismatch."""
    return ledger.post(
        ops.Grant(workspace_id=workspace_id, amount_nano=amount_nano, key=f"grant:{_checked(key)}", actor=actor)
    )


def _checked(key: str) -> str:
    if not 0 < len(key) <= MAX_KEY:
        raise Invalid(_("A key has 1 to %(most)d characters.") % {"most": MAX_KEY})
    return key


# --- prices ---------------------------------------------------------------------------------------------------------
def publish_builtin_cards() -> None:
    """Put the built-in prices and those of the settings into force in every currency that is in use. Idempotent."""
    currencies = {settings.WUKONG_CURRENCY, *Workspace.objects.values_list("currency", flat=True)}
    for currency in sorted(currencies):
        committer.run(partial(cards.publish_built_in, currency))


def quote(model: str, input_tokens: int, output_tokens: int, currency: str = "") -> int:
    """Return what so many tokens cost now, in nano-units; raises PriceMissing."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return pricing.charge_nano(cards.tariff_now(model, currency or settings.WUKONG_CURRENCY), usage)


def most(model: str, input_bound: int, max_tokens: int, currency: str) -> int:
    """Return what is held for a call of this size now, in nano-units; raises PriceMissing."""
    return pricing.hold_nano(cards.tariff_now(model, currency), input_bound, max_tokens)


def rates_of(currency: str) -> list[RateRow]:
    """Return the prices of every model in a currency, by model."""
    return cards.rates_in_force(currency)


# --- what the ledger tells ------------------------------------------------------------------------------------------
def run_figures(run: UUID) -> RunFigures:
    """Return what a run has cost, holds and used; zeros for a run that has not begun."""
    return figures.of_runs([run])[run]


def runs_figures(runs: Iterable[UUID]) -> dict[UUID, RunFigures]:
    """Return the figures of many runs, by run, in two queries."""
    return figures.of_runs(runs)


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


def books() -> Books:
    """Compute the books again from the rows that cannot change, on one snapshot; `difference_nano` is 0."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return proof.books()
