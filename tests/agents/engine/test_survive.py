"""Whatever happens in whatever order, in the end each word stands once, each call is paid once, nothing is held.

Hypothesis chooses when the process dies, when the database does not answer (before or after it has written), when
people pause, resume, type, when money ends and comes, when wake-ups are lost or doubled.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from django.db import OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.engine import claim as claims
from agents.engine import failures, settle
from agents.engine.tick import tick
from agents.models import CLOSED, SETTLED, CallState, ModelCall, Run, RunState, Step, StepState
from agents.services import pause_run, resume_run, stop_run
from billing import services as billing
from billing.models import Transfer
from tests.agents.crew import Death, Hand, assert_settled, kill, text_of, tokens_of, told
from workspaces.documents.services import create_project
from workspaces.models import DocumentUpdate, Event
from wukong.kernel import committer
from wukong.kernel.errors import Conflict, WukongError
from wukong.kernel.ids import new_id

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TROUBLES = ["die", "die after", "locked", "locked after"]
EVENTS = ["pause", "resume", "tick", "type", "poor", "rich", "lose", "double", "lapse"]
trouble = st.tuples(st.just("trouble"), st.sampled_from(TROUBLES), st.integers(0, 12))
event = st.tuples(st.just("event"), st.sampled_from(EVENTS), st.integers(1, 12))


class Chaos:
    """Stands between the agents' loop and the committer: the job after next, say, meets with trouble."""

    def __init__(self, monkeypatch) -> None:
        self.submit = committer.submit
        self.after: int | None = None
        self.kind = ""
        self.is_dead = False
        monkeypatch.setattr(committer, "submit", self)

    def plan(self, kind: str, after: int) -> None:
        self.kind, self.after = kind, after

    def __call__(self, job, **how: bool) -> Future:
        if threading.current_thread().name != "agents":
            return self.submit(job, **how)
        if how.get("is_money"):  # the ledger's queue outlives this death, as no real one does: nothing cuts it
            return self.submit(job, **how)
        if self.is_dead:
            raise Death
        if self.after is None:
            return self.submit(job)
        self.after -= 1
        if self.after >= 0:
            return self.submit(job)
        self.after = None
        return self._strike(job)

    def _strike(self, job) -> Future:
        answer: Future = Future()
        if self.kind == "die":
            self.is_dead = True
            raise Death
        if self.kind == "locked":
            answer.set_exception(OperationalError("database is locked"))
            return answer
        self.submit(job).exception(10)  # written, but nobody hears of it
        if self.kind == "die after":
            self.is_dead = True
            raise Death
        answer.set_exception(OperationalError("the connection is gone"))
        return answer


@pytest.fixture
def chaos(crew, monkeypatch):
    return Chaos(monkeypatch)


@pytest.fixture(autouse=True)
def _hasty(settings, monkeypatch):
    settings.WUKONG_LEASE_S = 2
    settings.WUKONG_WELCOME_CREDIT = "100.00"
    monkeypatch.setattr(failures, "backoff_s", lambda count, retry_after=None: 0.0)
    monkeypatch.setattr("agents.engine.tick.RESEND_S", 0.3)
    monkeypatch.setattr("agents.engine.endings.MONEY_WAIT_S", 0.1)
    monkeypatch.setattr("agents.engine.endings.MAX_FAILURES", 50)


