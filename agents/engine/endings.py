"""How an attempt ends: one transaction writes its last words, moves the step and concludes for the run."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from django.utils.translation import gettext as _

from agents.engine import flush, moves, quoting, scaffold
from agents.engine.claim import Claim
from agents.engine.flush import Flush
from agents.engine.outbox import Outbox
from agents.models import Attempt, AttemptState, CallState, ModelCall, PauseReason, Run, RunState, Step, StepState
from agents.writing.plan import Plan
from billing import services as billing
from wukong.kernel.clock import now

MAX_FAILURES = 5
MONEY_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """`done`; `stopped` (by a person); `closing` (the process ends); `paused` (the run has to wait: `reason`,
    `details`); `failed` (tried again after `wait_s`, up to `limit` failures; then the step fails, or the run is paused
    if there is a `reason`).
    """

    how: Literal["done", "stopped", "closing", "paused", "failed"]
    error: str = ""
    reason: PauseReason | None = None
    details: dict[str, Any] = field(default_factory=dict)
    wait_s: float = 0.0
    limit: int = MAX_FAILURES
    plan: Plan | None = None


_ATTEMPTS = {
    "done": AttemptState.DONE,
    "stopped": AttemptState.STOPPED,
    "closing": AttemptState.LOST,
    "paused": AttemptState.STOPPED,
    "failed": AttemptState.FAILED,
}


def end(claim: Claim, last: Flush, ending: Ending) -> None:
    """Write the last flush and end the attempt; raises Fenced. A job of the committer."""
    run = moves.lock(claim.run.pk)
    flush.write(claim, last)
    step = Step.objects.get(pk=claim.step.pk)
    at = now()
    ModelCall.objects.open().filter(step=step).update(state=CallState.WASTED, closed_at=at)
    Attempt.objects.filter(pk=claim.attempt).update(state=_ATTEMPTS[ending.how], error=ending.error, ended_at=at)
    out = Outbox(run)
    if ending.how == "done":
        _done(run, step, ending, out)
    elif run.state in moves.ENDING:
        moves.set_step(step, out, state=StepState.CANCELLED, lease_until=None, ended_at=at, detail="")
    elif ending.how == "failed":
        _failed(run, step, ending, out)
    elif ending.reason == PauseReason.BUDGET and _comes_back(run, ending):
        _retried(step, out, wait_s=MONEY_WAIT_S, detail=_("Waits for money that is held for other tasks."))
    else:
        is_closing = ending.how == "closing"
        moves.set_step(
            step,
            out,
            state=StepState.READY,
            lease_until=None,
            sent_at=None if is_closing else at,  # the next tick, wherever it is, sends it
            interrupted_at=at if is_closing else step.interrupted_at,
            detail="",
        )
        if ending.reason is not None:
            moves.pause_run(run, out, ending.reason, ending.details)
        elif run.state in (RunState.PLANNING, RunState.RUNNING) and ending.how == "stopped":
            out.wake(step.pk)  # resumed again before we had stopped
    out.close()


def _done(run: Run, step: Step, ending: Ending, out: Outbox) -> None:
    moves.set_step(step, out, state=StepState.DONE, lease_until=None, ended_at=now(), detail="", error="")
    if run.state in moves.ENDING:
        return
    if ending.plan is not None:
        scaffold.adopt(run, ending.plan, out)
    else:
        moves.free(run, out)
        moves.conclude(run, out)


def _comes_back(run: Run, ending: Ending) -> bool:
    """Return whether a refused call could be paid once the run's other calls, which hold more than they use, end."""
    held = billing.run_figures(run.pk).held_nano
    is_unpaid = "scope" in ending.details  # the ledger refused: trying again is free. An answer that was cut is not.
    available = quoting.available_nano(run, str(ending.details.get("agent", "")))
    is_possible = available + held >= int(ending.details.get("needed_nano", 0))
    return is_possible and (held > 0 or is_unpaid)


def _retried(step: Step, out: Outbox, *, wait_s: float, detail: str, **fields: Any) -> None:
    at = now()
    moves.set_step(
        step,
        out,
        state=StepState.READY,
        lease_until=None,
        sent_at=at,
        not_before=at + timedelta(seconds=wait_s),
        detail=detail,
        **fields,
    )


def _failed(run: Run, step: Step, ending: Ending, out: Outbox) -> None:
    failures, at = step.failures + 1, now()
    if failures < ending.limit:
        _retried(step, out, wait_s=ending.wait_s, detail=ending.error[:300], failures=failures)
    elif ending.reason is not None:
        moves.set_step(step, out, state=StepState.READY, failures=0, lease_until=None, sent_at=at, detail="")
        moves.pause_run(run, out, ending.reason, ending.details)
    else:
        moves.set_step(
            step,
            out,
            state=StepState.FAILED,
            failures=failures,
            lease_until=None,
            ended_at=at,
            detail="",
            error=ending.error,
        )
        moves.end_run(run, out, RunState.FAILED, error=ending.error)
