"""Money that is reserved comes back: whoever dies, is cancelled, fails or asks for too much blocks nobody for good.

What failed elsewhere is in docs/acceptance/meter-threads.md.
"""

import asyncio
from datetime import timedelta

import pytest
from django.db import connections

from billing import ledger, ops, rules, services
from billing.contracts import Authorisation, Charge, Usage
from billing.models import BudgetWindow, Hold, Transfer, UsageRecord, Wallet
from tests.billing.conftest import hold_op
from wukong.kernel import clock
from wukong.kernel.errors import InsufficientFunds
from wukong.kernel.ids import new_id

PRICE = 1000 * 2_000 + 100 * 8_000
LIFE = rules.HOLD_LIVES


@pytest.fixture
def money(workspace, settings):
    """Return a function that gives the workspace so much money and nothing else."""
    settings.WUKONG_WELCOME_CREDIT = "0"

    def of(nano: int):
        services.top_up(workspace_id=workspace.pk, amount_nano=nano, key="start", actor="system")
        return workspace.pk

    return of


@pytest.fixture
def later(monkeypatch):
    """Return a function that moves the ledger's clock on."""
    moved = timedelta()

    def go(**delta) -> None:
        nonlocal moved
        moved += timedelta(**delta)
        for place in ("billing.page.now", "billing.services.calls.now"):
            monkeypatch.setattr(place, lambda: clock.now() + moved)

    return go


# --- leaks ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
async def test_a_caller_that_is_cancelled_leaves_nothing_reserved(money, later):
    """litellm #30522: CancelledError is no Exception, so the reservation of a request that hung up stayed.

    Cancelled while the ledger decides: the void that follows finds the hold. Nobody there to void: the sweep does.
    """
    workspace_id = await asyncio.to_thread(_closing, lambda: money(3 * PRICE))
    op, forgotten = hold_op(workspace_id), hold_op(workspace_id)

    async def polite():
        try:
            await ledger.apost(op)
        except asyncio.CancelledError:
            await asyncio.shield(ledger.apost(ops.Void(call=op.call, reason="hung up")))
            raise

    tasks = [asyncio.ensure_future(polite()), asyncio.ensure_future(ledger.apost(forgotten))]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True))
    states = await asyncio.to_thread(_closing, lambda: {row.key: row.state for row in Hold.objects.all()})
    assert states == {op.key: "voided", forgotten.key: "pending"}
    later(seconds=LIFE.total_seconds() + 1)

    assert await asyncio.to_thread(_closing, services.expire_stale) == 1

    balance = await asyncio.to_thread(_closing, lambda: services.balance_of(workspace_id))
    assert (balance.held_nano, balance.available_nano) == (0, 3 * PRICE)


def _closing(work):
    try:
        return work()
    finally:
        connections.close_all()


def test_calls_that_fail_before_the_first_word_do_not_add_up(money, later):
    """otari #128: every stream that failed before its first word left its hold, until the user was locked out."""
    workspace_id = money(2 * PRICE)

    for number in range(40):
        op = hold_op(workspace_id, max_tokens=100, floor_tokens=100)
        ledger.post(op)
        if number % 2:
            ledger.post(ops.Void(call=op.call, reason="refused by the provider"))
        else:  # the process that would have said so is gone
            later(seconds=LIFE.total_seconds() + 1)
            services.expire_stale()

    wallet = Wallet.objects.get()
    assert (wallet.held_nano, wallet.available_nano) == (0, 2 * PRICE)
    assert not UsageRecord.objects.exists()


def test_a_sign_of_life_is_all_that_keeps_a_hold(money, later):
    workspace_id = money(2 * PRICE)
    alive, dead = hold_op(workspace_id), hold_op(workspace_id)
    ledger.apply([alive, dead])

    for _ in range(5):
        later(seconds=LIFE.total_seconds() * 0.6)
        services.extend(call=alive.call, max_tokens=100)
        services.expire_stale()

    assert {row.key: row.state for row in Hold.objects.all()} == {alive.key: "pending", dead.key: "expired"}


# --- reserved too much ----------------------------------------------------------------------------------------------
def test_a_burst_that_fills_a_budget_is_let_go_to_the_last_nano(money):
    """litellm #38647: a burst of reservations pinned a budget of 25 at 25.000000000000004 with nothing spent."""
    workspace_id, run = money(100 * PRICE), new_id()
    budget = 25 * PRICE
    burst = [hold_op(workspace_id, run=run, run_budget_nano=budget, floor_tokens=100) for _ in range(64)]

    told = ledger.apply(burst)

    admitted = [op for op, answer in zip(burst, told, strict=True) if isinstance(answer, Authorisation)]
    assert len(admitted) == 25
    ledger.apply([ops.Void(call=op.call, reason="failed") for op in admitted])
    window = BudgetWindow.objects.get()
    assert (window.spent_nano, window.held_nano, window.limit_nano) == (0, 0, budget)
    assert len([one for one in ledger.apply(_again(burst)) if isinstance(one, Authorisation)]) == 25


def _again(burst):
    return [hold_op(op.workspace_id, run=op.run, run_budget_nano=op.run_budget_nano, floor_tokens=100) for op in burst]


def test_a_call_reserves_what_it_may_write_and_not_what_is_there(money):
    """litellm #27509: a request reserved all that was left of a cap of 2,000, and the next ones were refused at 0.144.

    A call says how much it may write, or it is none; and a window that moves along leaves the rest to others.
    """
    workspace_id = money(100 * PRICE)
    with pytest.raises(ValueError, match="tokens"):
        services.authorise(
            call=new_id(),
            workspace_id=workspace_id,
            model="scripted",
            run=None,
            step=None,
            project=None,
            agent="",
            input_bound=10,
            max_tokens=0,
        )
    calls = [hold_op(workspace_id, max_tokens=100) for _ in range(64)]

    told = ledger.apply(calls)

    assert all(isinstance(answer, Authorisation) for answer in told)
    assert Wallet.objects.get().held_nano == 64 * PRICE
    grown = ledger.apply([ops.Extend(call=op.call, max_tokens=200, checkpoint_tokens=90) for op in calls])
    assert all(answer.max_tokens == 200 for answer in grown)


def test_a_hold_that_is_lowered_lowers_what_may_be_written(money):
    """litellm #40002: a reservation that the budget could not cover was resized, and the request went through whole."""
    workspace_id = money(PRICE - 40 * 8_000)

    granted = ledger.post(hold_op(workspace_id))

    assert granted.max_tokens == 60
    assert granted.amount_nano == 1000 * 2_000 + 60 * 8_000 == PRICE - 40 * 8_000
    wallet = Wallet.objects.get()
    assert wallet.available_nano == 0
    with pytest.raises(InsufficientFunds):  # and below its floor it is not lowered but refused
        ledger.post(hold_op(workspace_id, input_bound=1))


def test_what_comes_late_is_paid_from_what_is_left_and_told_so(money, later):
    """A hold that expired is no licence: its money may have gone to somebody else."""
    workspace_id = money(PRICE + 50)
    op, other = hold_op(workspace_id), hold_op(workspace_id)
    ledger.post(op)
    later(seconds=LIFE.total_seconds() + 1)
    services.expire_stale()
    ledger.post(other)

    late = ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=1000, output_tokens=100)))

    assert late == Charge(hold_key=op.key, amount_nano=50)
    record = UsageRecord.objects.get()
    assert (record.amount_nano, record.uncharged_nano) == (50, PRICE - 50)
    assert Transfer.objects.get(code="capture").amount_nano == 50
    assert Wallet.objects.get().available_nano == 0
