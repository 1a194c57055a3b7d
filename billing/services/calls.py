"""One call of a model: held for, kept alive, settled or given back."""

from typing import NotRequired, TypedDict, Unpack
from uuid import UUID

from django.utils.translation import gettext as _

from billing import figures, ledger, ops
from billing.contracts import (
    Authorisation,
    Charge,
    Usage,
)
from billing.models import Hold, HoldState
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, NotFound

FLOOR_TOKENS = 16
SWEEP = 500


class Asked(TypedDict):
    """What a call asks for: who pays for what, and how large it can become."""

    call: UUID
    workspace_id: UUID
    model: str
    run: UUID | None
    step: UUID | None
    project: UUID | None
    agent: str
    swarm: NotRequired[str]
    input_bound: int
    input_guess: NotRequired[int]
    max_tokens: int
    floor_tokens: NotRequired[int]
    run_budget_nano: NotRequired[int | None]
    question: NotRequired[int]
    repeated_tokens: NotRequired[int]


def authorise(**asked: Unpack[Asked]) -> Authorisation:
    """Hold the dearest that a call can become against its wallet and its budgets. Key: `call:<call>`.

    `input_bound` tokens in are priced at the dearest input meter; `max_tokens` out are lowered to what is affordable
    (reasoning counts as output) and have to be sent so. `run_budget_nano` is for the whole run; None: as far as the
    wallet and the budgets of agent, swarm, project and workspace go. `input_guess` is our count of what goes in, which
    is charged if the call is never heard of again; `question` (64 bits, signed: the same for the same question) and
    `repeated_tokens` (of our count: what the run had sent before) are for the report of waste.

    Raises InsufficientFunds below `floor_tokens` (16; details: scope, missing, available, and both with the `needed` of
    the whole call also as *_nano), PriceMissing, NotFound, IdempotencyMismatch.
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
        swarm=asked.get("swarm", "")[:80],
        input_bound=asked["input_bound"],
        input_guess=asked.get("input_guess", 0),
        max_tokens=asked["max_tokens"],
        floor_tokens=asked.get("floor_tokens", FLOOR_TOKENS),
        run_budget_nano=asked.get("run_budget_nano"),
        question=asked.get("question"),
        repeated_tokens=asked.get("repeated_tokens"),
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


def settle(*, call: UUID, usage: Usage, counted_tokens: int | None = None) -> Charge:
    """Charge what a call used, at most what was held, once. `counted_tokens` (what we counted of the answer) is kept
    beside a provider's count.

    After the hold has expired: at most what is left. Raises NotFound without a hold, Conflict when it was given back,
    IdempotencyMismatch for another usage than the first time.
    """
    return ledger.post(ops.Capture(call=call, usage=usage, counted_tokens=counted_tokens))


async def asettle(*, call: UUID, usage: Usage, counted_tokens: int | None = None) -> Charge:
    """As `settle`, for a loop."""
    return await ledger.apost(ops.Capture(call=call, usage=usage, counted_tokens=counted_tokens))


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
    """End the holds of calls that have given no sign of life for two minutes (`tick` calls it).

    What such a call had written by its last sign is charged. Returns how many were looked at.
    """
    calls = list(Hold.objects.stale(now()).exclude(call=None).values_list("call", flat=True)[:SWEEP])
    if calls:
        ledger.apply([ops.Expire(call=call) for call in calls if call is not None])
    return len(calls)


def end_hold(*, call: UUID) -> Charge:
    """End the hold of one call now as `expire_stale` would; what it had written by its last sign of life is charged.

    Raises NotFound without a hold, Conflict after its end and while its call is alive: two minutes after its last sign.
    """
    found = Hold.objects.filter(key=f"call:{call}")
    hold = found.first()
    if hold is None:
        raise NotFound(_("There is no hold for this call."))
    if hold.state != HoldState.PENDING:
        raise Conflict(_("This call is over."))
    charge = ledger.post(ops.Expire(call=call))
    if found.pending().exists():
        at = f"{hold.heartbeat_at:%H:%M:%S} UTC"
        raise Conflict(_("This call is alive: it gave a sign of life at %(at)s.") % {"at": at})
    return charge
