"""Many at the same moment: whatever comes twice is booked once, and the last unit of money goes to one alone.

Small here; HYPOTHESIS_PROFILE=ci has the full sizes. What failed elsewhere is in docs/acceptance/meter-threads.md.
"""

import asyncio
import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from billing import ledger, ops, services
from billing.contracts import Authorisation, Balance, Usage
from billing.models import BudgetWindow, Hold, Transfer, UsageRecord, Wallet
from tests.billing.conftest import hold_op
from wukong.kernel.errors import InsufficientFunds, Invalid
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

IS_CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
KEYS, SUBMITTERS = (200 if IS_CI else 30), 8
RACERS = 64
PRICE = 100 * 2_000 + 16 * 8_000
USAGE = Usage(input_tokens=100, output_tokens=16)


def at_once(n, work):
    """Return what `work(number)` gave or raised in each of `n` threads that begin at the same moment."""
    gate = threading.Barrier(n)

    def begin(number):
        try:
            gate.wait(30)
            return work(number)
        except Exception as error:  # noqa: BLE001 - what it was is what the tests look at
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


@pytest.fixture
def purse(workspace, settings):
    """Return a function that gives the workspace so much money and nothing else."""
    settings.WUKONG_WELCOME_CREDIT = "0"

    def of(nano: int):
        services.top_up(workspace_id=workspace.pk, amount_nano=nano, key="start", actor="system")
        return workspace.pk

    return of


def exact(workspace_id, **given):
    """Return a hold of exactly PRICE: it may not be lowered."""
    return hold_op(workspace_id, **{"input_bound": 100, "max_tokens": 16} | given)


def kinds(answers):
    return Counter(type(answer) for answer in answers)


# --- twice ----------------------------------------------------------------------------------------------------------
def test_a_storm_of_duplicates_is_applied_once(purse):
    """Each of eight submitters sends every hold, capture and top-up, in an order of its own."""
    workspace_id = purse(KEYS * PRICE)
    calls, keys = [new_id() for _ in range(KEYS)], [f"topup:{number}" for number in range(KEYS)]

    def submit(number):
        mine = random.Random(number).sample(range(KEYS), KEYS)
        wishes = []
        for place in mine:
            wishes += ledger.submit(
                [
                    exact(workspace_id, call=calls[place]),
                    ops.Capture(call=calls[place], usage=USAGE),
                    ops.TopUp(workspace_id=workspace_id, key=keys[place], amount_nano=7, actor="system"),
                ]
            )
        return [answer.result(60) for answer in wishes]

    told = at_once(SUBMITTERS, submit)

    assert [answer for answer in told if isinstance(answer, Exception)] == []
    assert {answer.amount_nano for answers in told for answer in answers if not isinstance(answer, Balance)} == {PRICE}
    for model in (Hold, UsageRecord, Transfer.objects.filter(code="capture").model):
        rows = model.objects.exclude(key__startswith="topup:")
        assert rows.count() == rows.values("key").distinct().count() == KEYS, model
    assert Transfer.objects.filter(key__in=keys).count() == KEYS
    wallet = Wallet.objects.get()
    assert (wallet.balance_nano, wallet.held_nano) == (KEYS * 7, 0)


def test_the_same_top_up_sent_twice_is_paid_in_once(workspace, settings):
    """lago #5870: two identical POSTs made two transactions, and 200 credits out of 100."""
    settings.WUKONG_WELCOME_CREDIT = "0"

    def pay(_number):
        return services.top_up(workspace_id=workspace.pk, amount_nano=100, key="invoice 7", actor="system")

    told = [*at_once(2, pay), *at_once(8, pay)]

    assert {answer.balance_nano for answer in told} == {100}
    assert Transfer.objects.filter(code="topup").count() == 1
    with pytest.raises(Invalid):  # there is no top-up without a key
        services.top_up(workspace_id=workspace.pk, amount_nano=100, key="", actor="system")


