"""Money of a top-up that goes back: taken out of the wallet once, whoever gives it back and whatever tells of it."""

from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from billing import ledger, services
from billing.console.forms import refundable
from billing.models import StripeEvent, TopUp, TopUpReturn, Transfer, Wallet
from billing.payments import care, gateway, hearing, returns
from wukong.kernel.errors import Conflict, IdempotencyMismatch, Invalid, Unavailable
from wukong.kernel.money import NANO

WELCOME = 5 * NANO


def balance(workspace) -> int:
    return services.balance_of(workspace.pk).balance_nano


def taken() -> int:
    """Return what went out of the wallet, less what came back into it, in nano-units."""
    out = sum(Transfer.objects.filter(code="refund").values_list("amount_nano", flat=True))
    back = Transfer.objects.filter(key__startswith="topup:returned:").values_list("amount_nano", flat=True)
    return out - sum(back)


@pytest.fixture
def booked(paid, deliver):
    """Return a top-up of 20 in the wallet, and its payment."""
    topup, payment = paid(20)
    assert deliver("checkout.session.completed", topup.session) == 200
    return TopUp.objects.get(pk=topup.pk), payment


def refund(workspace, payment: str, dollars: int = 5, key: str = "r1"):
    return services.refund(
        workspace_id=workspace.pk,
        topup=payment,
        amount_nano=dollars * NANO,
        key=key,
        actor="person:1",
        note="Asked for",
    )


def charge_of(stripe, payment: str) -> str:
    return str(stripe.objects[payment]["latest_charge"])


# --- an operator's refund ---------------------------------------------------------------------------------------------
def test_an_operators_refund_is_paid_back_by_stripe_once(workspace, stripe, booked, deliver):
    _topup, payment = booked

    for _again in range(3):
        assert refund(workspace, payment).balance_nano == WELCOME + 15 * NANO
    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200

    (made,) = stripe.made("refund")
    assert (made["amount"], made["metadata"]["key"]) == (500, "r1")
    assert balance(workspace) == WELCOME + 15 * NANO
    assert TopUpReturn.objects.get().state == "done"
    with pytest.raises(IdempotencyMismatch):
        refund(workspace, payment, 6)


def test_a_refund_of_more_than_is_left_moves_nothing(workspace, stripe, booked):
    _topup, payment = booked

    with pytest.raises(Conflict):
        refund(workspace, payment, 21)
    with pytest.raises(Invalid):
        services.refund(
            workspace_id=workspace.pk, topup=payment, amount_nano=1, key="r2", actor="person:1", note="Too fine"
        )

    assert stripe.made("refund") == []
    assert balance(workspace) == WELCOME + 20 * NANO


def test_what_stripe_refuses_to_pay_back_is_in_the_wallet_again(workspace, stripe, booked):
    _topup, payment = booked
    stripe.refund(payment, 2000)  # somebody was faster, and the event has not come yet

    with pytest.raises(Conflict, match="greater than unrefunded"):
        refund(workspace, payment)
    with pytest.raises(Conflict):
        refund(workspace, payment)

    assert TopUpReturn.objects.get().state == "given"
    assert taken() == 0
    assert balance(workspace) == WELCOME + 20 * NANO


def test_a_refund_that_fails_later_is_in_the_wallet_again(workspace, stripe, booked, deliver):
    _topup, payment = booked
    refund(workspace, payment)
    (made,) = stripe.made("refund")
    stripe.fail_refund(made["id"])

    for _again in range(2):
        assert deliver("refund.failed", made["id"]) == 200
        assert deliver("charge.refund.updated", made["id"]) == 200

    assert balance(workspace) == WELCOME + 20 * NANO


def test_what_came_back_into_the_wallet_is_paid_back_by_stripe_at_the_next_try(workspace, stripe, booked, deliver):
    _topup, payment = booked
    refund(workspace, payment, 20)
    stripe.fail_refund(stripe.made("refund")[0]["id"])
    assert deliver("refund.failed", stripe.made("refund")[0]["id"]) == 200
    (again,) = refundable(Wallet.objects.get(workspace=workspace))  # all that the console offers

    assert refund(workspace, again.topup, 20, "r2").balance_nano == WELCOME

    assert [one["status"] for one in stripe.made("refund")] == ["failed", "succeeded"]
    assert stripe.objects[charge_of(stripe, payment)]["amount_refunded"] == 2000


