"""Money in by Stripe: credited once, for what was really paid, whoever tells of it, how often and in what order."""

import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from django.db import close_old_connections

from billing import ledger, services
from billing.models import AutoTopUp, StripeEvent, TopUp, Transfer
from billing.payments import care, coins, gateway, hearing, topups
from tests.billing import fake_stripe
from wukong.kernel.errors import Conflict, IdempotencyMismatch, Invalid, Unavailable
from wukong.kernel.ids import new_id
from wukong.kernel.money import NANO

WELCOME = 5 * NANO


def balance(workspace) -> int:
    return services.balance_of(workspace.pk).balance_nano


def credited() -> list[tuple[str, int]]:
    return list(Transfer.objects.filter(code="topup").order_by("id").values_list("key", "amount_nano"))


def state_of(topup) -> str:
    return TopUp.objects.get(pk=topup.pk).state


def test_what_was_paid_is_credited_when_the_webhook_comes(workspace, paid, deliver):
    topup, payment = paid(25)
    assert balance(workspace) == WELCOME

    assert deliver("checkout.session.completed", topup.session) == 200

    assert credited() == [(f"topup:{payment}", 25 * NANO)]
    assert state_of(topup) == "booked"
    assert balance(workspace) == WELCOME + 25 * NANO
    assert StripeEvent.objects.get().object_id == topup.session


def test_lago_5870_the_same_top_up_asked_twice_is_one_page_and_one_payment(workspace, stripe):
    asked = {"workspace_id": workspace.pk, "amount_nano": 200 * NANO, "key": "order-7", "actor": "person:1"}

    first, second = services.begin_top_up(**asked), services.begin_top_up(**asked)

    assert first.pk == second.pk
    assert len(stripe.made("checkout.session")) == 1
    with pytest.raises(IdempotencyMismatch):
        services.begin_top_up(**asked | {"amount_nano": 100 * NANO})


def test_flexprice_2155_an_event_that_comes_ten_times_credits_once(workspace, stripe, paid, deliver):
    topup, payment = paid(10)
    body = stripe.event("checkout.session.completed", topup.session)

    assert {deliver(body) for _ in range(10)} == {200}

    assert credited() == [(f"topup:{payment}", 10 * NANO)]
    assert StripeEvent.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_events_that_come_at_once_credit_once(workspace, stripe, paid):
    topup, payment = paid(10)
    bodies = [stripe.event("checkout.session.completed", topup.session, f"evt_{n % 3}") for n in range(9)]
    bodies += [stripe.event("payment_intent.succeeded", payment, f"evt_p{n % 2}") for n in range(3)]

    def hear(body: bytes) -> bool:
        try:
            return hearing.receive(body, stripe.sign(body))
        finally:
            close_old_connections()
            from django.db import connection

            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(hear, bodies))

    assert credited() == [(f"topup:{payment}", 10 * NANO)]
    assert StripeEvent.objects.count() == 5
    assert balance(workspace) == WELCOME + 10 * NANO


@pytest.mark.parametrize("order", ["payment-first", "session-first", "only-payment"])
def test_the_order_of_events_does_not_matter(order, workspace, paid, deliver):
    topup, payment = paid(10)
    events = [("checkout.session.completed", topup.session), ("payment_intent.succeeded", payment)]
    if order == "payment-first":
        events.reverse()
    for kind, name in events[1:] if order == "only-payment" else events:
        assert deliver(kind, name) == 200

    assert credited() == [(f"topup:{payment}", 10 * NANO)]


def test_an_event_that_was_written_before_the_payment_failed_is_not_believed(workspace, stripe, deliver):
    """The body says "paid"; Stripe, when asked, does not."""
    topup = services.begin_top_up(workspace_id=workspace.pk, amount_nano=10 * NANO, key="k", actor="person:1")
    body = stripe.event("checkout.session.completed", topup.session).replace(b'"unpaid"', b'"paid"')

    assert deliver(body.replace(b'"status": "open"', b'"status": "complete"')) == 200

    assert credited() == []
    assert state_of(topup) == "open"


@pytest.mark.parametrize("wrong", ["secret", "old", "body", "none", "junk"])
def test_what_stripe_has_not_signed_is_refused(wrong, db, stripe, client):
    stripe.objects["cs_1"] = fake_stripe.shape("session", id="cs_1", amount_total=1000)
    body = stripe.event("checkout.session.completed", "cs_1")
    signature = {
        "secret": stripe.sign(body, "whsec_of_somebody_else"),
        "old": stripe.sign(body, at=time.time() - 301),
        "body": stripe.sign(body.replace(b"1000", b"9000")),
        "none": "",
        "junk": "t=now,v1=\xe9",
    }[wrong]

    answer = client.post("/billing/stripe/webhook/", body, "application/json", headers={"Stripe-Signature": signature})

    assert answer.status_code == 400
    assert stripe.asked == []
    assert StripeEvent.objects.count() == 0


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"id":1,"type":"x","data":3,"created":1}', b"\xff"])
def test_what_is_signed_and_no_event_is_refused(body, deliver):
    assert deliver(body) == 400


