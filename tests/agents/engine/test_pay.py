"""Money in two phases: held before a call is sent, captured after its row is closed; what is missing pauses the run."""

from uuid import UUID

import pytest

from agents import metered
from agents.engine.tick import tick
from agents.models import CallState, ModelCall, PauseReason, Run, RunState, Step, StepState
from agents.room import WINDOW_TOKENS
from agents.services import create_run, resume_run
from billing import services as billing
from billing.models import HoldState, Transfer, UsageRecord
from tests.agents.crew import assert_settled, told
from workspaces.models import Event
from wukong.kernel import committer
from wukong.kernel.errors import Invalid
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)
PAUSED_FOR_MONEY = {"state": RunState.PAUSED, "pause_reason": PauseReason.BUDGET}


def drafted(crew, deploy, **more) -> Run:
    run = deploy(start=False, **more)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    run.refresh_from_db()
    return run


def start(run: Run) -> None:
    from agents.services import start_run

    start_run(run=run, actor=None)


def leave(workspace_id: UUID, nano: int) -> UUID:
    """Hold all but about `nano` of a wallet for somebody else's call; returns that call."""
    call, available = new_id(), billing.balance_of(workspace_id).available_nano
    tokens = (available - nano) // 2000  # 2 a million tokens in
    billing.authorise(
        call=call,
        workspace_id=workspace_id,
        model="scripted",
        run=None,
        step=None,
        project=None,
        agent="",
        input_bound=tokens - 4,
        max_tokens=1,
    )
    return call


def test_the_hold_is_committed_before_the_call_is_sent(crew, deploy, sent):
    drafted(crew, deploy)

    ((request, call, hold),) = sent
    assert (call.state, hold.state) == (CallState.OPEN, HoldState.PENDING)
    assert hold.key == f"call:{call.pk}"
    assert hold.max_tokens == min(request.max_tokens, WINDOW_TOKENS)
    hold.refresh_from_db()
    assert hold.state == HoldState.CAPTURED


def test_the_capture_follows_the_closed_row(crew, deploy, monkeypatch):
    states = []
    asettle = billing.asettle

    async def watching(*, call, **told):
        states.append(await committer.arun(lambda: ModelCall.objects.get(pk=call).state))
        return await asettle(call=call, **told)

    monkeypatch.setattr(billing, "asettle", watching)

    drafted(crew, deploy)

    assert states == [CallState.REPORTED]


@pytest.mark.slow
def test_the_cost_of_a_run_is_the_sum_of_its_captures(crew, deploy):
    run = deploy()
    crew.finish(run)

    captures = Transfer.objects.filter(run=run.pk, code="capture").values_list("amount_nano", flat=True)
    assert billing.run_figures(run.pk).cost_nano == sum(captures)
    assert {f"call:{call.pk}" for call in ModelCall.objects.of_run(run.pk)} == set(
        Transfer.objects.filter(run=run.pk).values_list("key", flat=True)
    )


def test_tick_captures_a_closed_call_whose_worker_died_before_it_paid(crew, deploy, monkeypatch):
    async def dead(**asked):
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(billing, "asettle", dead)
        run = drafted(crew, deploy)
    assert len(billing.open_holds(run.pk)) == 1
    assert billing.run_figures(run.pk).cost_nano == 0

    tick()
    tick()

    (call,) = ModelCall.objects.of_run(run.pk)
    assert billing.open_holds(run.pk) == []
    assert billing.run_figures(run.pk).cost_nano == call.input_tokens * 2000 + call.output_tokens * 8000


def test_tick_gives_back_the_hold_of_a_call_that_was_never_opened(crew, deploy, workspace):
    run = drafted(crew, deploy)
    spent = billing.run_figures(run.pk).cost_nano
    billing.authorise(
        call=new_id(),
        workspace_id=workspace.pk,
        model="scripted",
        run=run.pk,
        step=None,
        project=None,
        agent="Writer",
        input_bound=100,
        max_tokens=100,
    )
    assert len(billing.open_holds(run.pk)) == 1

    tick()

    assert billing.open_holds(run.pk) == []
    assert billing.run_figures(run.pk).cost_nano == spent


