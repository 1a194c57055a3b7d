"""Automatic top-ups: below the mark, by the amount, within the day's most, one at a time, and told when they fail."""

from datetime import timedelta
from functools import partial
from unittest import mock

import pytest
from django.core import mail
from django.core.management import call_command

from billing import services
from billing.models import AutoTopUp, TopUp, Transfer
from billing.payments import auto, care, gateway, topups
from workspaces.events.models import Event
from workspaces.people.models import Workspace
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, Invalid
from wukong.kernel.money import NANO

WELCOME = 5 * NANO


@pytest.fixture
def automatic(workspace, paid, deliver):
    """A workspace with 15 in its wallet that tops up by 10 below 20, in a day at most 20."""
    topup, _payment = paid(10, saves_method=True)
    assert deliver("checkout.session.completed", topup.session) == 200
    return services.set_auto_top_up(
        workspace_id=workspace.pk,
        is_on=True,
        below_nano=20 * NANO,
        amount_nano=10 * NANO,
        daily_most_nano=20 * NANO,
        actor="person:1",
    )


def spend(workspace, dollars: int) -> None:
    key = f"spent-{Transfer.objects.count()}"
    services.adjust(workspace_id=workspace.pk, signed_nano=-dollars * NANO, key=key, actor="person:1", note="Spent")


def balance(workspace) -> int:
    return services.balance_of(workspace.pk).balance_nano


def automatic_states() -> list[str]:
    return list(TopUp.objects.filter(is_auto=True).order_by("id").values_list("state", flat=True))


def later(**by: float):
    return mock.patch.multiple("billing.payments.auto", now=lambda: now() + timedelta(**by))


def test_a_disputed_payment_switches_it_off_and_owners_are_told_once(workspace, stripe, automatic, deliver):
    payment = TopUp.objects.get().payment_intent
    dispute = stripe.dispute(payment, 1000)

    for kind in ("charge.dispute.created", "charge.dispute.updated"):
        assert deliver(kind, dispute) == 200
    call_command("tick")

    row = AutoTopUp.objects.get()
    assert (row.is_on, row.actor) == (False, "system")
    assert automatic_states() == []
    (event,) = Event.objects.filter(workspace=workspace, type="topup.failed")
    assert (event.payload["is_on"], event.payload["reason"]) == (False, "The payment is disputed")
    (letter,) = mail.outbox
    assert letter.to == ["ada@example.com"]
    assert letter.subject == "Northwind: a payment is disputed, automatic top-ups are off"
    assert "is disputed at the bank" in letter.body
    assert "no longer tops up by itself" in letter.body


def test_who_is_low_is_asked_of_the_database_at_once(automatic, django_assert_num_queries):
    """However many workspaces top up by themselves: none of those that have enough is read."""
    AutoTopUp.objects.update(below_nano=1)

    with django_assert_num_queries(1):
        assert auto.run() == 0


def test_below_the_mark_it_tops_up_and_above_it_does_not(workspace, stripe, automatic):
    call_command("tick")
    assert balance(workspace) == WELCOME + 20 * NANO
    call_command("tick")

    assert automatic_states() == ["booked"]
    assert balance(workspace) == WELCOME + 20 * NANO
    (_first, second) = stripe.made("payment_intent")
    assert (second["amount"], second["customer"]) == (1000, automatic.customer)
    assert Transfer.objects.get(key=f"topup:{second['id']}").note == "Automatic top-up"


def test_lago_6103_in_a_day_it_tops_up_at_most_as_much_as_was_said(workspace, stripe, automatic):
    for _round in range(4):
        care.care()
        spend(workspace, 8)

    assert automatic_states() == ["booked", "booked"]
    assert balance(workspace) == 3 * NANO

    with later(days=1):
        care.care()
    assert automatic_states() == ["booked"] * 3


@pytest.mark.parametrize("declines", ["", "Your card was declined."], ids=["paid", "declined"])
def test_another_process_that_looked_before_does_not_top_up_again(declines, workspace, stripe, automatic):
    stripe.declines = declines
    auto.run()

    assert committer.run(partial(auto._plan, workspace.pk)) is None  # it saw the wallet as it was before
    assert automatic_states() == ["failed" if declines else "booked"]
    assert balance(workspace) == WELCOME + (10 if declines else 20) * NANO


def test_while_one_is_pending_there_is_no_second(workspace, stripe, automatic, deliver):
    stripe.slow = True
    for _round in range(4):
        care.care()
    assert automatic_states() == ["processing"]

    (payment,) = [one for one in stripe.made("payment_intent") if one["status"] == "processing"]
    stripe.settle(payment["id"])
    for _again in range(2):
        assert deliver("payment_intent.succeeded", payment["id"]) == 200

    assert automatic_states() == ["booked"]
    assert balance(workspace) == WELCOME + 20 * NANO


def test_a_payment_of_which_nothing_was_heard_is_found_and_not_made_again(workspace, stripe, automatic):
    stripe.fails = [0, 0]  # the payment is made, its answer is lost, twice
    care.care()
    assert automatic_states() == ["open"]
    stripe.answers.clear()  # and a day later the key is forgotten
    with mock.patch.object(care, "_next_at", 0):
        TopUp.objects.update(created_at="2026-01-01T00:00Z")
        care.care()

    assert automatic_states()[0] == "booked"
    assert len([one for one in stripe.made("payment_intent") if one["metadata"]["topup"]]) == 2


