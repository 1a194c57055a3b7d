"""A scripted run from its plan to its end: several agents at once, the same every time, told in order."""

import re
from itertools import pairwise

import pytest

from agents.models import Attempt, CallState, ModelCall, Run, RunSource, RunState, Step, StepDep, StepState
from agents.services import quote_of, start_run, stop_run
from billing import services as billing
from tests.agents.crew import Hand, assert_settled, kill, text_of, tokens_of, told
from workspaces.documents.services import create_document, create_project
from workspaces.models import Document, DocumentUpdate, Event
from workspaces.sources.services import add_source

pytestmark = pytest.mark.django_db(transaction=True)
PRICES = "Item,Amount\nSocial advertising,8400\nLocal radio,7200\nTasting events,8400\n"


def test_a_run_plans_writes_and_settles(crew, deploy, project):
    before = billing.balance_of(project.workspace_id).balance_nano

    run = deploy()
    crew.finish(run)

    figures = billing.run_figures(run.pk)
    assert (run.state, run.pause_reason, run.error) == (RunState.DONE, "", "")
    assert_settled(run)
    assert set(Step.objects.of_run(run.pk).values_list("state", flat=True)) == {StepState.DONE}
    assert before - billing.balance_of(project.workspace_id).balance_nano == figures.cost_nano > 0
    assert run.started_at is not None
    assert run.created_at <= run.started_at <= run.ended_at
    text = text_of(run.document)
    assert all(task.spec["section"] in text for task in Step.objects.of_run(run.pk).tasks() if task.spec["section"])
    crew.until(lambda: Document.objects.get(pk=run.document_id).words > 100)  # lists show it, though nobody opened it


@pytest.mark.slow
def test_every_call_is_charged_by_its_usage_and_no_other(crew, deploy):
    run = deploy()
    crew.finish(run)

    usage = billing.run_figures(run.pk).usage
    rows = ModelCall.objects.of_run(run.pk)
    assert {row.state for row in rows} == {CallState.REPORTED}
    assert usage.input_tokens == sum(row.input_tokens for row in rows)
    assert usage.output_tokens == sum(row.output_tokens for row in rows)
    assert not usage.estimated


@pytest.mark.slow
def test_the_same_goal_gives_the_same_text_tokens_and_cost(crew, deploy, expected):
    first = Run.objects.get()

    second = deploy()
    crew.finish(second)

    assert told(second) == expected
    assert tokens_of(second) == tokens_of(first)
    assert billing.run_figures(second.pk).cost_nano == billing.run_figures(first.pk).cost_nano


@pytest.mark.slow
def test_the_pace_changes_nothing(crew, deploy, pace, expected):
    pace(4000)

    run = deploy()
    crew.finish(run)

    assert told(run) == expected


@pytest.mark.slow
def test_agents_cite_sources_that_exist(crew, deploy, project, ada):
    source = add_source(project=project, name="prices.csv", data=PRICES, media_type="text/csv", actor=ada)

    run = deploy(sources=[source])
    crew.finish(run)

    cited = {int(number) for number in re.findall(r"\[(\d+)\]", text_of(run.document))}
    assert cited == {source.number, run.brief.number}
    assert RunSource.objects.filter(run=run).count() == 1
    assert "24,000" in text_of(run.document)  # the table's total, computed


@pytest.mark.slow
def test_the_template_report_runs_too(crew, deploy):
    run = deploy(template="report")
    crew.finish(run)

    assert run.state == RunState.DONE
    assert_settled(run)


def test_at_least_three_agents_write_at_the_same_time_and_soon(crew, deploy, pace):
    """The first words are there within a second after the start; measured on a plan that stands."""
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT))
    crew.rest()
    pace(60)
    start_run(run=run, actor=None)
    first_words = crew.until(lambda: Step.objects.of_run(run.pk).filter(words__gt=0).exists())
    crew.until(lambda: Step.objects.of_run(run.pk).live().filter(words__gt=0).count() >= 3)
    run.refresh_from_db()
    stop_run(run=run, actor=None)
    crew.finish(run)

    attempts = Attempt.objects.filter(step__run=run, step__kind="compose")
    spans = list(attempts.values_list("created_at", "ended_at"))
    most = max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)
    assert first_words <= 1.0
    assert most >= 3
    writers = DocumentUpdate.objects.filter(document=run.document, kind="agent").order_by("seq")
    order = [client for (client,) in writers.values_list("client_id")]
    assert sum(one != two for one, two in pairwise(order)) >= 3  # their words lie among each other


@pytest.mark.slow
def test_steps_wait_for_what_they_need(crew, deploy):
    run = deploy()
    crew.finish(run)

    for dep in StepDep.objects.filter(step__run=run).select_related("step", "needs"):
        assert dep.needs.ended_at <= dep.step.started_at, (dep.needs.title, dep.step.title)


@pytest.mark.slow
def test_two_runs_at_once_in_one_project(crew, deploy, expected):
    one, two = deploy(), deploy()

    crew.finish(one, two)

    assert (one.state, two.state) == (RunState.DONE, RunState.DONE)
    assert one.document_id != two.document_id
    assert told(one) == told(two) == expected
    for run in (one, two):
        assert_settled(run)


@pytest.mark.slow
def test_two_runs_at_once_in_one_document(crew, deploy, project, ada, expected):
    document = create_document(project=project, title="Shared", actor=ada)

    one, two = deploy(document=document), deploy(document=document)
    crew.finish(one, two)

    lines = text_of(document).splitlines()
    assert one.document_id == two.document_id == document.pk
    assert lines.count("Audience") == lines.count("Risks") == 2
    assert len(lines) == 2 * len(expected.splitlines())


