"""Claims: compare-and-set on (state, epoch) with a lease. The fence is the same comparison, before each write."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils.translation import gettext as _

from agents.engine import moves
from agents.engine.outbox import Outbox
from agents.models import WAITING_TO_RUN, Attempt, Run, RunState, Step, StepKind, StepState
from agents.ports import Fenced
from workspaces.documents import log
from wukong.kernel import committer
from wukong.kernel.clock import now

MAX_EPOCHS = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this worker may perform, as it was when it was claimed.

    `client_id` is None for a step without text.
    """

    run: Run
    step: Step
    epoch: int
    attempt: UUID
    client_id: int | None

    @property
    def is_plan(self) -> bool:
        return self.step.kind == StepKind.PLAN


def lease() -> timedelta:
    """How long a silent worker keeps its step."""
    return timedelta(seconds=settings.WUKONG_LEASE_S)


def claim(step_id: UUID) -> Claim | None:
    """Claim a ready step for one attempt; None if it is not ready (any more). A job of the committer."""
    run_id = Step.objects.filter(pk=step_id).values_list("run_id", flat=True).first()
    if run_id is None:
        return None
    run, at = moves.lock(run_id), now()
    ready = Step.objects.filter(Q(not_before=None) | Q(not_before__lte=at), pk=step_id, state__in=WAITING_TO_RUN)
    if run.state == RunState.PLANNING:
        ready = ready.filter(kind=StepKind.PLAN)
    elif run.state != RunState.RUNNING:
        return None
    if not ready.update(
        state=StepState.RUNNING, epoch=F("epoch") + 1, lease_until=at + lease(), not_before=None, detail="", error=""
    ):
        return None
    step = Step.objects.get(pk=step_id)
    moves.bury(step)
    return _open(run, step)


def _open(run: Run, step: Step) -> Claim | None:
    out = Outbox(run)
    if step.epoch > MAX_EPOCHS:
        text = _("“%s” was interrupted too often.") % step.title
        moves.set_step(step, out, state=StepState.FAILED, ended_at=now(), error=text)
        moves.end_run(run, out, RunState.FAILED, error=text)
        out.close()
        return None
    step.started_at = step.started_at or now()
    step.save(update_fields=["started_at"])
    client_id = None
    if run.document_id is not None and step.kind != StepKind.PLAN:
        client_id = log.issue_client_id(document_id=run.document_id, kind="agent", principal=step.id)
    attempt = Attempt.objects.create(step=step, epoch=step.epoch, client_id=client_id)
    out.step_moved(step)
    out.close()
    return Claim(run=run, step=step, epoch=step.epoch, attempt=attempt.id, client_id=client_id)


def fence(claim: Claim, **fields: Any) -> None:
    """Extend the lease and write `fields` of the step, if the step is still ours.

    Raises Fenced. First in a transaction.
    """
    ours = Step.objects.filter(pk=claim.step.pk, epoch=claim.epoch, state=StepState.RUNNING)
    if not ours.update(lease_until=now() + lease(), **fields):
        raise Fenced(str(claim.step.pk))


def expire() -> int:
    """Take the steps whose worker has gone silent; they are ready again. Returns their number. Idempotent."""
    lapsed = list(Step.objects.lapsed(now()).values_list("id", "run_id", "epoch"))
    return sum(committer.run(partial(_take, *row)) for row in lapsed)


def _take(step_id: UUID, run_id: UUID, epoch: int) -> bool:
    run, at = moves.lock(run_id), now()
    step = Step.objects.lapsed(at).filter(pk=step_id).first()
    if step is None:
        return False
    out = Outbox(run)
    taken = moves.interrupt(run, step, out, epoch=epoch, at=at)
    out.close()
    return taken


def take_over_all() -> int:
    """End all leases at once: the only process that could hold them is dead (embedded: a file lock proves it).

    The wake-ups that waited in its memory died with it: the first tick sends them again.
    """
    committer.run(_end_leases)
    return expire()


def _end_leases() -> None:
    Step.objects.live().update(lease_until=now() - timedelta(seconds=1))
    Step.objects.filter(state__in=WAITING_TO_RUN).update(sent_at=None)
