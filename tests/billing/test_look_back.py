"""What went back at Stripe and no webhook told of: `tick` asks for it, a few top-ups at a time, each once a day."""

from datetime import timedelta

import pytest

from billing import services
from billing.models import TopUp, TopUpReturn
from billing.payments import care
from wukong.kernel.clock import now
from wukong.kernel.money import NANO

WELCOME = 5 * NANO


def balance(workspace) -> int:
    return services.balance_of(workspace.pk).balance_nano


def a_day_later() -> None:
    """Let a day and a bit pass for everything that is remembered of top-ups."""
    for row in TopUp.objects.all():
        row.closed_at = row.closed_at and row.closed_at - timedelta(hours=25)
        row.looked_at = row.looked_at and row.looked_at - timedelta(hours=25)
        row.save(update_fields=["closed_at", "looked_at"])


@pytest.fixture
def book(paid, deliver):
    """Return a function that brings a top-up into the wallet; it gives the row and the payment's id."""

    def of(dollars: int = 20) -> tuple:
        topup, payment = paid(dollars)
        assert deliver("checkout.session.completed", topup.session) == 200
        return topup, payment

    return of


@pytest.mark.parametrize(
    ("kind", "event"), [("refund", "charge.refunded"), ("dispute", "charge.dispute.created")], ids=lambda one: one
)
def test_money_that_went_back_without_a_webhook_is_taken_once(kind, event, workspace, stripe, book, deliver):
    _topup, payment = book()
    went = getattr(stripe, kind)(payment, 700)
    assert care.care() == 0  # its webhook may still come
    a_day_later()

    assert care.care() == 1
    assert balance(workspace) == WELCOME + 13 * NANO

    asked = len(stripe.asked)
    assert care.care() == 0  # once a day
    assert len(stripe.asked) == asked
    a_day_later()
    assert care.care() == 1
    told_of = stripe.objects[payment]["latest_charge"] if kind == "refund" else went
    assert deliver(event, told_of) == 200  # late after all
    assert balance(workspace) == WELCOME + 13 * NANO
    assert TopUpReturn.objects.count() == 1


def test_a_refund_that_failed_without_a_webhook_is_in_the_wallet_again(workspace, stripe, book):
    _topup, payment = book()
    services.refund(
        workspace_id=workspace.pk, topup=payment, amount_nano=5 * NANO, key="r1", actor="person:1", note="Asked for"
    )
    stripe.fail_refund(stripe.made("refund")[0]["id"])
    a_day_later()

    care.care()

    assert balance(workspace) == WELCOME + 20 * NANO


def test_it_asks_for_a_few_at_a_time_and_first_for_the_oldest_look(stripe, book):
    rows = [book(10)[0] for _ in range(7)]
    looks = [None, 50, 30, 40, 20, 50, 50]  # hours ago
    booked = [48, 72, 72, 72, 72, 23, 121 * 24]  # the last two: too new, too old
    for row, look, hours in zip(rows, looks, booked, strict=True):
        TopUp.objects.filter(pk=row.pk).update(
            looked_at=look and now() - timedelta(hours=look), closed_at=now() - timedelta(hours=hours)
        )
    start, asked = now(), len(stripe.asked)

    assert care.care() == 3

    seen = set(TopUp.objects.filter(looked_at__gte=start).values_list("pk", flat=True))
    assert seen == {rows[0].pk, rows[1].pk, rows[3].pk}
    assert len(stripe.asked) - asked == 3 * 2  # the payment with its charge, and its disputes
    assert care.care() == 1
    assert care.care() == 0


def test_a_payment_of_another_account_is_no_error(stripe, book, caplog):
    _topup, payment = book()
    del stripe.objects[payment]
    a_day_later()

    assert care.care() == 1

    assert not [record for record in caplog.records if record.levelname == "ERROR"]
