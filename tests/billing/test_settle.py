"""Ending a call: charged once, never above its hold; given back; booked as not charged; expired and late."""

from datetime import timedelta

import pytest

from billing import ledger, services
from billing.contracts import Usage
from billing.models import BudgetWindow, Hold, Transfer, UsageRecord
from wukong.kernel import clock
from wukong.kernel.errors import Conflict, IdempotencyMismatch, NotFound
from wukong.kernel.ids import new_id

WELCOME = 5_000_000_000
USAGE = Usage(input_tokens=600, cache_read_tokens=300, output_tokens=40, reasoning_tokens=10)
PRICE = 600 * 2_000 + 300 * 200 + 50 * 8_000


@pytest.fixture
def call(workspace):
    """A call of run and step that holds 0.0028."""
    call, run, step, project = (new_id() for _ in range(4))
    services.authorise(
        call=call,
        workspace_id=workspace.pk,
        model="scripted",
        run=run,
        step=step,
        project=project,
        agent="Writer",
        input_bound=1000,
        max_tokens=100,
    )
    return call


@pytest.fixture
def in_the_future(monkeypatch):
    """Return a function that moves the ledger's clock."""

    def go(**delta) -> None:
        later = clock.now() + timedelta(**delta)
        monkeypatch.setattr("billing.page.now", lambda: later)
        monkeypatch.setattr("billing.services.calls.now", lambda: later)

    return go


def test_a_call_pays_what_it_used(workspace, call):
    charge = services.settle(call=call, usage=USAGE)

    assert charge.amount_nano == PRICE
    balance = services.balance_of(workspace.pk)
    assert (balance.balance_nano, balance.held_nano) == (WELCOME - PRICE, 0)
    hold, transfer, record = Hold.objects.get(), Transfer.objects.get(code="capture"), UsageRecord.objects.get()
    assert (hold.state, hold.captured_nano) == ("captured", PRICE)
    assert (transfer.debit.kind, transfer.credit.kind, transfer.amount_nano) == ("wallet", "revenue", PRICE)
    assert (transfer.key, transfer.actor, transfer.rate_card_id) == (f"call:{call}", "agent:Writer", hold.rate_card_id)
    assert (transfer.run, transfer.step, transfer.call, transfer.project) == (
        hold.run,
        hold.step,
        call,
        hold.project,
    )
    assert (record.cache_read_tokens, record.reasoning_tokens, record.source) == (300, 10, "provider")
    assert BudgetWindow.objects.get().spent_nano == PRICE


def test_a_call_is_charged_once(workspace, call):
    first = services.settle(call=call, usage=USAGE)

    assert services.settle(call=call, usage=USAGE) == first
    assert services.balance_of(workspace.pk).balance_nano == WELCOME - PRICE
    with pytest.raises(IdempotencyMismatch):
        services.settle(call=call, usage=Usage(input_tokens=1))


def test_a_call_never_pays_more_than_was_held(workspace, call, caplog):
    held = services.balance_of(workspace.pk).held_nano

    charge = services.settle(call=call, usage=Usage(input_tokens=1000, output_tokens=5000))

    assert charge.amount_nano == held
    assert UsageRecord.objects.get().uncharged_nano == 4900 * 8_000
    assert "above its hold" in caplog.text


def test_our_own_count_is_marked(call):
    services.settle(call=call, usage=Usage(input_tokens=5, estimated=True))

    record = UsageRecord.objects.get()
    assert (record.source, record.estimated) == ("own", True)


def test_a_call_that_used_nothing_moves_nothing(workspace, call):
    assert services.settle(call=call, usage=Usage()).amount_nano == 0

    assert Hold.objects.get().state == "captured"
    assert not Transfer.objects.filter(code="capture").exists()
    assert services.settle(call=call, usage=Usage()).amount_nano == 0


def test_a_hold_is_given_back(workspace, call):
    services.void(call=call, reason="never sent")

    assert services.balance_of(workspace.pk).available_nano == WELCOME
    row = Hold.objects.get()
    assert (row.state, row.reason, row.captured_nano) == ("voided", "never sent", 0)
    assert not UsageRecord.objects.exists()
    assert services.void(call=call, reason="again").amount_nano == 0
    with pytest.raises(Conflict):
        services.settle(call=call, usage=USAGE)


def test_giving_back_what_was_never_held_does_nothing(workspace):
    assert services.void(call=new_id(), reason="refused").amount_nano == 0


def test_giving_back_what_was_charged_does_nothing(workspace, call):
    services.settle(call=call, usage=USAGE)

    assert services.void(call=call, reason="too late").amount_nano == PRICE
    assert services.balance_of(workspace.pk).balance_nano == WELCOME - PRICE


def test_what_failed_on_our_side_is_booked_but_not_charged(workspace, call):
    services.mark_not_charged(call=call, usage=USAGE, reason="the provider broke off")

    assert services.balance_of(workspace.pk).available_nano == WELCOME
    record = UsageRecord.objects.get()
    assert (record.amount_nano, record.uncharged_nano, record.not_charged) == (0, PRICE, "the provider broke off")
    assert services.mark_not_charged(call=call, usage=Usage(), reason="seen by the sweep too").amount_nano == 0
    assert UsageRecord.objects.count() == 1
    with pytest.raises(Conflict):
        services.settle(call=call, usage=USAGE)


