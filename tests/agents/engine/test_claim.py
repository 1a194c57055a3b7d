"""Who may perform a step: a claim is one comparison and one exchange, and everything written later is fenced by it."""

import asyncio
import threading
from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection

from agents.engine import claim as claims
from agents.engine import endings, flush, perform, settle
from agents.engine.endings import Ending
from agents.engine.flush import Flush
from agents.models import Attempt, AttemptState, CallState, ModelCall, Run, RunState, Step, StepState
from agents.ports import CallContext, ChatRequest, Fenced, Scenario, Turn
from billing import services as billing
from tests.agents.crew import Death, assert_settled, kill, text_of, told
from workspaces.models import DocumentWriter, Event
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def begun(crew, deploy):
    """A run whose plan is made; its first tasks wait for a worker."""
    run = deploy()
    crew.until(lambda: Step.objects.of_run(run.pk).tasks().waiting().exists())
    crew.rest()
    run.refresh_from_db()
    return run


def ready(run: Run) -> Step:
    step = Step.objects.of_run(run.pk).waiting().exclude(block="").first()
    assert step is not None
    return step


def take(step: Step) -> claims.Claim:
    claim = committer.run(lambda: claims.claim(step.pk))
    assert claim is not None
    return claim


def expire_apart() -> None:
    """Sweep in a thread of its own, and leave no connection there."""
    try:
        claims.expire()
    finally:
        connection.close()


def lapse(step: Step) -> None:
    Step.objects.filter(pk=step.pk).update(lease_until=now() - timedelta(seconds=1))


def context_of(claim: claims.Claim) -> CallContext:
    async def fenced(job):
        return await committer.arun(lambda: (claims.fence(claim), job())[1])

    return CallContext(
        workspace_id=claim.run.workspace_id,
        project_id=claim.run.project_id,
        run_id=claim.run.pk,
        step_id=claim.step.pk,
        epoch=claim.epoch,
        agent=claim.step.agent,
        run_budget_nano=None,
        fenced=fenced,
    )


def test_a_claim_takes_a_ready_step_with_the_next_epoch_and_a_lease(begun):
    step = ready(begun)

    claim = take(step)

    step.refresh_from_db()
    assert (step.state, step.epoch, claim.epoch) == (StepState.RUNNING, 1, 1)
    assert timedelta(0) < step.lease_until - now() <= claims.lease()
    assert Attempt.objects.get(step=step).client_id == claim.client_id


def test_of_many_workers_one_gets_the_step(begun):
    step = ready(begun)

    async def rush():
        return await asyncio.gather(*(committer.arun(lambda: claims.claim(step.pk)) for _ in range(8)))

    found = asyncio.run(rush())

    assert [claim is None for claim in found].count(False) == 1
    assert Attempt.objects.filter(step=step).count() == 1


@pytest.mark.parametrize("state", ["pending", "waiting", "done", "skipped", "failed", "cancelled"])
def test_only_ready_steps_are_claimed(begun, state):
    step = ready(begun)
    Step.objects.filter(pk=step.pk).update(state=state)

    assert committer.run(lambda: claims.claim(step.pk)) is None


@pytest.mark.parametrize("state", ["draft", "paused", "finishing", "done", "failed", "cancelled"])
def test_nothing_is_claimed_in_a_run_that_does_not_move(begun, state):
    step = ready(begun)
    reason = "user" if state == "paused" else ""
    Run.objects.filter(pk=begun.pk).update(state=state, pause_reason=reason, outcome="cancelled")

    assert committer.run(lambda: claims.claim(step.pk)) is None


def test_a_step_that_has_to_wait_is_claimed_when_its_time_has_come(begun):
    step = ready(begun)
    Step.objects.filter(pk=step.pk).update(not_before=now() + timedelta(seconds=30))
    assert committer.run(lambda: claims.claim(step.pk)) is None

    Step.objects.filter(pk=step.pk).update(not_before=now() - timedelta(seconds=1))

    assert committer.run(lambda: claims.claim(step.pk)) is not None


def test_a_step_that_is_no_more_is_nobodys(begun):
    assert committer.run(lambda: claims.claim(new_id())) is None


def test_every_attempt_writes_under_its_own_client_id_bound_to_its_step(begun):
    step = ready(begun)
    first = take(step)
    lapse(step)
    claims.expire()

    second = take(step)

    writers = DocumentWriter.objects.filter(document=begun.document, principal=step.pk)
    assert {writer.client_id for writer in writers} == {first.client_id, second.client_id}
    assert {writer.kind for writer in writers} == {"agent"}


def test_a_worker_that_lost_its_lease_writes_nothing(begun):
    step = ready(begun)
    zombie = take(step)
    lapse(step)
    claims.expire()
    heir = take(step)
    before = (text_of(begun.document), Event.objects.count())

    with pytest.raises(Fenced):
        committer.run(lambda: flush.write(zombie, Flush(update=b"\0\0", key="late", fields={"words": 7})))
    with pytest.raises(Fenced):
        committer.run(lambda: endings.end(zombie, Flush(), Ending(how="done")))

    step.refresh_from_db()
    assert (step.state, step.epoch, step.words) == (StepState.RUNNING, heir.epoch, 0)
    assert (text_of(begun.document), Event.objects.count()) == before


def test_a_live_worker_keeps_its_lease_by_flushing(begun):
    step = ready(begun)
    claim = take(step)
    Step.objects.filter(pk=step.pk).update(lease_until=now() + timedelta(seconds=0.2))

    committer.run(lambda: flush.write(claim, Flush()))

    assert claims.expire() == 0
    step.refresh_from_db()
    assert step.lease_until - now() > timedelta(seconds=5)