# --- the last unit --------------------------------------------------------------------------------------------------
def test_the_last_unit_of_money_goes_to_one_alone(purse):
    """boomerang #347 admitted 8 of 8 at a quota of 1; Ornn #808 all that had read the old count."""
    workspace_id = purse(PRICE)

    told = at_once(RACERS, lambda _number: ledger.post(exact(workspace_id)))

    assert kinds(told) == {Authorisation: 1, InsufficientFunds: RACERS - 1}
    wallet = Wallet.objects.get()
    assert (wallet.held_nano, wallet.available_nano, Hold.objects.count()) == (PRICE, 0, 1)


def test_one_unit_too_little_admits_nobody(purse):
    workspace_id = purse(PRICE - 1)

    told = at_once(RACERS, lambda _number: ledger.post(exact(workspace_id)))

    assert kinds(told) == {InsufficientFunds: RACERS}
    assert Wallet.objects.get().held_nano == 0


def test_the_last_unit_of_a_budget_goes_to_one_alone(purse):
    """litellm #34732: requests at the same time passed the session's budget before any spending was recorded."""
    workspace_id, run = purse(1_000 * PRICE), new_id()
    ledger.post(exact(workspace_id, run=run, run_budget_nano=2 * PRICE))

    told = at_once(RACERS, lambda _number: ledger.post(exact(workspace_id, run=run, run_budget_nano=2 * PRICE)))

    assert kinds(told) == {Authorisation: 1, InsufficientFunds: RACERS - 1}
    window = BudgetWindow.objects.get()
    assert window.held_nano == window.limit_nano == 2 * PRICE


def test_the_first_calls_of_a_scope_race_for_its_budget(purse):
    """litellm #40095: the first requests of a user whom nobody knew yet went past the default budget, all eight."""
    workspace_id, run = purse(1_000 * PRICE), new_id()

    told = at_once(8, lambda _number: ledger.post(exact(workspace_id, run=run, run_budget_nano=PRICE)))

    assert kinds(told) == {Authorisation: 1, InsufficientFunds: 7}
    assert BudgetWindow.objects.get().held_nano == PRICE


def test_the_first_calls_of_a_workspace_share_one_welcome(workspace, settings):
    """litellm #40095, one level up: nobody has opened the wallet that the eight of them draw on."""
    settings.WUKONG_WELCOME_CREDIT = "0.000656"  # two calls

    told = at_once(8, lambda _number: ledger.post(exact(workspace.pk)))

    assert 2 * PRICE == 656_000
    assert kinds(told) == {Authorisation: 2, InsufficientFunds: 6}
    assert Transfer.objects.filter(code="grant").count() == Wallet.objects.count() == 1


def test_a_rich_wallet_is_held_for_like_any_other(purse):
    """one-api #2440 and new-api #6609: whoever looked rich was held for at 0, and charged without a look."""
    workspace_id = purse(1_000 * PRICE)

    told = at_once(RACERS, lambda _number: ledger.post(exact(workspace_id)))

    assert kinds(told) == {Authorisation: RACERS}
    assert {answer.amount_nano for answer in told} == {PRICE}
    assert Wallet.objects.get().held_nano == RACERS * PRICE


def test_many_charges_at_once_never_take_a_wallet_below_nothing(purse):
    """one-api #2440 and new-api #6609: `quota = quota - ?` without a condition went below 0."""
    workspace_id = purse(10 * PRICE + PRICE // 2)

    def spend(_number):
        op = exact(workspace_id)
        ledger.post(op)
        return ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=10**6, output_tokens=10**6)))

    told = at_once(RACERS, spend)

    paid = [answer for answer in told if not isinstance(answer, Exception)]
    assert len(paid) == 10
    assert {answer.amount_nano for answer in paid} == {PRICE}  # more than was held is never taken
    wallet = Wallet.objects.get()
    assert (wallet.balance_nano, wallet.held_nano) == (PRICE // 2, 0)


async def test_callers_of_a_loop_race_as_threads_do(purse):
    """Ornn #808: N requests of one agent with a single credit left, all in one process."""
    workspace_id = await asyncio.to_thread(_closing, lambda: purse(PRICE))

    told = await asyncio.gather(*[ledger.apost(exact(workspace_id)) for _ in range(RACERS)], return_exceptions=True)

    assert kinds(told) == {Authorisation: 1, InsufficientFunds: RACERS - 1}


def _closing(work):
    try:
        return work()
    finally:
        connections.close_all()