def test_what_was_charged_is_not_marked_afterwards(call):
    services.settle(call=call, usage=USAGE)

    with pytest.raises(Conflict):
        services.mark_not_charged(call=call, usage=USAGE, reason="no")


@pytest.mark.parametrize("verb", ["settle", "mark_not_charged"])
def test_a_call_without_a_hold_is_not_found(workspace, verb):
    more = {"reason": "x"} if verb == "mark_not_charged" else {}

    with pytest.raises(NotFound):
        getattr(services, verb)(call=new_id(), usage=USAGE, **more)


def test_open_holds_are_those_not_yet_resolved(workspace, call):
    run = Hold.objects.get().run

    assert services.open_holds(run) == [call]
    services.settle(call=call, usage=USAGE)
    assert services.open_holds(run) == []


# --- forgotten holds ------------------------------------------------------------------------------------------------
def test_a_hold_that_nobody_remembers_expires(workspace, call, in_the_future):
    assert services.expire_stale() == 0
    in_the_future(minutes=61)

    assert services.expire_stale() == 1

    assert Hold.objects.get().state == "expired"
    assert services.balance_of(workspace.pk).available_nano == WELCOME
    assert services.expire_stale() == 0


def test_a_sign_of_life_keeps_a_hold(workspace, call, in_the_future):
    in_the_future(seconds=110)
    services.extend(call=call, max_tokens=100, written_tokens=10)
    in_the_future(seconds=121)

    assert services.expire_stale() == 0
    assert Hold.objects.get().state == "pending"


def test_an_expiry_that_was_overtaken_by_a_sign_of_life_does_nothing(workspace, call, monkeypatch):
    monkeypatch.setattr("billing.services.calls.now", lambda: clock.now() + timedelta(minutes=61))

    assert services.expire_stale() == 1  # it looked stale when it was listed

    assert Hold.objects.get().state == "pending"


def test_usage_that_comes_after_the_expiry_is_still_paid(workspace, call, in_the_future):
    in_the_future(minutes=61)
    services.expire_stale()

    assert services.settle(call=call, usage=USAGE).amount_nano == PRICE

    row = Hold.objects.get()
    assert (row.state, row.captured_nano) == ("expired", 0)
    assert services.balance_of(workspace.pk).balance_nano == WELCOME - PRICE
    assert services.settle(call=call, usage=USAGE).amount_nano == PRICE


def test_late_usage_is_booked_once_whatever_a_second_count_says(workspace, call, in_the_future):
    """Only what the sweep charged by a checkpoint is corrected; two counts of the call itself are a mismatch."""
    in_the_future(minutes=61)
    services.expire_stale()
    services.settle(call=call, usage=Usage())

    with pytest.raises(IdempotencyMismatch):
        services.settle(call=call, usage=USAGE)
    with pytest.raises(Conflict):
        services.mark_not_charged(call=call, usage=USAGE, reason="failed")

    assert services.balance_of(workspace.pk).balance_nano == WELCOME


def test_late_usage_pays_only_from_what_is_left(workspace, call, in_the_future):
    in_the_future(minutes=61)
    services.expire_stale()
    services.authorise(
        call=new_id(),
        workspace_id=workspace.pk,
        model="scripted",
        run=None,
        step=None,
        project=None,
        agent="",
        input_bound=0,
        max_tokens=10**9,
    )
    left = services.balance_of(workspace.pk).available_nano

    assert services.settle(call=call, usage=USAGE).amount_nano == left < PRICE

    assert UsageRecord.objects.get().uncharged_nano == PRICE - left
    assert services.balance_of(workspace.pk).available_nano == 0


@pytest.mark.parametrize(
    ("written", "came"), [(40, 10), (10, 40), (40, None)], ids=["less than thought", "more than thought", "not charged"]
)
def test_a_late_correction_counts_in_the_budgets_of_its_call(written, came, workspace, hold, in_the_future):
    """Or what people see of a run and what the ledger refuses it would be two amounts, for ever."""
    services.set_budget(workspace_id=workspace.pk, level="workspace", period="once", limit_nano=WELCOME, actor="x")
    op = hold(run=new_id(), run_budget_nano=WELCOME)
    ledger.post(op)
    services.extend(call=op.call, max_tokens=100, written_tokens=written)
    in_the_future(minutes=3)
    services.expire_stale()

    if came is None:
        services.mark_not_charged(call=op.call, usage=Usage(output_tokens=written), reason="cut")
    else:
        services.settle(call=op.call, usage=Usage(output_tokens=came))

    cost = services.run_figures(op.run).cost_nano
    assert cost == (came or 0) * 8_000
    assert list(BudgetWindow.objects.values_list("spent_nano", flat=True)) == [cost, cost]
    assert services.books().difference_nano == 0


def test_a_late_correction_takes_no_more_than_a_limit_leaves_and_says_what_it_took(workspace, hold, in_the_future):
    op = hold(run=new_id(), run_budget_nano=2_840_000)
    ledger.post(op)
    services.extend(call=op.call, max_tokens=100, written_tokens=10)
    in_the_future(minutes=3)
    services.expire_stale()
    ledger.post(hold(run=op.run, run_budget_nano=2_840_000, max_tokens=90))  # leaves room for 5 tokens

    charges = [services.settle(call=op.call, usage=Usage(output_tokens=40)) for _again in range(2)]

    assert [charge.amount_nano for charge in charges] == [15 * 8_000] * 2
    assert services.books().difference_nano == 0