@pytest.mark.slow
@pytest.mark.parametrize("state", [CallState.WASTED, CallState.FAILED, CallState.REFUSED])
def test_tick_charges_nothing_for_a_call_that_failed(crew, deploy, workspace, state):
    run = drafted(crew, deploy)
    step = Step.objects.of_run(run.pk).tasks().first()
    spent = billing.run_figures(run.pk).cost_nano
    call = ModelCall.objects.create(step=step, epoch=1, model="scripted", state=state, closed_at=run.created_at)
    billing.authorise(
        call=call.pk,
        workspace_id=workspace.pk,
        model="scripted",
        run=run.pk,
        step=step.pk,
        project=None,
        agent="Writer",
        input_bound=100,
        max_tokens=100,
    )

    tick()

    assert billing.open_holds(run.pk) == []
    assert billing.run_figures(run.pk).cost_nano == spent


def test_an_empty_wallet_pauses_the_run_and_says_what_is_missing(crew, deploy, workspace):
    run = drafted(crew, deploy)
    call = leave(workspace.pk, 50_000)
    start(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists())
    crew.rest()

    run.refresh_from_db()
    assert run.pause_details["scope"] == "wallet"
    assert run.pause_details["missing"]["currency"] == "USD"
    assert run.pause_details["missing_nano"] > 0
    assert set(ModelCall.objects.of_run(run.pk).exclude(step__number=0).values_list("state", flat=True)) == {"refused"}
    assert not Step.objects.of_run(run.pk).live().exists()
    assert billing.open_holds(run.pk) == []
    billing.void(call=call, reason="")


@pytest.mark.slow
def test_a_top_up_lets_the_run_go_on_by_itself(crew, deploy, workspace, expected):
    run = drafted(crew, deploy)
    call = leave(workspace.pk, 50_000)
    start(run)
    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists())
    tick()
    run.refresh_from_db()
    assert run.state == RunState.PAUSED

    billing.top_up(workspace_id=workspace.pk, amount_nano=10**9, key="t1", actor="Ada")
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run) == expected
    assert_settled(run)
    billing.void(call=call, reason="")


@pytest.mark.slow
def test_a_wallet_that_runs_dry_in_the_middle_is_never_overdrawn(crew, deploy, workspace):
    """Answers are cut where the money ends; after the top-up each section stands once."""
    run = drafted(crew, deploy)
    call = leave(workspace.pk, 9_000_000)
    start(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists())
    crew.rest()

    assert billing.balance_of(workspace.pk).available_nano >= 0
    assert Step.objects.of_run(run.pk).tasks().filter(state=StepState.READY).exists()
    billing.void(call=call, reason="")
    crew.finish(run, ticks=True)
    assert run.state == RunState.DONE
    lines = told(run).splitlines()
    assert all(lines.count(title) == 1 for title in ("Audience", "Channels", "Risks", "Summary"))
    assert len([line for line in lines if len(line) > 60]) == len({line for line in lines if len(line) > 60})
    assert_settled(run)


@pytest.mark.parametrize("budget", [pytest.param(16_000_000, marks=pytest.mark.slow), 25_000_000])
@pytest.mark.slow
def test_a_run_never_costs_more_than_its_budget(crew, deploy, workspace, budget):
    run = deploy(budget_nano=budget)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists(), ticks=True)
    crew.rest()

    run.refresh_from_db()
    figures = billing.run_figures(run.pk)
    assert figures.cost_nano + figures.held_nano <= budget
    assert run.pause_details["missing_nano"] > 0
    assert billing.balance_of(workspace.pk).available_nano > 10**9
    tick()
    run.refresh_from_db()
    assert run.state == RunState.PAUSED  # the wallet has enough, the budget has not


