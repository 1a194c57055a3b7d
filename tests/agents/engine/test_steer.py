"""Steering a run: start, pause, go on, stop, take a task out; a person at the keyboard goes first."""

import time

import pytest

from agents.engine import claim as claims
from agents.engine import registry, tick
from agents.engine.hand import QUIET_S
from agents.models import AttemptState, CallState, ModelCall, PauseReason, Run, RunState, Step, StepState
from agents.services import pause_run, quote_of, remove_task, resume_run, start_run, stop_run
from billing import services as billing
from tests.agents.crew import Hand, assert_settled, text_of, told
from workspaces.documents.services import archive_project
from workspaces.models import Document, Event
from wukong.kernel import committer
from wukong.kernel.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draft(crew, deploy):
    """A run that is planned and waits for its start."""
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    run.refresh_from_db()
    return run


@pytest.fixture
def writing(crew, draft, pace, ada):
    """A run in mid-stream: at least two agents have written words."""
    pace(80)
    start_run(run=draft, actor=ada)
    crew.until(lambda: Step.objects.of_run(draft.pk).live().filter(words__gt=3).count() >= 2)
    draft.refresh_from_db()
    return draft


def nobody_works(run: Run) -> bool:
    return not Step.objects.of_run(run.pk).live().exists()


def state_of(run: Run) -> str:
    return Run.objects.values_list("state", flat=True).get(pk=run.pk)


def test_a_draft_has_a_plan_and_no_document(draft):
    assert draft.plan["title"]
    assert draft.document is None
    assert not Document.objects.exists()
    assert set(Step.objects.of_run(draft.pk).tasks().values_list("state", flat=True)) == {StepState.PENDING}


def test_a_start_lays_out_the_document_and_wakes_what_needs_nothing(draft, crew, ada):
    start_run(run=draft, actor=ada)

    draft.refresh_from_db()
    steps = Step.objects.of_run(draft.pk).tasks()
    free = {step.pk for step in steps if not step.needs.exists()}
    assert draft.state == RunState.RUNNING
    assert set(crew.wakes) == free
    assert {step.pk for step in steps.waiting()} == free
    headings = [step.spec["section"] for step in steps if step.spec["section"]]
    assert sorted(text_of(draft.document).splitlines()) == sorted(headings)
    assert all(step.block for step in steps if step.spec["section"])


def test_a_second_start_changes_nothing(draft, crew, ada):
    start_run(run=draft, actor=ada)
    before = (text_of(Run.objects.get().document), Event.objects.count(), list(crew.wakes))

    start_run(run=draft, actor=ada)

    assert (text_of(Run.objects.get().document), Event.objects.count(), list(crew.wakes)) == before


def test_a_start_while_the_plan_is_made_goes_on_into_the_work(crew, deploy, ada):
    run = deploy(start=False)

    start_run(run=run, actor=ada)
    crew.until(lambda: state_of(run) == RunState.RUNNING)

    assert Run.objects.get().started_at is not None


def test_taking_a_task_out_lowers_the_quote_and_joins_what_was_around_it(draft, ada):
    before = quote_of(draft)
    steps = {step.title: step for step in Step.objects.of_run(draft.pk).tasks()}
    gone, key = steps["Audience"], steps["Audience"].pk
    review = Step.objects.of_run(draft.pk).get(kind="review")
    needs = set(review.needs.values_list("needs_id", flat=True))

    after = quote_of(remove_task(step=gone, actor=ada))

    assert before.about_nano - after.about_nano == before.step_nano(gone.number) > 0
    assert set(review.needs.values_list("needs_id", flat=True)) == needs - {key}
    assert gone.number not in {task["number"] for task in Run.objects.get().plan["tasks"]}
    assert not any(gone.number in step.spec["needs"] for step in Step.objects.of_run(draft.pk).tasks())


@pytest.mark.slow
def test_a_plan_without_one_of_its_tasks_runs(draft, crew, ada):
    remove_task(step=Step.objects.of_run(draft.pk).get(title="Audience"), actor=ada)

    start_run(run=draft, actor=ada)
    crew.finish(draft)

    assert draft.state == RunState.DONE
    assert "Audience" not in text_of(draft.document).splitlines()
    assert_settled(draft)


def test_the_last_task_stays(draft, ada):
    *others, last = Step.objects.of_run(draft.pk).tasks()
    for step in others:
        remove_task(step=step, actor=ada)

    with pytest.raises(Conflict):
        remove_task(step=last, actor=ada)

    assert list(Step.objects.of_run(draft.pk).tasks()) == [last]