def test_events_that_we_do_not_care_for_and_payments_of_others_are_answered(workspace, stripe, deliver):
    theirs = stripe._intent(1000, "usd", {}, None)["id"]
    stripe.settle(theirs)

    assert deliver("customer.created", theirs) == 200
    assert deliver("payment_intent.succeeded", theirs) == 200
    stripe.objects["pi_gone"] = fake_stripe.shape("payment_intent", id="pi_gone")
    body = stripe.event("payment_intent.succeeded", "pi_gone")
    del stripe.objects["pi_gone"]
    assert deliver(body) == 200
    assert credited() == []


@pytest.mark.parametrize("changed", ["workspace", "currency", "amount", "topup"])
def test_a_payment_that_is_not_what_was_asked_for_is_not_booked(changed, workspace, stripe, paid, deliver):
    topup, payment = paid(10)
    intent = stripe.objects[payment]
    intent["metadata"] = dict(intent["metadata"])
    if changed in ("workspace", "topup"):
        intent["metadata"][changed] = str(new_id())
    else:
        intent.update({"currency": {"currency": "eur"}, "amount": {"amount_received": 1}}[changed])

    assert deliver("checkout.session.completed", topup.session) == 200

    assert credited() == []
    assert state_of(topup) == "open"


def test_nothing_is_credited_for_a_page_that_ended(workspace, stripe, deliver):
    topup = services.begin_top_up(workspace_id=workspace.pk, amount_nano=10 * NANO, key="k", actor="person:1")
    stripe.expire(topup.session)

    assert deliver("checkout.session.expired", topup.session) == 200

    assert state_of(topup) == "cancelled"
    assert credited() == []


@pytest.mark.parametrize("end", ["succeeded", "requires_payment_method"])
def test_a_slow_bank_is_waited_for(end, workspace, stripe, deliver):
    topup = services.begin_top_up(workspace_id=workspace.pk, amount_nano=10 * NANO, key="k", actor="person:1")
    payment = stripe.pay(topup.session, status="processing")
    assert deliver("checkout.session.completed", topup.session) == 200
    assert state_of(topup) == "processing"
    assert credited() == []

    stripe.settle(payment, end)
    kind = "succeeded" if end == "succeeded" else "failed"
    assert deliver(f"checkout.session.async_payment_{kind}", topup.session) == 200

    assert state_of(topup) == {"succeeded": "booked", "requires_payment_method": "failed"}[end]
    assert len(credited()) == (end == "succeeded")


def test_a_refusal_on_the_page_leaves_the_page_open(workspace, stripe, deliver):
    topup = services.begin_top_up(workspace_id=workspace.pk, amount_nano=10 * NANO, key="k", actor="person:1")
    tried = stripe._intent(1000, "usd", stripe.objects[topup.session]["metadata"], None)["id"]
    stripe.settle(tried, "requires_payment_method")

    assert deliver("payment_intent.payment_failed", tried) == 200

    assert state_of(topup) == "open"


# --- crashes -------------------------------------------------------------------------------------------------------
class Crash(Exception):
    """The process dies here."""


STEPS = {
    "after-the-event-was-read": (topups, "of_session", False),
    "after-stripe-was-asked": (topups, "take", False),
    "before-the-payment-is-noted": (topups, "_mark_paid", False),
    "after-the-payment-was-noted": (topups, "book", False),
    "after-the-ledger-has-booked": (topups, "_mark_booked", False),
    "after-it-was-noted-as-booked": (hearing, "_note", False),
    "after-the-event-was-noted": (hearing, "_note", True),
}


QUICK = {
    ("after-the-payment-was-noted", "sweep"),
    ("after-the-ledger-has-booked", "page"),
    ("after-it-was-noted-as-booked", "event"),
}
CRASHES = [
    pytest.param(step, then, id=f"{step}-{then}", marks=() if (step, then) in QUICK else pytest.mark.slow)
    for step in STEPS
    for then in ("event", "sweep", "page")
]


@pytest.mark.parametrize(("step", "then"), CRASHES)
def test_a_crash_between_two_steps_neither_loses_nor_doubles_money(step, then, workspace, stripe, paid, deliver):
    topup, payment = paid(10)
    body = stripe.event("checkout.session.completed", topup.session)
    module, name, is_after = STEPS[step]
    real = getattr(module, name)

    def die(*args):
        if is_after:
            real(*args)
        raise Crash

    with mock.patch.object(module, name, die), pytest.raises(Crash):
        hearing.receive(body, stripe.sign(body))

    if then == "event":
        assert deliver(body) == 200
    elif then == "sweep":
        TopUp.objects.update(created_at="2026-01-01T00:00Z")
        care.care()
    else:
        services.look_at_top_up(TopUp.objects.select_related("workspace").get())
    deliver(body)

    assert credited() == [(f"topup:{payment}", 10 * NANO)]
    assert state_of(topup) == "booked"
    assert services.books().difference_nano == 0
    assert StripeEvent.objects.count() == 1