def test_what_was_refunded_at_stripe_while_our_refund_waited_is_taken_once(workspace, stripe, booked, deliver):
    _topup, payment = booked
    stripe.fails = [500] * 2
    with pytest.raises(Unavailable):
        refund(workspace, payment, 20)  # so the operator does it there
    stripe.refund(payment, 2000)

    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200
    for row in TopUpReturn.objects.unfinished():
        returns.carry_out(row)

    assert [row.state for row in TopUpReturn.objects.order_by("id")] == ["given", "done"]
    assert taken() == 20 * NANO
    assert balance(workspace) == WELCOME


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(returns, "carry_out", id="asked", marks=pytest.mark.slow),
        pytest.param(returns, "_take", id="before-the-ledger", marks=pytest.mark.slow),
        pytest.param(returns, "_note", id="after-the-ledger"),
        pytest.param(returns, "_pay_back", id="before-stripe", marks=pytest.mark.slow),
        pytest.param(gateway, "refund", id="stripe-was-reached"),
    ],
)
def test_a_refund_goes_on_after_a_crash(module, name, workspace, stripe, booked):
    _topup, payment = booked
    real = getattr(module, name)

    def die(*args, **given):
        if name == "refund":
            real(*args, **given)
        raise Crash

    with mock.patch.object(module, name, die), pytest.raises(Crash):
        refund(workspace, payment)
    stripe.answers.clear()  # a day later: the idempotency keys are forgotten
    TopUpReturn.objects.update(created_at="2026-01-01T00:00Z")

    assert care.care() == 1

    assert len(stripe.made("refund")) == 1
    assert TopUpReturn.objects.get().state == "done"
    assert balance(workspace) == WELCOME + 15 * NANO


def test_a_refund_that_stripe_does_not_answer_goes_on_by_itself(workspace, stripe, booked):
    _topup, payment = booked
    stripe.fails = [0] * 2
    with pytest.raises(Unavailable):
        refund(workspace, payment)
    assert balance(workspace) == WELCOME + 15 * NANO  # nobody can spend it meanwhile
    TopUpReturn.objects.update(created_at="2026-01-01T00:00Z")

    care.care()

    assert len(stripe.made("refund")) == 1
    assert balance(workspace) == WELCOME + 15 * NANO


# --- given back at Stripe ---------------------------------------------------------------------------------------------
def test_a_refund_at_stripe_takes_what_is_due_and_not_taken_yet(workspace, stripe, booked, deliver):
    _topup, payment = booked
    stripe.refund(payment, 500)
    early = stripe.event("charge.refunded", charge_of(stripe, payment))
    stripe.refund(payment, 700)
    late = stripe.event("charge.refunded", charge_of(stripe, payment))

    for body in (late, early, late, early):  # out of order and repeated
        assert deliver(body) == 200

    assert taken() == 12 * NANO
    assert balance(workspace) == WELCOME + 8 * NANO


def test_fountain_1126_a_refund_after_a_dispute_is_not_taken_twice(workspace, stripe, booked, deliver):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    assert deliver("charge.dispute.created", dispute) == 200
    assert taken() == 20 * NANO

    stripe.refund(payment, 2000)
    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200
    stripe.objects[dispute]["status"] = "lost"
    assert deliver("charge.dispute.closed", dispute) == 200

    assert taken() == 20 * NANO
    assert balance(workspace) == WELCOME
    assert TopUpReturn.objects.get().key == f"dispute:{dispute}"


def test_a_payment_that_was_refunded_while_it_was_disputed_is_taken_when_the_dispute_is_won(stripe, booked, deliver):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    assert deliver("charge.dispute.created", dispute) == 200
    stripe.refund(payment, 2000)
    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200
    stripe.objects[dispute]["status"] = "won"

    assert deliver("charge.dispute.closed", dispute) == 200

    assert taken() == 20 * NANO


def test_nothing_is_decided_on_an_old_picture(stripe, booked, deliver):
    """While one process looks, the dispute is won, and another one hears of that."""
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    look, is_first = gateway.returned, True

    def looks_slowly(intent_id: str) -> gateway.Returned:
        nonlocal is_first
        seen, was_first, is_first = look(intent_id), is_first, False
        if was_first:
            stripe.objects[dispute]["status"] = "won"
            assert deliver("charge.dispute.closed", dispute) == 200
        return seen

    with mock.patch.object(gateway, "returned", looks_slowly):
        assert deliver("charge.dispute.created", dispute) == 200

    assert taken() == 0


