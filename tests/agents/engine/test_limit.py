"""Limits of workspace, project, swarm and agent stop a run like an empty wallet: it waits, and goes on by itself."""

import pytest

from agents.engine import quoting
from agents.engine.tick import tick
from agents.models import ModelCall, PauseReason, Run, RunState
from billing import services as billing
from tests.agents.crew import told
from workspaces.events.models import Event

PAUSED = {"state": RunState.PAUSED, "pause_reason": PauseReason.BUDGET}


def limit(workspace, level, name, nano, **more):
    billing.set_budget(
        workspace_id=workspace.pk, level=level, name=name, period="month", limit_nano=nano, actor="person:1", **more
    )


def moves_of(run):
    return Event.objects.filter(run=run.pk, type="run.moved").count()


@pytest.mark.parametrize(
    "level",
    [
        "workspace",
        pytest.param("project", marks=pytest.mark.slow),
        pytest.param("swarm", marks=pytest.mark.slow),
        pytest.param("agent", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_run_waits_under_a_limit_and_goes_on_when_it_is_raised(crew, deploy, workspace, project, level):
    name = {"workspace": "", "project": str(project.pk), "swarm": "campaign", "agent": "Writer"}[level]
    limit(workspace, level, name, 5_000_000)
    run = deploy()

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED).exists(), ticks=True)
    crew.rest()

    run.refresh_from_db()
    before = moves_of(run), ModelCall.objects.of_run(run.pk).count()
    for _stroke in range(3):
        tick()
    run.refresh_from_db()
    assert (run.state, run.pause_details.get("limit", run.pause_details.get("scope"))) == (RunState.PAUSED, level)
    assert (moves_of(run), ModelCall.objects.of_run(run.pk).count()) == before  # it does not try again and again
    (row,) = billing.budgets_of(workspace)
    assert row.spent_nano + row.held_nano <= 5_000_000

    limit(workspace, level, name, 10**9)
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run)


def test_what_a_run_may_spend_is_what_its_nearest_hard_limit_leaves(workspace, project, deploy):
    run = deploy(start=False)
    wallet = billing.balance_of(workspace.pk).available_nano
    assert quoting.available_nano(run, "Writer") == wallet

    limit(workspace, "agent", "Writer", 7)
    limit(workspace, "workspace", "", 9)
    limit(workspace, "project", str(project.pk), 3, is_hard=False)
    limit(workspace, "swarm", "report", 1)

    assert [quoting.available_nano(run, agent) for agent in ("Writer", "Editor", "")] == [7, 9, 9]
    assert [quoting.limit_room(run, agent) for agent in ("Writer", "Editor")] == [(7, "agent"), (9, "workspace")]