def test_a_page_that_was_made_and_not_written_down_is_found_by_its_payment(workspace, stripe, deliver):
    asked = {"workspace_id": workspace.pk, "amount_nano": 10 * NANO, "key": "k", "actor": "person:1"}
    with mock.patch.object(topups, "_note_page", side_effect=Crash), pytest.raises(Crash):
        services.begin_top_up(**asked)
    (page,) = stripe.made("checkout.session")

    again = services.begin_top_up(**asked)
    assert again.session == page["id"]

    TopUp.objects.update(session="", url="")
    stripe.pay(page["id"])
    assert deliver("checkout.session.completed", page["id"]) == 200
    assert state_of(again) == "booked"


@pytest.mark.parametrize("fails", [[500, 500], [0, 0], [429, 429], [401]], ids=["broken", "lost", "many", "key"])
def test_when_stripe_does_not_answer_the_event_has_to_come_again(fails, workspace, stripe, paid, deliver):
    topup, _payment = paid(10)
    body = stripe.event("checkout.session.completed", topup.session)
    stripe.fails = list(fails)

    assert deliver(body) == 503
    assert StripeEvent.objects.count() == 0
    stripe.fails = []
    assert deliver(body) == 200

    assert len(credited()) == 1


def test_when_the_ledger_does_not_answer_the_event_has_to_come_again(workspace, paid, deliver):
    topup, _payment = paid(10)
    with mock.patch.object(ledger, "post", side_effect=Unavailable):
        assert deliver("checkout.session.completed", topup.session) == 503
    assert state_of(topup) == "paid"

    assert care.care() == 1

    assert state_of(topup) == "booked"


def test_a_webhook_that_never_comes_is_not_needed(workspace, paid):
    topup, _payment = paid(10)
    assert care.care() == 0
    TopUp.objects.update(created_at="2026-01-01T00:00Z")

    assert care.care() == 1
    assert care.care() == 0

    assert state_of(topup) == "booked"


def test_the_sweep_rests_when_nobody_answers(workspace, stripe, paid):
    paid(10)
    TopUp.objects.update(created_at="2026-01-01T00:00Z")
    stripe.fails = [500, 500]
    care.care()
    asked = len(stripe.asked)

    care.care()

    assert len(stripe.asked) == asked


# --- amounts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("nano", "currency", "count"),
    [
        (12_340_000_000, "USD", 1234),
        (10_000_000, "EUR", 1),
        (500 * NANO, "JPY", 500),
        (500 * NANO, "UGX", 50_000),
        (12_340_000_000, "KWD", 12_340),
    ],
    ids=["dollars", "cent", "yen", "shillings", "dinars"],
)
def test_amounts_are_exact_in_coins(nano, currency, count):
    assert coins.to_coins(nano, currency) == count
    assert coins.to_nano(count, currency) == nano


@pytest.mark.parametrize(
    ("nano", "currency"),
    [(1, "USD"), (9_999_999, "USD"), (12_345_000_000, "USD"), (NANO // 2, "JPY"), (NANO // 2, "ISK"), (0, "USD")],
)
def test_what_no_coin_can_pay_is_refused(nano, currency):
    with pytest.raises(Invalid):
        coins.to_coins(nano, currency)


@pytest.mark.parametrize("nano", [4_990_000_000, 1_000_010_000_000, 5_000_000_001])
def test_amounts_that_are_not_topped_up_here_are_refused(nano, workspace, stripe):
    with pytest.raises(Invalid):
        services.begin_top_up(workspace_id=workspace.pk, amount_nano=nano, key="k", actor="person:1")
    assert stripe.asked == []


def test_without_a_key_nothing_is_begun(workspace):
    assert not services.takes_payments()
    with pytest.raises(Conflict):
        services.begin_top_up(workspace_id=workspace.pk, amount_nano=10 * NANO, key="k", actor="person:1")
    assert care.care() == 0


def test_a_webhook_without_a_key_is_not_there(client, db):
    assert client.post("/billing/stripe/webhook/", b"{}", "application/json").status_code == 404


def test_a_key_alone_does_not_switch_payments_on(settings):
    settings.WUKONG_STRIPE_KEY = "sk_test"
    assert not gateway.is_on()


def test_a_customer_that_stripe_no_longer_knows_does_not_keep_anybody_from_paying(workspace, stripe, paid, deliver):
    """Deleted there, or of another mode's key: the next payment makes a new one."""
    first, _payment = paid(10, saves_method=True)
    assert deliver("checkout.session.completed", first.session) == 200
    stripe.gone.add(AutoTopUp.objects.get().customer)

    second, _payment = paid(10, saves_method=True)
    assert deliver("checkout.session.completed", second.session) == 200

    assert state_of(second) == "booked"
    assert AutoTopUp.objects.get().customer not in stripe.gone
