"""Many callers at once: batches, durability, a wallet that runs dry, callers that give up."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, connections

from billing import ledger, ops, services
from billing.contracts import Usage
from billing.models import Hold, Transfer, Wallet
from tests.billing.conftest import hold_op
from wukong.kernel import committer
from wukong.kernel.errors import Conflict, IdempotencyMismatch, InsufficientFunds, Unavailable
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 100 * 2_000 + 16 * 8_000


@pytest.fixture
def small_wallet(workspace, settings):
    settings.WUKONG_WELCOME_CREDIT = "0"
    services.top_up(workspace_id=workspace.pk, amount_nano=200 * PRICE + PRICE // 2, key="start", actor="system")
    return workspace


def closing(work):
    """Return the work with an end of its connections: each thread has its own."""

    def close_after():
        try:
            return work()
        finally:
            connections.close_all()

    return close_after


async def in_thread(work):
    return await asyncio.to_thread(closing(work))


def in_threads(n, work):
    with ThreadPoolExecutor(n) as pool:
        return [future.result() for future in [pool.submit(closing(work)) for _ in range(n)]]


def test_a_hot_wallet_is_drained_to_the_last_call_and_never_below(small_wallet):
    """32 callers, money for exactly 200 calls and a half."""

    def work():
        paid = 0
        while True:
            op = hold_op(small_wallet.pk, input_bound=100, max_tokens=16)
            try:
                ledger.post(op)
            except InsufficientFunds:
                return paid
            ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=100, output_tokens=16)))
            paid += 1

    paid = in_threads(32, work)

    assert sum(paid) == 200
    wallet = Wallet.objects.get()
    assert (wallet.balance_nano, wallet.held_nano) == (PRICE // 2, 0)
    assert Transfer.objects.filter(code="capture").count() == 200


def test_callers_at_the_same_time_share_a_batch(small_wallet, monkeypatch):
    sizes = []
    post = ledger._post_batch
    monkeypatch.setattr(ledger, "_post_batch", lambda batch: sizes.append(len(batch)) or post(batch))
    gate = threading.Event()
    busy = committer.submit(gate.wait, is_money=True)  # while the writer is busy, wishes gather
    answers = ledger.submit(hold_op(small_wallet.pk, input_bound=1) for _ in range(40))
    gate.set()

    assert busy.result(5)
    assert all(answer.result(5) for answer in answers)
    assert sizes == [40]


def test_a_long_queue_is_taken_in_pieces(small_wallet, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_BATCH", 7)

    answers = ledger.apply([hold_op(small_wallet.pk, input_bound=1, max_tokens=1) for _ in range(30)])

    assert len(answers) == len({answer.hold_key for answer in answers}) == Hold.objects.count() == 30


def test_the_same_key_from_many_callers_is_booked_once(small_wallet):
    calls = [new_id() for _ in range(10)]
    usage = Usage(input_tokens=50, output_tokens=5)

    def work():
        for call in calls:
            ledger.post(hold_op(small_wallet.pk, call=call, input_bound=100, max_tokens=16))
            ledger.post(ops.Capture(call=call, usage=usage))
        return True

    assert all(in_threads(8, work))
    assert Hold.objects.count() == Transfer.objects.filter(code="capture").count() == 10


def test_a_hold_that_was_given_up_before_it_was_made_is_given_back(small_wallet):
    """A cancelled caller voids what it had asked for a moment ago: both are in one batch, in this order."""
    op = hold_op(small_wallet.pk)

    held, void = ledger.apply([op, ops.Void(call=op.call, reason="stopped")])

    assert held.amount_nano > 0
    assert void.amount_nano == 0
    assert Hold.objects.get().state == "voided"


def test_an_error_of_one_op_is_not_the_error_of_its_neighbours(small_wallet, monkeypatch):
    """The database refuses the batch as a whole: each op is tried by itself."""
    good, bad = hold_op(small_wallet.pk), hold_op(small_wallet.pk, model="local")
    decide = ledger.rules.decide

    def overspending(page, op):
        answer = decide(page, op)
        if op is bad:
            page.holds[op.key].captured_nano = 10**18
        return answer

    monkeypatch.setattr(ledger.rules, "decide", overspending)

    answers = ledger.submit([good, bad])

    assert answers[0].result(5).hold_key == good.key
    assert "capture_within_its_hold" in str(answers[1].exception(5))
    assert Hold.objects.get().key == good.key


def test_a_database_that_cannot_write_is_said_so(small_wallet, monkeypatch):
    def locked(batch):
        raise OperationalError("database is locked")

    monkeypatch.setattr(ledger, "_post_batch", locked)

    with pytest.raises(Unavailable):
        ledger.apply([hold_op(small_wallet.pk)])
    monkeypatch.undo()
    assert ledger.post(hold_op(small_wallet.pk)).amount_nano > 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_money_never_waits_in_the_transaction_of_a_step(small_wallet):
    """Two processes whose batches lock a document and a wallet in different order would stop each other."""
    gate = threading.Event()
    step = committer.submit(gate.wait)

    assert ledger.post(hold_op(small_wallet.pk)).amount_nano > 0

    gate.set()
    assert step.result(5)


def test_after_the_end_nothing_is_taken(small_wallet):
    committer.close()

    with pytest.raises(Unavailable):
        ledger.post(hold_op(small_wallet.pk))
    committer.reopen()
    assert ledger.post(hold_op(small_wallet.pk)).amount_nano > 0


def test_an_answer_is_durable(small_wallet):
    """Another connection sees what was answered."""
    op = hold_op(small_wallet.pk)
    ledger.post(op)
    connection.close()

    assert Hold.objects.get().key == op.key


# --- in a loop ------------------------------------------------------------------------------------------------------
async def test_the_twins_await(small_wallet):
    asked = {
        "workspace_id": small_wallet.pk,
        "model": "local",
        "run": None,
        "step": None,
        "project": None,
        "agent": "A",
    }
    one, other, third = new_id(), new_id(), new_id()
    for call in (one, other, third):
        await services.aauthorise(call=call, input_bound=10, max_tokens=20, **asked)

    assert (await services.aextend(call=one, max_tokens=40)).max_tokens == 40
    assert (await services.asettle(call=one, usage=Usage(input_tokens=10))).amount_nano == 200
    await services.avoid(call=other, reason="stopped")
    await services.amark_not_charged(call=third, usage=Usage(input_tokens=10), reason="failed")
    states = await in_thread(lambda: Counter(Hold.objects.values_list("state", flat=True)))
    assert states == {"captured": 1, "voided": 2}
    with pytest.raises(Conflict):
        await services.asettle(call=other, usage=Usage())
    with pytest.raises(IdempotencyMismatch):
        await services.asettle(call=one, usage=Usage())


async def test_who_gives_up_waiting_does_not_stop_the_ledger(small_wallet):
    gate = threading.Event()
    committer.submit(gate.wait, is_money=True)
    asked = {
        "workspace_id": small_wallet.pk,
        "model": "local",
        "run": None,
        "step": None,
        "project": None,
        "agent": "A",
    }
    waiting = asyncio.create_task(services.aauthorise(call=new_id(), input_bound=10, max_tokens=20, **asked))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()

    assert (await services.aauthorise(call=new_id(), input_bound=10, max_tokens=20, **asked)).amount_nano == 600
    count = await in_thread(Hold.objects.count)
    assert count == 2
