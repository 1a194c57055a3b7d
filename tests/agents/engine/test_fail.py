"""Models that fail: nobody pays for it, they are asked again after a while, at last the run waits for a person."""

import pytest

from agents.engine import endings, failures
from agents.llm import scripted
from agents.llm.failures import failure
from agents.models import AttemptState, CallState, ModelCall, PauseReason, Run, RunState, Step, StepState
from agents.services import resume_run
from billing import services as billing
from billing.models import UsageRecord
from tests.agents.crew import assert_settled, told

pytestmark = pytest.mark.django_db(transaction=True)
NO_ANSWER = {"state": RunState.PAUSED, "pause_reason": PauseReason.PROVIDER}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Failures are tried again at the next tick; how long they really wait is tested by itself."""
    monkeypatch.setattr(failures, "backoff_s", lambda count, retry_after=None: 0.0)


@pytest.fixture
def dead(monkeypatch):
    """Return a function that lets the scripted model fail from now on, or answer again."""
    state: dict[str, Exception | None] = {"error": None}
    stream = scripted.ScriptedModel.stream

    async def failing(self, request):
        if state["error"] is not None:
            raise state["error"]
        async for item in stream(self, request):
            yield item

    monkeypatch.setattr(scripted.ScriptedModel, "stream", failing)

    def be(error: Exception | None) -> None:
        state["error"] = error

    return be


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        pytest.param("error-500", 1, marks=pytest.mark.slow),
        pytest.param("error-429", 2, marks=pytest.mark.slow),
        pytest.param("timeout", 1, marks=pytest.mark.slow),
        pytest.param("cut", 1, marks=pytest.mark.slow),
        pytest.param("slow", 0, marks=pytest.mark.slow),
    ],
)
def test_a_model_that_stumbles_is_asked_again_and_nobody_pays_for_it(crew, deploy, expected, fault, failed):
    whole = Run.objects.get()

    run = deploy(model=f"scripted:{fault}")
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run) == expected
    assert_settled(run)
    lost = ModelCall.objects.of_run(run.pk).filter(state=CallState.FAILED)
    steps = Step.objects.of_run(run.pk).tasks().exclude(calls=None)
    assert lost.filter(step__in=steps).count() >= failed * steps.distinct().count()
    cost, undisturbed = cost_of_tasks(run), cost_of_tasks(whole)
    # Paragraphs that were finished before a cut stand, although nobody pays for that answer.
    assert cost < undisturbed if fault == "cut" else cost == undisturbed


def cost_of_tasks(run: Run) -> int:
    """What the ledger took for the run's writing: how often the planner is asked differs with the fault."""
    plan = Step.objects.of_run(run.pk).get(number=0)
    records = UsageRecord.objects.filter(run=run.pk, not_charged="").exclude(step=plan.pk)
    return sum(record.amount_nano for record in records)


def test_tokens_that_came_before_a_cut_are_shown_as_not_charged(crew, deploy):
    run = deploy(model="scripted:cut", start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists(), ticks=True)

    (lost,) = UsageRecord.objects.filter(run=run.pk).exclude(not_charged="")
    assert lost.output_tokens > 0
    assert lost.amount_nano == 0
    assert lost.uncharged_nano > 0
    assert billing.run_figures(run.pk).not_charged_tokens == lost.input_tokens + lost.output_tokens