@pytest.mark.slow
def test_what_an_operator_gives_back_does_not_let_a_run_go_on_that_the_ledger_refuses(crew, deploy, workspace):
    """An adjustment of a call is part of what the run has cost, but its budget is counted by the ledger alone."""
    run = deploy(budget_nano=25_000_000)
    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists(), ticks=True)
    crew.rest()
    call = UsageRecord.objects.filter(run=run.pk).order_by("-amount_nano")[0].call
    billing.adjust(workspace_id=workspace.pk, signed_nano=10**9, key="sorry", actor="Bob", note="Sorry", call=call)
    assert billing.run_figures(run.pk).cost_nano < 0

    tick()

    run.refresh_from_db()
    assert run.state == RunState.PAUSED
    with pytest.raises(Invalid):
        resume_run(run=run, actor=None, budget_nano=1)


@pytest.mark.slow
def test_money_that_siblings_hold_is_waited_for(crew, deploy, workspace):
    """Each call holds far more than it will use: with enough for one at a time, the run is slow and not paused."""
    run = drafted(crew, deploy)
    call = leave(workspace.pk, 60_000_000)
    start(run)

    crew.finish(run, ticks=True)

    paused = Event.objects.filter(run=run.pk, type="run.moved", payload__state="paused")
    assert run.state == RunState.DONE
    assert not paused.exists()
    billing.void(call=call, reason="")


@pytest.mark.slow
def test_a_higher_budget_lets_the_run_go_on(crew, deploy, expected):
    run = deploy(budget_nano=25_000_000)
    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists(), ticks=True)
    crew.rest()

    resume_run(run=run, actor=None, budget_nano=10**9)
    crew.finish(run, ticks=True)

    assert run.state == RunState.DONE
    assert told(run) == expected
    assert_settled(run)


@pytest.mark.slow
def test_a_budget_has_to_leave_something_to_spend(crew, deploy, workspace):
    run = deploy(budget_nano=25_000_000)
    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists(), ticks=True)
    crew.rest()
    spent = billing.run_figures(run.pk).cost_nano

    for budget in (0, -1, spent, billing.balance_of(workspace.pk).balance_nano + spent + 1):
        with pytest.raises(Invalid):
            resume_run(run=run, actor=None, budget_nano=budget)

    run.refresh_from_db()
    assert (run.state, run.budget_nano) == (RunState.PAUSED, 25_000_000)


def test_what_a_person_cut_is_charged_as_estimated(crew, deploy, pace):
    from agents.services import pause_run

    run = drafted(crew, deploy)
    pace(100)
    start(run)
    crew.until(lambda: ModelCall.objects.of_run(run.pk).open().filter(counted_tokens__gt=20).exists())

    pause_run(run=run, actor=None)
    crew.rest()

    cut = ModelCall.objects.of_run(run.pk).filter(state=CallState.ESTIMATED)
    assert cut.exists()
    for call in cut:
        record = UsageRecord.objects.get(key=f"call:{call.pk}")
        assert (record.source, record.not_charged) == ("own", "")
        assert record.output_tokens == call.output_tokens == call.counted_tokens > 0
        assert record.amount_nano == call.input_tokens * 2000 + call.output_tokens * 8000
    assert billing.run_figures(run.pk).usage.estimated


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("template", {"template": "opera"}),
        ("model", {"model": "scripted:nonsense"}),
        ("goal", {"goal": "  "}),
        ("goal", {"goal": "x" * 4001}),
        ("budget", {"budget_nano": 0}),
        ("budget", {"budget_nano": 10**12}),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(crew, deploy, name, more):
    with pytest.raises(Invalid) as refused:
        deploy(**more)

    assert name in refused.value.details
    assert not Run.objects.exists()
    assert list(crew.wakes) == []


def test_a_model_without_a_price_is_refused(crew, project, settings, monkeypatch):
    monkeypatch.setattr("billing.cards._BUILT_IN", {})

    with pytest.raises(Invalid):
        create_run(project=project, template="campaign", goal="Tea.", model="scripted", actor=None)


def test_every_model_that_is_offered_has_a_price(db):
    for model in metered.models():
        assert billing.quote(model.profile.id, 1000, 1000) > 0
