"""Moves of runs and steps. Every function runs inside the caller's transaction, on a run that `lock` has returned.

Lock order everywhere: run → step → document → event stream; the outbox is closed last. Money is never touched here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.engine import predicate
from agents.engine.outbox import Outbox
from agents.models import (
    CLOSED,
    SETTLED,
    Attempt,
    AttemptState,
    CallState,
    ModelCall,
    PauseReason,
    Run,
    RunState,
    Step,
    StepDep,
    StepState,
)
from wukong.kernel.clock import now

ENDING = (RunState.FINISHING, *SETTLED)


def lock(run_id: UUID) -> Run:
    """Return the run with its row locked until the end of the transaction; raises Run.DoesNotExist."""
    return Run.objects.select_for_update().get(pk=run_id)


def set_run(run: Run, out: Outbox, **fields: Any) -> None:
    """Change the run's columns and tell."""
    for name, value in fields.items():
        setattr(run, name, value)
    run.save(update_fields=list(fields))
    out.run_moved(run)


def set_step(step: Step, out: Outbox, **fields: Any) -> None:
    """Change the step's columns and tell."""
    for name, value in fields.items():
        setattr(step, name, value)
    step.save(update_fields=list(fields))
    out.step_moved(step)


def begin_running(run: Run, out: Outbox) -> None:
    """The plan stands and somebody wants it done: the tasks that need nothing become ready."""
    set_run(run, out, state=RunState.RUNNING, is_started=True, started_at=run.started_at or now())
    free(run, out)


def free(run: Run, out: Outbox) -> None:
    """Make the steps ready whose needs are met, and wake them if the run is moving. Idempotent."""
    ready = predicate.newly_ready(_nodes(run))
    for step in Step.objects.of_run(run.id).filter(id__in=ready):
        set_step(step, out, state=StepState.READY, sent_at=now())
        out.wake(step.id)


def conclude(run: Run, out: Outbox) -> None:
    """Ask the predicate whether the work has come to its end.

    If so the run is `finishing` until its money is settled.
    """
    if run.state in ENDING:
        return
    match predicate.verdict(_nodes(run)):
        case "done":
            end_run(run, out, RunState.DONE)
        case "failed":
            end_run(run, out, RunState.FAILED)
        case "going":
            pass


def end_run(run: Run, out: Outbox, outcome: RunState, error: str = "") -> None:
    """Let the run end as `outcome`: what has not begun is cancelled, what runs stops at its next flush."""
    for step in Step.objects.of_run(run.id).exclude(state__in=[*CLOSED, StepState.RUNNING]):
        set_step(step, out, state=StepState.CANCELLED, ended_at=now(), detail="")
    set_run(
        run,
        out,
        state=RunState.FINISHING,
        outcome=outcome,
        pause_reason="",
        pause_details={},
        error=error,
        finishing_at=now(),
    )


def settle_run(run: Run, out: Outbox, **more: Any) -> None:
    """The money is settled: the run takes its outcome. `more` goes into the event (its cost)."""
    run.state, run.ended_at = run.outcome, now()
    run.save(update_fields=["state", "ended_at"])
    out.run_moved(run, **more)


def pause_run(run: Run, out: Outbox, reason: PauseReason, details: dict[str, Any] | None = None) -> None:
    """Pause a moving run; who is working stops at the next flush, except when only the money is missing."""
    if run.state in (RunState.PLANNING, RunState.RUNNING):
        set_run(run, out, state=RunState.PAUSED, pause_reason=reason, pause_details=details or {})


def resume_run(run: Run, out: Outbox) -> None:
    """Let a paused run go on where it was; waits and counts of failures start anew."""
    plan_is_open = Step.objects.of_run(run.id).filter(kind="plan").exclude(state__in=CLOSED).exists()
    state = RunState.PLANNING if plan_is_open else RunState.RUNNING
    started_at = run.started_at if plan_is_open else run.started_at or now()
    set_run(run, out, state=state, pause_reason="", pause_details={}, started_at=started_at)
    waiting = Step.objects.of_run(run.id).filter(state__in=[StepState.READY, StepState.QUEUED])
    ids = list(waiting.values_list("id", flat=True))
    waiting.update(not_before=None, failures=0, sent_at=now())
    for step_id in ids:
        out.wake(step_id)
    free(run, out)
    conclude(run, out)


def bury(step: Step) -> None:
    """Close what a dead attempt has left open: its calls are wasted (not charged), its text is left to the next one."""
    at = now()
    Attempt.objects.filter(step=step, state=AttemptState.OPEN).update(state=AttemptState.LOST, ended_at=at)
    ModelCall.objects.open().filter(step=step).update(state=CallState.WASTED, closed_at=at)


def interrupt(run: Run, step: Step, out: Outbox, *, epoch: int, at: datetime) -> bool:
    """Take a running step away from its worker, which can write nothing from now on. False if somebody was faster."""
    state = StepState.CANCELLED if run.state in ENDING else StepState.READY
    taken = Step.objects.filter(pk=step.pk, epoch=epoch, state=StepState.RUNNING).update(
        state=state,
        lease_until=None,
        interrupted_at=at,
        sent_at=at,
        ended_at=at if state in CLOSED else None,
        detail="",
    )
    if not taken:
        return False
    bury(step)
    step.refresh_from_db()
    out.step_moved(step)
    if state == StepState.READY:
        out.wake(step.id)
    return True


def _nodes(run: Run) -> dict[UUID, predicate.Node[UUID]]:
    needs: dict[UUID, set[UUID]] = {}
    for step_id, needed in _pairs(StepDep.objects.filter(step__run=run).values_list("step_id", "needs_id")):
        needs.setdefault(step_id, set()).add(needed)
    rows = Step.objects.of_run(run.id).values_list("id", "state")
    return {step_id: predicate.Node(state, frozenset(needs.get(step_id, ()))) for step_id, state in rows}


def _pairs(rows: Iterable[tuple[UUID, UUID]]) -> Iterable[tuple[UUID, UUID]]:
    return rows