@pytest.mark.parametrize(
    "fault", ["loop", pytest.param("long", marks=pytest.mark.slow), pytest.param("chinese", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_a_model_that_goes_astray_is_kept_in_check(crew, deploy, fault):
    run = deploy(model=f"scripted:{fault}")
    crew.finish(run, ticks=True)

    text = told(run)
    sentences = [line for line in text.splitlines() if len(line) > 60]
    assert run.state == RunState.DONE
    assert scripted.LEAK not in text
    assert len(sentences) == len(set(sentences))
    assert_settled(run)


@pytest.mark.parametrize("kind", ["transient", *(pytest.param(k, marks=pytest.mark.slow) for k in ("rate", "cut"))])
@pytest.mark.slow
def test_a_model_that_stays_away_pauses_the_run_and_costs_nothing(crew, deploy, dead, kind):
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    spent = billing.run_figures(run.pk).cost_nano
    dead(failure(kind))
    begin(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **NO_ANSWER).exists(), ticks=True)
    crew.rest()

    run.refresh_from_db()
    assert run.pause_details["message"]
    assert billing.run_figures(run.pk).cost_nano == spent
    assert billing.open_holds(run.pk) == []
    step = Step.objects.of_run(run.pk).filter(attempts__state=AttemptState.FAILED).first()
    assert step.attempts.count() >= endings.MAX_FAILURES or step.failures < endings.MAX_FAILURES
    assert not Step.objects.of_run(run.pk).filter(state=StepState.FAILED).exists()


def begin(run: Run) -> None:
    from agents.services import start_run

    start_run(run=run, actor=None)


@pytest.mark.slow
def test_a_paused_run_goes_on_when_the_model_is_back(crew, deploy, dead, expected):
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    dead(failure("transient"))
    begin(run)
    crew.until(lambda: Run.objects.filter(pk=run.pk, **NO_ANSWER).exists(), ticks=True)
    crew.rest()
    dead(None)

    resume_run(run=run, actor=None)
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run) == expected
    assert_settled(run)


def test_a_refusal_pauses_at_once(crew, deploy, dead):
    """A wrong key does not become right by asking again."""
    dead(failure("refused", text="The key is wrong."))

    run = deploy()
    crew.until(lambda: Run.objects.filter(pk=run.pk, **NO_ANSWER).exists())
    crew.rest()

    run.refresh_from_db()
    assert run.pause_details["message"] == "The key is wrong."
    assert ModelCall.objects.of_run(run.pk).count() == 1
    assert billing.open_holds(run.pk) == []


@pytest.mark.slow
def test_a_planner_that_does_not_answer_is_replaced_by_the_templates_plan(crew, deploy, dead):
    dead(failure("transient"))
    run = deploy(start=False)

    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists(), ticks=True)

    assert Step.objects.of_run(run.pk).tasks().count() >= 5
    assert billing.run_figures(run.pk).cost_nano == 0


@pytest.mark.slow
def test_a_request_that_is_too_long_fails_the_run(crew, deploy, dead):
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    dead(failure("context"))
    begin(run)

    crew.finish(run, ticks=True)

    assert run.state == RunState.FAILED
    assert "too long" in run.error
    assert_settled(run)


@pytest.mark.slow
def test_an_error_of_ours_is_tried_again_and_then_fails_the_run(crew, deploy, dead, caplog):
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    dead(ZeroDivisionError("oops"))
    begin(run)

    crew.finish(run, ticks=True)

    assert run.state == RunState.FAILED
    assert "oops" not in run.error
    assert max(step.attempts.count() for step in Step.objects.of_run(run.pk)) == endings.MAX_FAILURES
    assert_settled(run)


@pytest.mark.slow
def test_a_task_that_never_ends_is_ended(crew, deploy, pace, monkeypatch):
    from agents.engine import perform

    monkeypatch.setattr(perform, "WALL_CLOCK_S", 0.3)
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    pace(1)
    begin(run)

    crew.finish(run, ticks=True)

    assert run.state == RunState.FAILED
    assert "too long" in run.error
    assert_settled(run)


@pytest.mark.slow
def test_a_model_that_was_taken_away_pauses_the_run(crew, deploy, settings):
    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    settings.WUKONG_SCRIPTED = False
    begin(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **NO_ANSWER).exists())
    crew.rest()

    run.refresh_from_db()
    assert "scripted" in run.pause_details["message"]


@pytest.mark.slow
def test_words_that_the_database_did_not_take_are_written_again(crew, deploy, expected, monkeypatch, pace):
    """The database is away for longer than a flush is patient: what follows must not hang on words that were lost."""
    from django.db import OperationalError

    from agents.engine import flush

    pace(300)
    write, failed = flush.write, []

    def away(claim, parcel):
        if parcel.update is not None and claim.epoch == 1 and claim.step.title == "Audience" and len(failed) < 5:
            failed.append(parcel.key)
            raise OperationalError("away")
        return write(claim, parcel)

    monkeypatch.setattr(flush, "write", away)

    run = deploy()
    crew.finish(run, ticks=True)

    assert len(set(failed)) == 1  # one parcel, tried five times
    assert run.state == RunState.DONE
    assert told(run) == expected
    assert Step.objects.of_run(run.pk).get(title="Audience").epoch == 2
    assert_settled(run)