def test_tasks_of_a_run_that_has_started_stay(draft, ada):
    start_run(run=draft, actor=ada)

    with pytest.raises(Conflict):
        remove_task(step=Step.objects.of_run(draft.pk).get(title="Audience"), actor=ada)


def test_a_pause_stops_everybody_and_keeps_what_is_written(writing, crew, ada):
    before = text_of(writing.document)
    began = time.monotonic()

    pause_run(run=writing, actor=ada)
    crew.until(lambda: nobody_works(writing))
    crew.rest()

    assert time.monotonic() - began <= 1.0
    writing.refresh_from_db()
    assert (writing.state, writing.pause_reason) == (RunState.PAUSED, PauseReason.USER)
    assert billing.open_holds(writing.pk) == []
    assert len(text_of(writing.document)) >= len(before)
    assert set(Step.objects.of_run(writing.pk).filter(attempts__state=AttemptState.STOPPED).values_list("state")) == {
        (StepState.READY,)
    }
    crew.start()
    assert nobody_works(writing)


@pytest.mark.slow
def test_a_paused_run_goes_on_where_it_was(writing, crew, ada, pace, expected_of):
    pause_run(run=writing, actor=ada)
    crew.until(lambda: nobody_works(writing))
    crew.rest()
    pace(0)

    resume_run(run=writing, actor=ada)
    crew.finish(writing)

    assert writing.state == RunState.DONE
    assert told(writing) == expected_of()
    assert_settled(writing)


@pytest.fixture
def expected_of(crew, deploy):
    def words() -> str:
        run = deploy()
        crew.finish(run)
        return told(run)

    return words


@pytest.mark.slow
def test_a_pause_and_a_resume_in_one_breath_lose_nothing(writing, crew, ada, pace):
    for _ in range(5):
        pause_run(run=writing, actor=ada)
        resume_run(run=writing, actor=ada)
        crew.start()
    pace(0)

    crew.finish(writing)

    assert writing.state == RunState.DONE
    lines = [line for line in text_of(writing.document).splitlines() if len(line) > 60]
    assert len(lines) == len(set(lines))
    assert_settled(writing)


@pytest.mark.slow
def test_a_run_that_is_paused_while_its_plan_is_made_stays_paused(crew, deploy, ada, pace):
    pace(100)
    run = deploy()
    crew.until(lambda: ModelCall.objects.of_run(run.pk).open().exists())

    pause_run(run=run, actor=ada)
    crew.rest()
    assert state_of(run) == RunState.PAUSED

    pace(0)
    resume_run(run=run, actor=ada)
    crew.finish(run)
    assert run.state == RunState.DONE
    assert run.started_at is not None
    assert_settled(run)


def test_a_stop_in_mid_stream_ends_the_run_within_two_seconds(writing, crew, ada):
    began = time.monotonic()

    stop_run(run=writing, actor=ada)
    crew.until(lambda: state_of(writing) == RunState.CANCELLED)

    assert time.monotonic() - began <= 2.0
    crew.rest()
    assert_settled(writing)
    assert set(Step.objects.of_run(writing.pk).tasks().values_list("state", flat=True)) <= {"done", "cancelled"}
    assert ModelCall.objects.of_run(writing.pk).filter(state=CallState.ESTIMATED).exists()
    assert not ModelCall.objects.of_run(writing.pk).filter(state=CallState.WASTED).exists()


def test_a_stop_from_another_process_is_seen_within_two_seconds(writing, crew, ada, monkeypatch):
    """Its workers hear nothing of it: they read it."""
    monkeypatch.setattr(registry, "interrupt", lambda run_id: None)
    began = time.monotonic()

    stop_run(run=writing, actor=ada)
    crew.until(lambda: state_of(writing) == RunState.CANCELLED)

    assert time.monotonic() - began <= 2.0
    crew.rest()
    assert_settled(writing)


def test_a_stop_ends_a_run_whose_worker_is_dead(draft, crew, ada, monkeypatch):
    start_run(run=draft, actor=ada)
    step = Step.objects.of_run(draft.pk).waiting().first()
    committer.run(lambda: claims.claim(step.pk))
    monkeypatch.setattr(tick, "STOP_GRACE_S", 0.0)

    stop_run(run=draft, actor=ada)
    assert state_of(draft) == RunState.FINISHING
    tick.tick()

    assert_settled(draft)
    assert draft.state == RunState.CANCELLED


def test_a_draft_can_be_stopped(draft, ada):
    assert stop_run(run=draft, actor=ada).state == RunState.CANCELLED
    assert_settled(draft)


