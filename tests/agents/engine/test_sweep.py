"""The tick: what was lost or left lying is done, by whoever ticks, and doing it twice changes nothing."""

import logging
from datetime import timedelta

import pytest

from agents.engine import tick, wake
from agents.engine.tick import RESEND_S
from agents.models import PauseReason, Run, RunState, Step, StepState
from agents.services import start_run
from billing import services as billing
from tests.agents.crew import assert_settled
from workspaces.models import Event
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Unavailable
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


def age(seconds: float) -> None:
    """Let all wake-ups be so old."""
    Step.objects.exclude(sent_at=None).update(sent_at=now() - timedelta(seconds=seconds))


@pytest.mark.slow
def test_a_lost_wake_up_is_sent_again(crew, deploy):
    crew.is_deaf = True
    run = deploy()
    assert list(crew.wakes) == []
    crew.is_deaf = False

    tick.tick()
    assert list(crew.wakes) == []  # it may still be on its way
    age(RESEND_S + 1)
    tick.tick()
    tick.tick()

    assert len(crew.wakes) == 1
    crew.finish(run)
    assert run.state == RunState.DONE


@pytest.mark.slow
def test_a_run_ends_without_any_broker_at_all(crew, deploy, monkeypatch):
    """Each wake-up is lost: the tick alone carries the run, late but whole."""
    monkeypatch.setattr(tick, "RESEND_S", 0.0)
    run = deploy()
    crew.wakes.clear()
    deliver = crew.deliver
    monkeypatch.setattr(wake, "deliver", lambda step_id: None)

    def ticking() -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(wake, "deliver", deliver)
            tick.tick()
        return Run.objects.get(pk=run.pk).is_settled

    crew.until(ticking)
    crew.rest()

    assert_settled(run)
    assert Run.objects.get().state == RunState.DONE


@pytest.mark.slow
def test_a_dead_broker_is_a_warning_and_no_error(db, monkeypatch, caplog):
    from celery import Celery

    dead = Celery("dead", broker="redis://127.0.0.1:1/0", set_as_current=False)
    dead.conf.broker_transport_options = {"socket_connect_timeout": 0.2}
    monkeypatch.setattr(wake, "current_app", dead)

    with caplog.at_level(logging.WARNING, "wukong.engine"):
        wake._publish(new_id())

    assert "a wake-up was lost" in caplog.text


