"""The sweep, every second, in any process: whatever was lost or left lying is done here.

Running it twice changes nothing.
"""

import logging
import math
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db.models import Q

from agents.engine import claim, moves, quoting, settle, wake
from agents.engine.outbox import Outbox
from agents.models import PauseReason, Run, RunState, Step
from billing import services as billing
from wukong.kernel import committer
from wukong.kernel.clock import now

RESEND_S = 10.0
SELDOM_S = {billing.issue_statements: 60.0, billing.tell_of_limits: 300.0, billing.watch_drift: 900.0}
"""How often each process looks whether a month has ended, a limit will not last, counts drift apart."""
STOP_GRACE_S = 1.2
_log = logging.getLogger("wukong.engine")
_looked_at: dict[Callable[[], object], float] = {}


def tick() -> None:
    """Expire leases, end what does not stop by itself, settle, finish, resume, send wake-ups again. Idempotent."""
    meter = (billing.expire_stale, billing.expire_lots, billing.mail_alerts)
    late = (*_seldom(), billing.care_for_payments)  # the last one asks a provider, who may take its time
    for part in (claim.expire, _force_stops, _settle, _resume, _resend, *meter, *late):
        try:
            part()
            if part in SELDOM_S:
                _looked_at[part] = time.monotonic()
        except Exception:  # noqa: BLE001 - one part that fails must not keep the others from their work
            _complain("%s failed; the next one tries again", part.__name__)


def is_needed() -> bool:
    """Return whether a run needs the next stroke soon; without one the sweep may rest until `wake.stirred`."""
    return Run.objects.in_care().exists()


def _each(rows: list[UUID], job: Callable[[UUID], None]) -> None:
    for row in rows:
        try:
            job(row)
        except Exception:  # noqa: BLE001 - nor one run the others
            _complain("run %s", row)


def _complain(text: str, *of: object) -> None:
    """Write an exception down; but what a process could not commit at its end is left to the next one."""
    if not committer.is_closed():
        _log.exception(f"tick: {text}", *of)


def _force_stops() -> None:
    """Workers of an ending run have had their time: what still runs is taken away from them."""
    late = now() - timedelta(seconds=STOP_GRACE_S)
    steps = Step.objects.live().filter(run__state=RunState.FINISHING, run__finishing_at__lt=late)
    for step_id, run_id, epoch in list(steps.values_list("id", "run_id", "epoch")):
        committer.run(partial(_take, step_id, run_id, epoch))


def _take(step_id: UUID, run_id: UUID, epoch: int) -> None:
    run = moves.lock(run_id)
    out = Outbox(run)
    moves.interrupt(run, Step.objects.get(pk=step_id), out, epoch=epoch, at=now())
    out.close()


def _settle() -> None:
    """Runs at their end, and runs that have closed calls whose money was not moved (the worker died in between)."""
    ending = list(Run.objects.finishing().values_list("id", flat=True))
    _each(ending, settle.run)
    _each([run for run in billing.runs_that_hold() if run not in ending], settle.holds)


def _resume() -> None:
    """Runs that waited for money go on when there is enough again."""
    for run in Run.objects.waiting_for_money():
        needed = int(run.pause_details.get("needed_nano", 0))
        agent = str(run.pause_details.get("agent", ""))
        if quoting.available_nano(run, agent) >= max(needed, 1):
            committer.run(partial(_go_on, run.pk))


def _go_on(run_id: UUID) -> None:
    run = moves.lock(run_id)
    if run.state == RunState.PAUSED and run.pause_reason == PauseReason.BUDGET:
        out = Outbox(run)
        moves.resume_run(run, out)
        out.close()


def _seldom() -> tuple[Callable[[], object], ...]:
    """Return what it is time for again; what fails is due again at once."""
    at = time.monotonic()
    return tuple(part for part, every_s in SELDOM_S.items() if at - _looked_at.get(part, -math.inf) >= every_s)


def _resend() -> None:
    """Ready steps whose wake-up was lost, or whose time has come."""
    at = now()
    unheard = Q(sent_at=None) | Q(sent_at__lt=at - timedelta(seconds=RESEND_S)) | Q(not_before__lte=at)
    due = list(Step.objects.due(at).filter(unheard).values_list("id", flat=True))
    if due:
        committer.run(lambda: Step.objects.filter(id__in=due).update(sent_at=at, not_before=None))
        wake.send(due)
