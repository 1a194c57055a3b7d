"""The live reading of a run's meter: at most two a second, never stored, never falling, ending at the cost."""

import time
from itertools import pairwise

import pytest

from agents.engine import meter, watch
from agents.models import Run, RunState, Step
from agents.services import start_run
from billing import services as billing
from tests.agents.crew import assert_settled
from workspaces.events import services as events
from workspaces.models import Event
from wukong.kernel.money import parse_amount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ticks(monkeypatch):
    heard = []
    monkeypatch.setattr(events, "tick", lambda workspace, data: heard.append((time.monotonic(), workspace, data)))
    return heard


def drafted(crew, deploy) -> Run:
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    return run


@pytest.mark.slow
def test_the_meter_ticks_at_most_twice_a_second_and_is_not_stored(crew, deploy, pace, ticks, workspace, ada):
    run = drafted(crew, deploy)
    ticks.clear()
    pace(60)
    start_run(run=run, actor=ada)
    crew.until(lambda: len(ticks) >= 4)
    pace(0)
    crew.finish(run)

    times = [at for at, _, _ in ticks]
    assert all(later - before >= watch.EVERY_S * 0.9 for before, later in pairwise(times))
    assert {workspace_id for _, workspace_id, _ in ticks} == {workspace.pk}
    assert not Event.objects.filter(type__startswith="meter").exists()
    assert_settled(run)


@pytest.mark.slow
def test_the_reading_never_falls_and_ends_at_the_cost(crew, deploy, pace, ticks, ada):
    run = drafted(crew, deploy)
    pace(150)
    start_run(run=run, actor=ada)
    crew.until(lambda: len(ticks) >= 3)
    pace(0)
    crew.finish(run)

    spent = [parse_amount(data["spent"]["amount"]) for _, _, data in ticks]
    tokens = [data["tokens_out"] for _, _, data in ticks]
    assert spent == sorted(spent)
    assert tokens == sorted(tokens)
    assert max(data["tokens_per_second"] for _, _, data in ticks) > 50
    reading, figures = meter.read(run), billing.run_figures(run.pk)
    assert parse_amount(reading["spent"]["amount"]) == figures.cost_nano >= spent[-1]
    assert reading["tokens_in"] == figures.usage.input_tokens
    assert reading["tokens_out"] == figures.usage.output_tokens
    assert set(reading["agents"]) == set(Step.objects.of_run(run.pk).exclude(calls=None).values_list("role", flat=True))


@pytest.mark.slow
def test_the_agents_readings_add_up(crew, deploy):
    run = deploy()
    crew.finish(run)

    reading = meter.read(run)

    whole = sum(parse_amount(agent["cost"]["amount"]) for agent in reading["agents"].values())
    assert whole == parse_amount(reading["spent"]["amount"])
    assert sum(agent["tokens"] for agent in reading["agents"].values()) == reading["tokens_in"] + reading["tokens_out"]


def test_the_speed_is_what_came_since_the_last_look():
    assert meter.with_speed({"tokens_out": 90}, {"tokens_out": 60}, 0.5)["tokens_per_second"] == 60
    assert meter.with_speed({"tokens_out": 90}, None, 0.5)["tokens_per_second"] == 0
    assert meter.with_speed({"tokens_out": 10}, {"tokens_out": 60}, 0.5)["tokens_per_second"] == 0