def test_a_lapsed_lease_makes_the_step_ready_and_wakes_it(begun, crew):
    step = ready(begun)
    take(step)
    lapse(step)
    crew.wakes.clear()

    assert claims.expire() == 1
    assert claims.expire() == 0

    step.refresh_from_db()
    assert (step.state, step.lease_until, list(crew.wakes)) == (StepState.READY, None, [step.pk])
    assert step.interrupted_at is not None
    assert Attempt.objects.get(step=step).state == AttemptState.LOST


@pytest.mark.slow
def test_a_worker_that_lost_its_lease_in_mid_stream_is_not_charged(begun, pace):
    from agents import metered

    pace(50)
    step = ready(begun)
    claim = take(step)
    spent = billing.run_figures(begun.pk).cost_nano

    async def stream():
        context = context_of(claim)
        request = ChatRequest(
            turns=(Turn("user", "Write."),), max_tokens=100, role="writer", scenario=Scenario(text="word " * 30)
        )
        words = 0
        async for _delta in metered.stream(context, "scripted", request):
            words += 1
            if words == 3:
                await committer.arun(lambda: lapse(step))
                await asyncio.to_thread(expire_apart)
                await committer.arun(lambda: claims.claim(step.pk))

    asyncio.run(stream())

    (call,) = ModelCall.objects.filter(step=step)
    assert call.state == CallState.WASTED
    settle.holds(begun.pk)  # as each tick does
    assert billing.open_holds(begun.pk) == []
    assert billing.run_figures(begun.pk).cost_nano == spent


@pytest.mark.slow
def test_a_new_process_takes_over_at_once(begun, crew):
    step, other = list(Step.objects.of_run(begun.pk).waiting().exclude(block=""))[:2]
    take(step)

    assert claims.take_over_all() == 1

    step.refresh_from_db()
    other.refresh_from_db()
    assert step.state == StepState.READY
    assert other.sent_at is None  # its wake-up was in the memory of the dead process
    crew.finish(begun, ticks=True)
    assert_settled(begun)


@pytest.mark.slow
def test_a_step_that_is_interrupted_for_ever_fails_with_its_run(begun, crew):
    step = ready(begun)
    Step.objects.filter(pk=step.pk).update(epoch=claims.MAX_EPOCHS)

    assert committer.run(lambda: claims.claim(step.pk)) is None

    crew.finish(begun, ticks=True)
    assert begun.state == RunState.FAILED
    assert step.title in begun.error
    assert_settled(begun)


@pytest.mark.slow
def test_a_second_delivery_is_free(begun, crew):
    before = ModelCall.objects.count()
    crew.wakes.extend(list(crew.wakes) * 5)

    crew.finish(begun)

    assert begun.state == RunState.DONE
    steps = Step.objects.of_run(begun.pk).tasks()
    assert set(steps.values_list("epoch", flat=True)) == {1}
    assert ModelCall.objects.count() - before <= steps.count()
    assert_settled(begun)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 2, 3, 5, 8])
def test_a_take_over_writes_and_charges_nothing_twice(crew, deploy, pace, expected, after):
    """The process dies after some flushes: its tasks vanish, its rows stay as they are."""
    calm = billing.run_figures(Run.objects.get().pk).cost_nano
    pace(400)
    run = deploy()
    crew.until(lambda: Step.objects.of_run(run.pk).live().filter(words__gt=0).count() >= 2)
    until = sum(row.words for row in Step.objects.of_run(run.pk)) + 10 * after
    crew.until(lambda: sum(row.words for row in Step.objects.of_run(run.pk)) >= until)

    kill()
    assert Step.objects.of_run(run.pk).live().exists()
    claims.take_over_all()
    pace(0)
    crew.futures.clear()
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run) == expected
    assert billing.run_figures(run.pk).cost_nano <= calm  # words that outlived their call are not asked for again
    assert_settled(run)


@pytest.mark.slow
def test_an_answer_that_dies_with_us_before_its_words_are_lasting_is_not_charged(crew, deploy, pace, expected):
    """It has come to its end, its block is not marked as done yet: the next attempt asks, and pays, again."""
    calm = billing.run_figures(Run.objects.get().pk).cost_nano
    closed = threading.Event()
    pace(0)
    run = deploy()

    def die_on_closing(worker):
        if worker.context.closings and not closed.is_set():
            closed.set()
            raise Death
        worker.ripe += worker.context.closings
        worker.context.closings.clear()

    with mock.patch.object(perform.Worker, "_ripen", die_on_closing):
        crew.until(closed.is_set)
        kill()
    claims.take_over_all()
    crew.futures.clear()
    crew.finish(run, ticks=True)

    assert told(run) == expected
    assert billing.run_figures(run.pk).cost_nano == calm
    assert_settled(run)


def test_an_answer_that_a_person_cuts_when_its_last_word_has_come_is_charged(begun, monkeypatch):
    from agents import metered
    from agents.room import Room

    context, reached = context_of(take(ready(begun))), asyncio.Event()

    async def slowly(*_of):
        reached.set()
        await asyncio.sleep(60)

    async def read():
        request = ChatRequest(
            turns=(Turn("user", "Write."),), max_tokens=100, role="writer", scenario=Scenario(text="word " * 30)
        )
        async for _delta in metered.stream(context, "scripted", request):
            pass

    async def cut():
        task = asyncio.create_task(read())
        await reached.wait()
        task.cancel()
        await asyncio.wait([task])

    monkeypatch.setattr(Room, "cover", slowly)
    asyncio.run(cut())

    call = ModelCall.objects.get(pk=context.last_call)
    assert call.state == CallState.ESTIMATED
    assert billing.charges_of_run(begun.pk)[call.pk] > 0
    assert billing.open_holds(begun.pk) == []