def test_a_failure_is_mailed_under_whatever_name_a_workspace_has(workspace, stripe, automatic):
    Workspace.objects.update(name="Ben & Co\nLtd")
    stripe.declines = "Your card was declined."
    care.care()

    assert [message.subject for message in mail.outbox] == ["Ben & Co Ltd: an automatic top-up has failed"]


def test_a_payment_of_a_customer_that_is_gone_does_not_wait_for_ever(workspace, stripe, automatic):
    stripe.fails = [500, 500]
    care.care()
    stripe.gone.add(automatic.customer)
    TopUp.objects.filter(is_auto=True).update(created_at="2026-01-01T00:00Z")
    with mock.patch.object(care, "_next_at", 0):
        care.care()

    assert automatic_states()[0] == "failed"


def test_a_payment_that_was_never_made_is_made_later(workspace, stripe, automatic):
    stripe.fails = [500, 500]
    care.care()
    assert automatic_states() == ["open"]

    TopUp.objects.update(created_at=now() - timedelta(minutes=3))
    with mock.patch.object(care, "_next_at", 0):
        care.care()

    assert automatic_states() == ["booked"]
    assert balance(workspace) == WELCOME + 20 * NANO


@pytest.mark.parametrize(
    "step", ["charge", *(pytest.param(name, marks=pytest.mark.slow) for name in ("take", "book", "_mark_booked"))]
)
def test_a_crash_neither_loses_nor_doubles_an_automatic_top_up(step, workspace, stripe, automatic):
    class Crash(Exception):
        """The process dies here."""

    module = gateway if step == "charge" else topups
    real = getattr(module, step)

    def die(*args, **given):
        if step == "charge":
            real(*args, **given)
        raise Crash

    with mock.patch.object(module, step, die), pytest.raises(Crash):
        care.care()
    TopUp.objects.exclude(state="booked").update(created_at=now() - timedelta(minutes=3))
    care.care()

    assert automatic_states() == ["booked"]
    assert balance(workspace) == WELCOME + 20 * NANO
    assert services.books().difference_nano == 0


def test_failures_are_told_once_and_after_three_in_a_row_it_is_switched_off(workspace, stripe, automatic):
    stripe.declines = "Your card was declined."
    for hour in range(6):
        with (
            mock.patch("billing.payments.auto.now", lambda hour=hour: now() + timedelta(minutes=61 * hour)),
            mock.patch("billing.payments.told.now", lambda hour=hour: now() + timedelta(minutes=61 * hour)),
        ):
            care.care()
            care.care()

    assert automatic_states() == ["failed"] * 3
    off = AutoTopUp.objects.get()
    assert (off.is_on, off.failures) == (False, 3)
    told = [event.payload for event in Event.objects.filter(type="topup.failed").order_by("seq")]
    assert [one["is_on"] for one in told] == [True, True, False]
    assert {one["reason"] for one in told} == {"Your card was declined."}
    assert [message.to for message in mail.outbox] == [["ada@example.com"]] * 3
    assert "10.00 could not be paid: Your card was declined." in mail.outbox[0].body.replace("$", "")
    assert "no longer tops up by itself" in mail.outbox[2].body
    assert balance(workspace) == WELCOME + 10 * NANO


def test_a_success_forgets_the_failures_before_it(workspace, stripe, automatic):
    stripe.declines = "Your card was declined."
    care.care()
    assert AutoTopUp.objects.get().failures == 1
    stripe.declines = ""
    with later(minutes=61):
        care.care()

    assert AutoTopUp.objects.get().failures == 0
    assert automatic_states() == ["failed", "booked"]


def test_it_is_switched_on_only_with_a_method_and_sensible_amounts(workspace, stripe, paid, deliver):
    on = {"workspace_id": workspace.pk, "is_on": True, "below_nano": NANO, "actor": "person:1"}
    with pytest.raises(Conflict):
        services.set_auto_top_up(**on, amount_nano=10 * NANO, daily_most_nano=20 * NANO)
    topup, _payment = paid(10, saves_method=True)
    assert deliver("checkout.session.completed", topup.session) == 200
    for amount, most in ((10, 9), (1, 20), (2000, 4000)):
        with pytest.raises(Invalid):
            services.set_auto_top_up(**on, amount_nano=amount * NANO, daily_most_nano=most * NANO)

    services.set_auto_top_up(**on, amount_nano=10 * NANO, daily_most_nano=10 * NANO)
    method = AutoTopUp.objects.get().payment_method
    services.forget_payment_method(workspace_id=workspace.pk)

    assert stripe.objects[method]["customer"] is None
    left = AutoTopUp.objects.get()
    assert (left.is_on, left.payment_method, left.customer) == (False, "", "")


def test_a_method_is_remembered_only_when_somebody_said_so(workspace, stripe, paid, deliver):
    topup, _payment = paid(10)
    assert deliver("checkout.session.completed", topup.session) == 200

    assert not AutoTopUp.objects.exists()
    assert auto.of(workspace).method_label == ""


def test_without_a_key_nothing_is_topped_up(settings, workspace, stripe, automatic):
    settings.WUKONG_STRIPE_KEY = ""
    asked = len(stripe.asked)

    care.care()

    assert automatic_states() == []
    assert len(stripe.asked) == asked
