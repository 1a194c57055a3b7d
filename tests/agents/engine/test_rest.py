"""The embedded tick: every second while a run needs it, seldom when nothing moves, at once when something does."""

import threading
import time
from collections.abc import Iterator

import pytest

from agents.engine import tick, wake
from agents.models import PauseReason, Run, RunState
from agents.services import pause_run, resume_run, stop_run
from wukong import health
from wukong.embedded import worker

pytestmark = pytest.mark.django_db(transaction=True)


class Strokes:
    """When the tick has struck."""

    def __init__(self, crew) -> None:
        self.crew = crew
        self.at: list[float] = []

    def go_on(self) -> bool:
        """Return whether several more follow within a second."""
        before = len(self.at)
        return self.crew.until(lambda: len(self.at) > before + 2) < 1.0

    def rest(self) -> bool:
        """Return whether they cease, for ten times as long as they are apart."""
        return self.crew.until(lambda: time.monotonic() - self.at[-1] > 10 * worker.TICK_S) < 5.0


@pytest.fixture
def strokes(crew, monkeypatch) -> Iterator[Strokes]:
    """The strokes of a tick thread that rests for a minute when it may."""
    strokes = Strokes(crew)
    monkeypatch.setattr(worker, "_is_closing", threading.Event())
    monkeypatch.setattr(worker, "TICK_S", 0.05)
    monkeypatch.setattr(worker, "QUIET_TICK_S", 60.0)
    sweep = tick.tick
    monkeypatch.setattr(tick, "tick", lambda: [sweep(), strokes.at.append(time.monotonic())])
    thread = threading.Thread(target=worker._tick)
    thread.start()
    crew.until(lambda: strokes.at)
    yield strokes
    worker._is_closing.set()
    wake.stirred.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("state", "reason", "is_needed"),
    [
        (RunState.DRAFT, "", False),
        (RunState.PLANNING, "", True),
        (RunState.RUNNING, "", True),
        (RunState.PAUSED, PauseReason.USER, False),
        (RunState.PAUSED, PauseReason.PROVIDER, False),
        (RunState.PAUSED, PauseReason.BUDGET, True),
        (RunState.FINISHING, "", True),
        (RunState.DONE, "", False),
    ],
)
def test_a_stroke_is_needed_while_a_run_cannot_go_on_without_one(crew, deploy, state, reason, is_needed):
    assert not tick.is_needed()
    deploy()

    Run.objects.update(state=state, pause_reason=reason, outcome=RunState.DONE)

    assert tick.is_needed() == is_needed


@pytest.mark.slow
def test_a_new_run_ends_the_rest_and_its_draft_begins_it(crew, deploy, strokes):
    assert strokes.rest()

    crew.is_deaf = True  # else the plan could be made before a third stroke
    run = deploy(start=False)
    assert strokes.go_on()

    crew.is_deaf = False
    crew.wakes.append(crew.sent[0])
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    assert strokes.rest()


@pytest.mark.slow
def test_a_person_who_lets_a_run_go_on_ends_the_rest(crew, deploy, strokes, ada):
    crew.is_deaf = True
    run = deploy()
    pause_run(run=run, actor=ada)
    assert strokes.rest()

    resume_run(run=run, actor=ada)
    assert strokes.go_on()

    stop_run(run=run, actor=ada)
    assert strokes.rest()


def test_a_rest_is_short_enough_for_the_sign_of_life():
    assert worker.QUIET_TICK_S * 2 < health.WORKER_SILENT_S


def test_a_tick_that_fails_is_tried_again_soon(crew, strokes, monkeypatch, caplog):
    tries: list[None] = []

    def broken() -> None:
        tries.append(None)
        raise RuntimeError("the database is away")

    monkeypatch.setattr(tick, "tick", broken)
    wake.stirred.set()

    crew.until(lambda: len(tries) > 2)
    assert "the database is away" in caplog.text