@pytest.mark.slow
def test_a_person_writes_in_the_same_document_and_loses_nothing(crew, deploy, pace):
    pace(400)
    run = deploy()
    crew.until(lambda: Step.objects.of_run(run.pk).filter(words__gt=0).exists())
    run.refresh_from_db()
    hand = Hand(run.document)
    (own,) = hand.peer.insert_after(None, [{"type": "paragraph", "content": [{"type": "text", "text": "Mine"}]}])
    hand.save()

    for number in range(20):
        hand.append(own, f" and {number}")
        crew.start()
    crew.finish(run)

    assert "Mine" + "".join(f" and {number}" for number in range(20)) in text_of(run.document)
    assert run.state == RunState.DONE


@pytest.mark.slow
def test_events_have_no_gaps_and_rebuild_the_state(crew, deploy, workspace):
    """State + events = fresh state: who hears every event knows what a new page would read."""
    run = deploy()
    crew.finish(run)

    events = list(Event.objects.since(workspace.pk, 0))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    heard = {event.payload["step"]: event.payload for event in events if event.type == "step.moved"}
    fresh = {str(step.pk): step for step in Step.objects.of_run(run.pk)}
    assert heard.keys() == fresh.keys()
    for key, step in fresh.items():
        told = heard[key]
        row = (step.number, step.title, step.state, step.words, step.block, step.error)
        assert (told["number"], told["title"], told["state"], told["words"], told["block"], told["error"]) == row
    (*_, last) = [event.payload for event in events if event.type == "run.moved"]
    assert (last["state"], last["document"]) == (run.state, str(run.document_id))
    assert last["cost"]["amount"] == f"{billing.run_figures(run.pk).cost_nano / 10**9:.9f}"


@pytest.mark.slow
def test_runs_move_through_their_states_in_order(crew, deploy, workspace):
    run = deploy()
    crew.finish(run)

    moved = [event.payload["state"] for event in Event.objects.filter(run=run.pk, type="run.moved").order_by("seq")]
    assert moved == ["planning", "running", "finishing", "done"]


def test_a_plan_is_bound_to_a_schema_and_needs_no_valid_answer(crew, deploy, monkeypatch):
    """Whatever the planner says, a plan comes of it; the request carries the JSON Schema."""
    from agents.llm import scripted

    asked = []
    stream = scripted.ScriptedModel.stream

    def garbage(self, request):
        from dataclasses import replace

        asked.append(request)
        scenario = replace(request.scenario, text="Sure! Here is no plan.") if request.role == "planner" else None
        return stream(self, replace(request, scenario=scenario or request.scenario))

    monkeypatch.setattr(scripted.ScriptedModel, "stream", garbage)

    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT))

    (request,) = asked
    assert request.schema is not None
    assert request.schema["additionalProperties"] is False
    assert Step.objects.of_run(run.pk).tasks().count() >= 5


def test_a_plan_with_a_circle_is_refused():
    from agents.engine import scaffold
    from agents.writing.plan import Plan, Task
    from wukong.kernel.errors import Invalid

    circle = Plan("x", (Task(1, "a", "writer", "compose", (2,)), Task(2, "b", "writer", "compose", (1,))))
    missing = Plan("x", (Task(1, "a", "writer", "compose", (7,)),))
    for plan in (circle, missing, Plan("x", ())):
        with pytest.raises(Invalid):
            scaffold.check(plan)


@pytest.mark.slow
def test_runs_of_two_projects_do_not_see_each_others_sources(crew, deploy, workspace, ada):
    other = create_project(workspace=workspace, name="Other", actor=ada)

    one, two = deploy(), deploy(project=other)
    crew.finish(one, two)

    assert (one.brief.number, two.brief.number) == (1, 1)
    assert one.brief_id != two.brief_id


@pytest.mark.slow
def test_a_worker_that_is_closed_gives_its_steps_back(crew, deploy, pace, expected):
    """SIGTERM: what has been written stays, the next process writes the rest, and the cut answers are not charged."""
    from agents.engine import loop

    pace(300)
    run = deploy()
    crew.until(lambda: Step.objects.of_run(run.pk).live().filter(words__gt=5).count() >= 2)

    loop.close()

    assert not Step.objects.of_run(run.pk).live().exists()
    assert not Attempt.objects.filter(step__run=run, state="open").exists()
    assert ModelCall.objects.of_run(run.pk).filter(state=CallState.WASTED).exists()
    assert billing.open_holds(run.pk) == []
    loop.reopen()
    crew.futures.clear()
    pace(0)
    crew.finish(run, ticks=True)
    assert told(run) == expected
    assert_settled(run)


@pytest.mark.slow
def test_a_block_that_a_person_touched_before_the_worker_died_is_kept(crew, deploy, pace):
    from agents.engine import claim

    pace(200)
    run = deploy()
    writing = Step.objects.of_run(run.pk).live().filter(words__gt=12)

    def open_steps() -> list[Step]:
        return [one for one in writing.all() if any(not row["is_done"] for row in one.blocks.values())]

    crew.until(lambda: bool(open_steps()))
    kill()
    run.refresh_from_db()
    step = open_steps()[0]
    open_block = next(row["id"] for row in step.blocks.values() if not row["is_done"])
    Hand(run.document).append(open_block, " (I was here)")

    claim.take_over_all()
    crew.futures.clear()
    pace(0)
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert "(I was here)" in text_of(run.document)
    assert_settled(run)


@pytest.mark.slow
def test_estimates_are_near_the_cost(crew, deploy):
    """The quote before the start and what the run has cost lie within a factor of two."""
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT))
    run.refresh_from_db()
    about = quote_of(run).about_nano

    start_run(run=run, actor=None)
    crew.finish(run)

    assert about / 2 <= billing.run_figures(run.pk).cost_nano <= about * 2