def test_wake_ups_go_to_the_broker_of_the_settings(db):
    """Threads that never saw the Celery app (web requests, the committer) send with it all the same."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        name = pool.submit(lambda: (wake.current_app.main, wake.current_app.conf.broker_url)).result()

    assert name == ("wukong", "memory://")


def test_a_wake_up_leaves_after_the_commit_and_not_without_one(crew, deploy):
    from django.db import transaction

    step = new_id()
    with transaction.atomic():
        wake.send([step])
        assert list(crew.wakes) == []
    assert list(crew.wakes) == [step]

    with transaction.atomic():
        wake.send([new_id()])
        transaction.set_rollback(True)
    assert list(crew.wakes) == [step]


def test_a_step_that_waits_is_sent_when_its_time_has_come(crew, deploy):
    deploy()
    crew.wakes.clear()
    Step.objects.update(not_before=now() + timedelta(seconds=60), sent_at=now())

    tick.tick()
    assert list(crew.wakes) == []

    Step.objects.update(not_before=now() - timedelta(seconds=0.1))
    tick.tick()
    assert len(crew.wakes) == 1


def test_steps_of_runs_that_stand_still_are_not_sent(crew, deploy):
    run = deploy()
    crew.wakes.clear()
    Run.objects.filter(pk=run.pk).update(state=RunState.PAUSED, pause_reason=PauseReason.USER)
    age(RESEND_S + 1)

    tick.tick()

    assert list(crew.wakes) == []


@pytest.mark.slow
def test_a_tick_with_nothing_to_do_changes_nothing(crew, deploy, django_assert_max_num_queries):
    run = deploy()
    crew.finish(run)
    tick.tick()
    before = (Event.objects.count(), list(Step.objects.order_by("id").values()), list(Run.objects.values()))

    with django_assert_max_num_queries(9):
        tick.tick()

    assert (Event.objects.count(), list(Step.objects.order_by("id").values()), list(Run.objects.values())) == before


@pytest.mark.slow
def test_drafts_that_lie_about_cost_a_tick_nothing(crew, deploy, django_assert_max_num_queries):
    for _ in range(3):
        deploy(start=False)
    crew.until(lambda: Run.objects.filter(state=RunState.DRAFT).count() == 3)
    crew.rest()

    with django_assert_max_num_queries(9):
        tick.tick()


def test_a_part_that_fails_does_not_keep_the_others_from_their_work(crew, deploy, monkeypatch, caplog):
    def broken() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("agents.engine.claim.expire", broken)
    crew.is_deaf = True
    deploy()
    crew.is_deaf = False
    age(RESEND_S + 1)

    tick.tick()

    assert len(crew.wakes) == 1
    assert "broken" in caplog.text


def test_a_run_whose_settling_fails_does_not_keep_the_others_from_ending(crew, deploy, monkeypatch, caplog):
    from agents.engine import settle

    one, two = deploy(start=False), deploy(start=False)
    crew.until(lambda: Run.objects.filter(state=RunState.DRAFT).count() == 2)
    Run.objects.update(state=RunState.FINISHING, outcome=RunState.CANCELLED, finishing_at=now())
    run = settle.run

    def choosy(run_id):
        if run_id == one.pk:
            raise RuntimeError("not this one")
        run(run_id)

    monkeypatch.setattr(settle, "run", choosy)

    tick.tick()

    assert Run.objects.get(pk=two.pk).state == RunState.CANCELLED
    assert Run.objects.get(pk=one.pk).state == RunState.FINISHING


def test_what_a_process_cannot_commit_at_its_end_is_no_error(crew, deploy, monkeypatch, caplog):
    deploy()

    def fail() -> None:
        raise Unavailable("closed")

    monkeypatch.setattr(tick.claim, "expire", fail)
    tick.tick()
    assert len(caplog.records) == 1

    caplog.clear()
    committer.close()
    tick.tick()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_holds_that_nobody_remembers_expire(crew, workspace):
    from billing.models import Hold

    billing.authorise(
        call=new_id(),
        workspace_id=workspace.pk,
        model="scripted",
        run=None,
        step=None,
        project=None,
        agent="",
        input_bound=100,
        max_tokens=100,
    )
    Hold.objects.update(expires_at=now() - timedelta(seconds=1))

    tick.tick()

    assert billing.balance_of(workspace.pk).held_nano == 0


def test_a_run_is_not_settled_while_a_hold_is_open(crew, deploy, workspace, monkeypatch):
    from agents.engine import settle

    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(state=RunState.DRAFT).exists())
    crew.rest()
    billing.authorise(
        call=new_id(),
        workspace_id=workspace.pk,
        model="scripted",
        run=run.pk,
        step=None,
        project=None,
        agent="",
        input_bound=100,
        max_tokens=100,
    )
    Run.objects.update(state=RunState.FINISHING, outcome=RunState.CANCELLED, finishing_at=now())
    with monkeypatch.context() as patch:
        patch.setattr(settle, "holds", lambda run_id: None)
        settle.run(run.pk)
        assert Run.objects.get().state == RunState.FINISHING

    settle.run(run.pk)

    assert_settled(run)


def test_a_run_is_not_settled_while_somebody_works(crew, deploy, ada):
    from agents.engine import claim, settle
    from wukong.kernel import committer

    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(state=RunState.DRAFT).exists())
    crew.rest()
    start_run(run=run, actor=ada)
    step = Step.objects.of_run(run.pk).waiting().first()
    committer.run(lambda: claim.claim(step.pk))
    Run.objects.update(state=RunState.FINISHING, outcome=RunState.CANCELLED, finishing_at=now())

    settle.run(run.pk)

    assert Run.objects.get().state == RunState.FINISHING
    assert Step.objects.get(pk=step.pk).state == StepState.RUNNING
