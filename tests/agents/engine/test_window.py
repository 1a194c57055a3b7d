"""How much is held for a call: all that it may write, or a window that grows with its words."""

from dataclasses import replace

import pytest

from agents.llm import scripted
from agents.models import CallState, ModelCall, Run
from agents.room import WINDOW_TOKENS
from billing import services as billing
from billing.models import Hold
from tests.agents.crew import assert_settled
from tests.agents.engine.test_pay import PAUSED_FOR_MONEY, drafted, leave, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clamped(monkeypatch):
    """A provider that bills an answer to its end, whether we listen or not: everything is held before it is asked."""
    profile = scripted.ScriptedModel().profile
    monkeypatch.setattr(scripted.ScriptedModel, "profile", replace(profile, cancel_stops_billing=False))


@pytest.mark.usefixtures("clamped")
def test_max_tokens_fall_to_what_is_affordable_and_are_sent(crew, deploy, workspace, sent):
    run = drafted(crew, deploy)
    sent.clear()
    call = leave(workspace.pk, 3_000_000)
    start(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists())
    crew.rest()

    request, _, hold = sent[0]
    assert hold.max_tokens == request.max_tokens < hold.asked_tokens
    assert hold.amount_nano <= 3_100_000
    row = ModelCall.objects.get(pk=hold.call)
    assert row.max_tokens == request.max_tokens
    assert row.output_tokens <= request.max_tokens
    billing.void(call=call, reason="")


@pytest.mark.slow
def test_a_window_grows_with_the_words_and_ends_the_answer_with_the_money(crew, deploy, workspace, sent):
    """Far less is held than asked for; where no more is to be had we hang up, and what has come is paid for."""
    run = drafted(crew, deploy)
    sent.clear()
    spare = billing.balance_of(workspace.pk).available_nano - 12_000_000
    billing.adjust(workspace_id=workspace.pk, signed_nano=-spare, key="spent", actor="system", note="elsewhere")
    start(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists())
    crew.rest()

    assert all(request.max_tokens > WINDOW_TOKENS for request, _call, _hold in sent)
    assert billing.balance_of(workspace.pk).available_nano >= 0
    holds = {hold.call: hold for hold in Hold.objects.filter(run=run.pk)}
    calls = ModelCall.objects.filter(pk__in=holds).exclude(state=CallState.REFUSED)
    assert all(call.counted_tokens <= holds[call.pk].max_tokens for call in calls)
    assert any(call.state == CallState.ESTIMATED for call in calls)  # broken off
    assert any(hold.max_tokens > WINDOW_TOKENS for hold in holds.values())  # grown
    billing.top_up(workspace_id=workspace.pk, amount_nano=10**9, key="t1", actor="Ada")
    crew.finish(run, ticks=True)
    assert_settled(run)


@pytest.mark.slow
def test_an_answer_that_the_money_cut_pauses_the_run(crew, deploy, workspace):
    run = drafted(crew, deploy)
    call = leave(workspace.pk, 3_000_000)
    start(run)

    crew.until(lambda: Run.objects.filter(pk=run.pk, **PAUSED_FOR_MONEY).exists(), ticks=True)

    run.refresh_from_db()
    assert run.pause_details["missing_nano"] > 0
    assert run.pause_details["needed_nano"] > 0
    billing.void(call=call, reason="")