@pytest.mark.slow
def test_a_paused_run_can_be_stopped(writing, crew, ada):
    pause_run(run=writing, actor=ada)
    crew.until(lambda: nobody_works(writing))
    crew.rest()

    assert stop_run(run=writing, actor=ada).state == RunState.CANCELLED
    assert_settled(writing)


def test_a_second_stop_changes_nothing(draft, ada):
    stop_run(run=draft, actor=ada)
    before = Event.objects.count()

    assert stop_run(run=draft, actor=ada).state == RunState.CANCELLED
    assert Event.objects.count() == before


@pytest.mark.slow
def test_what_has_ended_cannot_be_steered(crew, deploy, ada):
    run = deploy()
    crew.finish(run)

    for verb in (start_run, pause_run, resume_run, stop_run):
        with pytest.raises(Conflict) as refused:
            verb(run=run, actor=ada)
        assert refused.value.details == {"state": "done"}
    assert state_of(run) == RunState.DONE


def test_nothing_begins_in_an_archived_project(crew, deploy, project, ada):
    archive_project(project=project, actor=ada)

    with pytest.raises(Conflict):
        deploy()


def hold_up(crew, run: Run, step: Step) -> tuple[Hand, str]:
    """Type in the block that the step writes, until its agent waits; returns the typist and the block."""
    hand, own, typed_at = Hand(run.document), "", 0.0

    def is_held() -> bool:
        nonlocal own, typed_at
        step.refresh_from_db()
        is_open = next((row["id"] for row in step.blocks.values() if not row["is_done"]), "")
        if "person types" in step.detail and own == is_open:
            return True
        if is_open and time.monotonic() - typed_at > 0.1:
            own, typed_at = is_open, time.monotonic()
            hand.append(own, " PERSON")
        return False

    crew.until(is_held)
    return hand, own


def a_writer(run: Run) -> Step:
    step = Step.objects.of_run(run.pk).live().exclude(block="").first()
    assert step is not None
    return step


@pytest.mark.slow
def test_an_agent_yields_to_a_person_who_types_in_its_block(writing, crew, pace):
    hand, own = hold_up(crew, writing, a_writer(writing))
    hand.look()
    before = hand.peer.text_of(own)
    began = time.monotonic()

    while time.monotonic() - began < QUIET_S / 2:
        hand.append(own, "~")
        crew.start()
        time.sleep(0.1)
    hand.look()
    assert hand.peer.text_of(own).replace("~", "") == before  # not one word of the agent's meanwhile

    pace(0)
    crew.finish(writing)
    assert "PERSON" in text_of(writing.document)
    assert writing.state == RunState.DONE
    assert_settled(writing)


@pytest.mark.slow
def test_a_stop_while_an_agent_yields_charges_what_it_had_heard(writing, crew, ada):
    """Its stream stands still between two words: hanging up and closing the call must not get lost."""
    step = a_writer(writing)
    hold_up(crew, writing, step)
    began = time.monotonic()

    stop_run(run=writing, actor=ada)
    crew.until(lambda: state_of(writing) == RunState.CANCELLED)

    assert time.monotonic() - began <= 2.0
    crew.rest()
    assert_settled(writing)
    (call,) = step.calls.all()
    assert call.state == CallState.ESTIMATED


@pytest.mark.slow
def test_other_agents_go_on_while_one_yields(writing, crew):
    step = a_writer(writing)
    hold_up(crew, writing, step)

    def of_others() -> int:
        return sum(row.words for row in Step.objects.of_run(writing.pk).exclude(pk=step.pk))

    words = of_others()

    crew.until(lambda: of_others() > words + 3, seconds=QUIET_S)

    step.refresh_from_db()
    assert step.state == StepState.RUNNING
    assert "person types" in step.detail


@pytest.mark.slow
def test_a_block_that_a_person_deletes_stays_deleted(writing, crew, pace):
    step = Step.objects.of_run(writing.pk).live().filter(words__gt=3).exclude(block="").first()
    own = next(row["id"] for row in step.blocks.values() if not row["is_done"])
    hand = Hand(writing.document)

    hand.delete(own)
    pace(0)
    crew.finish(writing)

    hand.look()
    assert not hand.peer.has(own)
    assert writing.state == RunState.DONE


def test_the_calls_of_a_stopped_run_are_not_begun(draft, crew, ada):
    start_run(run=draft, actor=ada)
    stop_run(run=draft, actor=ada)
    before = ModelCall.objects.count()

    crew.start()
    crew.rest()

    assert ModelCall.objects.count() == before