class World:
    """One run, and everything that can happen to it."""

    def __init__(self, crew, deploy, chaos) -> None:
        self.crew, self.chaos = crew, chaos
        first = deploy.keywords["project"]
        # A project of its own: "[100]", the hundredth brief of one project, is a token longer than "[99]".
        project = create_project(workspace=first.workspace, name="Tea launch", actor=None)
        self.run: Run = deploy(project=project)
        self.elsewhere: list = []
        self.typed: list[str] = []

    def happen(self, name: str, number: int) -> None:
        getattr(self, f"_{name}")(number)

    def suffer(self, script: list[tuple[str, str, int]]) -> None:
        """Let everything of the script come, each after the work of so many jobs."""
        for kind, name, number in script:
            if kind == "trouble":
                self.chaos.plan(name, number)
            else:
                self.happen(name, number)
            self.work(number + 1)

    def work(self, jobs: int) -> None:
        """Let the workers go on for a moment; a process that has died is replaced by the next one."""
        until = time.monotonic() + 0.02 * jobs
        while time.monotonic() < until and not self.is_over():
            self.crew.start()
            if self.chaos.is_dead:
                self.restart()
            self._forget_the_dead()
            time.sleep(0.005)

    def restart(self) -> None:
        kill()
        self.crew.wakes.clear()
        self.crew.futures.clear()
        self.chaos.is_dead, self.chaos.after = False, None
        claims.take_over_all()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave nothing that works in the next example, where this one has failed."""
        if self.is_over():
            return
        self.restart()
        kill()
        self._rich(0)
        committer.run(self._give_up)
        settle.holds(self.run.pk)

    def _give_up(self) -> None:
        Step.objects.of_run(self.run.pk).exclude(state__in=CLOSED).update(state=StepState.CANCELLED, lease_until=None)
        ModelCall.objects.of_run(self.run.pk).open().update(state=CallState.WASTED)
        Run.objects.filter(pk=self.run.pk).update(state=RunState.CANCELLED, outcome=RunState.CANCELLED)

    def is_over(self) -> bool:
        return Run.objects.filter(pk=self.run.pk, state__in=SETTLED).exists()

    def end(self) -> None:
        """No more trouble; there is money, and somebody who presses "go on"."""
        self.chaos.after = None
        if self.chaos.is_dead:
            self.restart()
        self._rich(0)
        until = time.monotonic() + 60  # only a guard: a slow machine is no fault
        while not self.is_over():
            self._resume(0)
            tick()
            self.work(5)
            assert time.monotonic() < until, self.crew.state()
        self._forget_the_dead(wait=True)

    def _forget_the_dead(self, *, wait: bool = False) -> None:
        for future in [one for one in self.crew.futures if wait or one.done()]:
            self.crew.futures.remove(future)
            error = future.exception(20)
            assert error is None or isinstance(error, Death | OperationalError), error

    def _pause(self, _number: int) -> None:
        try:
            pause_run(run=self.run, actor=None)
        except Conflict:
            assert Run.objects.get(pk=self.run.pk).state in ("finishing", *SETTLED)

    def _resume(self, _number: int) -> None:
        try:
            resume_run(run=self.run, actor=None)
        except WukongError:
            assert Run.objects.get(pk=self.run.pk).state in ("finishing", *SETTLED)

    def _stop(self, _number: int) -> None:
        try:
            stop_run(run=self.run, actor=None)
        except Conflict:
            assert Run.objects.get(pk=self.run.pk).state in ("finishing", *SETTLED)

    def _tick(self, _number: int) -> None:
        tick()

    def _type(self, number: int) -> None:
        self.run.refresh_from_db()
        if self.run.document is None:
            return
        hand, words = Hand(self.run.document), f"Person {len(self.typed)} was here {number}"
        hand.peer.insert_after(None, [{"type": "paragraph", "content": [{"type": "text", "text": words}]}])
        hand.save()
        self.typed.append(words)

    def _poor(self, number: int) -> None:
        call, available = new_id(), billing.balance_of(self.run.workspace_id).available_nano
        tokens = (available - number * 3_000_000) // 2000
        if tokens > 10:
            self.elsewhere.append(call)
            billing.authorise(
                call=call,
                workspace_id=self.run.workspace_id,
                model="scripted",
                run=None,
                step=None,
                project=None,
                agent="",
                input_bound=tokens - 4,
                max_tokens=1,
            )

    def _rich(self, _number: int) -> None:
        while self.elsewhere:
            billing.void(call=self.elsewhere.pop(), reason="")

    def _lose(self, _number: int) -> None:
        self.crew.wakes.clear()

    def _double(self, _number: int) -> None:
        self.crew.wakes.extend(self.crew.sent[-3:])

    def _lapse(self, _number: int) -> None:
        """The workers have been silent for too long; they live on and do not know it."""
        committer.run(lambda: Step.objects.live().update(lease_until="2020-01-01T00:00:00Z"))
        tick()


def assert_all_is_well(world: World) -> None:
    run = world.run
    assert_settled(run)
    captures = Transfer.objects.filter(run=run.pk, code="capture")
    assert sum(captures.values_list("amount_nano", flat=True)) == billing.run_figures(run.pk).cost_nano
    charged = ModelCall.objects.of_run(run.pk).filter(state__in=["reported", "estimated"])
    assert {f"call:{call.pk}" for call in charged} == set(captures.values_list("key", flat=True))
    seqs = list(Event.objects.filter(workspace=run.workspace_id).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert billing.balance_of(run.workspace_id).held_nano == 0
    assert billing.books().difference_nano == 0
    keys = list(DocumentUpdate.objects.filter(document=run.document_id, kind="agent").values_list("key", flat=True))
    assert len(keys) == len(set(keys))


def assert_paid_once(run: Run, calm: Run) -> None:
    """Each step's question is paid once, whoever asked it before died with it; a death makes nothing dearer."""
    paid, usual = tokens_of(run), tokens_of(calm)
    assert [step for step, _in, _out in paid] == [step for step, _in, _out in usual]
    for (step, _in, out), (_step, _usual_in, usual_out) in zip(paid, usual, strict=True):
        assert out <= usual_out, step  # what stands is not written again
    assert billing.run_figures(run.pk).cost_nano <= billing.run_figures(calm.pk).cost_nano