def test_a_dispute_after_a_partial_refund_takes_the_rest(workspace, stripe, booked, deliver):
    _topup, payment = booked
    refund(workspace, payment, 5)
    dispute = stripe.dispute(payment, 2000)

    assert deliver("charge.dispute.created", dispute) == 200

    assert taken() == 20 * NANO


def test_a_dispute_that_is_won_gives_everything_back_once(workspace, stripe, booked, deliver):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    assert deliver("charge.dispute.created", dispute) == 200
    stripe.objects[dispute]["status"] = "won"

    for kind in ("charge.dispute.closed", "charge.dispute.funds_reinstated", "charge.dispute.closed"):
        assert deliver(kind, dispute) == 200
    assert taken() == 0
    assert balance(workspace) == WELCOME + 20 * NANO

    stripe.refund(payment, 300)
    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200
    assert taken() == 3 * NANO


def test_a_question_of_a_bank_takes_nothing(stripe, booked, deliver):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000, "warning_needs_response")

    assert deliver("charge.dispute.created", dispute) == 200

    assert taken() == 0


def test_an_old_event_of_a_dispute_that_was_won_takes_nothing(stripe, booked, deliver):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    old = stripe.event("charge.dispute.created", dispute)
    stripe.objects[dispute]["status"] = "won"
    assert deliver("charge.dispute.closed", dispute) == 200

    assert deliver(old) == 200

    assert taken() == 0


def test_a_refund_that_is_told_before_its_payment_is_taken_all_the_same(workspace, stripe, paid, deliver):
    topup, payment = paid(20)
    stripe.refund(payment, 2000)

    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200
    assert deliver("checkout.session.completed", topup.session) == 200

    assert balance(workspace) == WELCOME


def test_what_was_spent_is_not_there_to_be_taken(workspace, stripe, booked, deliver):
    _topup, payment = booked
    services.adjust(workspace_id=workspace.pk, signed_nano=-12 * NANO, key="spent", actor="person:1", note="Spent")
    dispute = stripe.dispute(payment, 2000)

    assert deliver("charge.dispute.created", dispute) == 200

    row = TopUpReturn.objects.get()
    assert (row.amount_nano, row.taken_nano, row.state) == (20 * NANO, 13 * NANO, "done")
    assert balance(workspace) == 0  # the welcome credit was spent first


def test_what_is_held_is_waited_for(workspace, stripe, booked, deliver, hold):
    _topup, payment = booked
    held = hold(max_tokens=2_000_000)
    ledger.post(held)
    amount = Wallet.objects.get().held_nano
    dispute = stripe.dispute(payment, 2000)
    assert deliver("charge.dispute.created", dispute) == 200
    row = TopUpReturn.objects.get()
    assert row.state == "asked"
    assert row.taken_nano == WELCOME + 20 * NANO - amount

    services.void(call=held.call, reason="stopped")
    TopUpReturn.objects.update(created_at="2026-01-01T00:00Z", looked_at=None)
    care.care()

    row.refresh_from_db()
    assert (row.taken_nano, row.state) == (20 * NANO, "done")


@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("_decide", "carry_out", "_post")), "_note"]
)
def test_a_crash_while_money_is_taken_back_takes_it_once(name, stripe, booked, deliver):
    _topup, payment = booked
    stripe.refund(payment, 1500)
    body = stripe.event("charge.refunded", charge_of(stripe, payment))
    with mock.patch.object(returns, name, side_effect=Crash), pytest.raises(Crash):
        hearing.receive(body, stripe.sign(body))

    assert deliver(body) == 200
    assert deliver("charge.refunded", charge_of(stripe, payment)) == 200

    assert taken() == 15 * NANO


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_dispute_and_a_refund_that_come_at_once_take_once(stripe, booked):
    _topup, payment = booked
    dispute = stripe.dispute(payment, 2000)
    stripe.refund(payment, 2000)
    bodies = [stripe.event("charge.dispute.created", dispute) for _ in range(4)]
    bodies += [stripe.event("charge.refunded", charge_of(stripe, payment)) for _ in range(4)]

    def hear(body: bytes) -> None:
        from django.db import connection

        for _again in range(5):
            try:
                hearing.receive(body, stripe.sign(body))
                break
            except Unavailable:  # Stripe sends it again
                continue
        connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(hear, bodies))

    assert taken() == 20 * NANO
    assert StripeEvent.objects.count() == 9