@pytest.fixture
def baseline(expected) -> Iterator[list[str]]:
    return expected.splitlines()


@settings(max_examples=12, deadline=None)
@given(st.lists(st.one_of(trouble, event), min_size=3, max_size=9), st.integers(200, 1500), st.booleans())
def test_each_word_once_whatever_happens(crew, deploy, chaos, baseline, pace, script, tokens_per_second, is_late):
    calm = Run.objects.earliest("number")
    pace(tokens_per_second)
    with World(crew, deploy, chaos) as world:
        if is_late:
            crew.until(lambda: Step.objects.of_run(world.run.pk).live().filter(words__gt=3).exists())
        world.suffer(script)
        pace(0)
        world.end()

    world.run.refresh_from_db()
    assert world.run.state == RunState.DONE, (world.run.error, crew.state())
    lines = told(world.run).splitlines()
    assert [line for line in lines if not line.startswith("Person ")] == baseline
    assert sorted(line for line in lines if line.startswith("Person ")) == sorted(world.typed)
    if not {"pause", "poor"} & {name for _kind, name, _number in script}:  # there a person or the money cuts an answer
        assert_paid_once(world.run, calm)
    assert_all_is_well(world)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.one_of(trouble, event), min_size=1, max_size=5), st.integers(100, 2000))
def test_a_stopped_run_settles_whatever_happens(crew, deploy, chaos, pace, script, tokens_per_second):
    pace(tokens_per_second)
    with World(crew, deploy, chaos) as world:
        world.work(10)
        world.suffer(script)
        world.happen("stop", 0)
        world.end()

    world.run.refresh_from_db()
    assert world.run.state in (RunState.CANCELLED, RunState.DONE)
    states = set(Step.objects.of_run(world.run.pk).values_list("state", flat=True))
    assert states <= {StepState.DONE, StepState.CANCELLED}
    assert world.run.pause_reason == ""
    if world.run.document_id:
        lines = [line for line in text_of(world.run.document).splitlines() if len(line) > 60]
        assert len(lines) == len(set(lines))
    assert_all_is_well(world)
