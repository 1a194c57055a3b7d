"""What operators book in the console: shown before, booked once, written down with amount and reason."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from billing import ledger, ops, services
from billing.models import Hold, Lot, RateCard, Transfer, UsageRecord, Wallet
from billing.rules import HOLD_LIVES
from tests.billing.calendar import NOVEMBER, clock_at
from wukong.kernel.ids import new_id

WALLETS = "admin:billing_wallet_changelist"
UNIT = 10**9


@pytest.fixture
def console(client, workspace):
    from workspaces.people.services import create_user

    client.operator = create_user(email="op@example.com", password="a long enough password", name="Olga")
    client.operator.is_staff = client.operator.is_superuser = True
    client.operator.save()
    client.force_login(client.operator)
    services.open_wallet(workspace_id=workspace.pk)
    return client


def send(console, action, rows, table=WALLETS, **fields):
    return console.post(
        reverse(table), {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}, follow=True
    )


def page(answer) -> str:
    return answer.content.decode()


def told(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def book(console, action, **fields):
    """Go through all pages of an action for the one wallet, and press the last button twice; returns both answers."""
    wallets = [Wallet.objects.get()]
    form = page(send(console, action, wallets))
    key = re.search(r'name="key" value="([^"]+)"', form)[1]
    before = Transfer.objects.count()
    shown = send(console, action, wallets, key=key, **fields)
    assert "This will be booked" in page(shown), shown.context["form"].errors
    assert 'name="confirmed"' in page(shown)
    assert Transfer.objects.count() == before
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z]\w*)" value="([^"]*)"', page(shown)))
    assert hidden.pop("action") == action
    return [send(console, action, wallets, **hidden, confirmed="Book it") for _press in range(2)]


def entry() -> LogEntry:
    """The one entry of the console's log."""
    return LogEntry.objects.get()


def test_promotional_credit_has_a_priority_and_an_end(console, workspace):
    workspace.time_zone = "Asia/Tokyo"
    workspace.save()
    with clock_at(NOVEMBER):
        first, second = book(
            console, "promo_credit", amount="2.50", priority="7", last_day="2026-11-30", reason="Sorry for Monday"
        )

    lot = Lot.objects.get(key__contains="grant:")
    assert (lot.amount_nano, lot.priority, lot.category) == (2_500_000_000, 7, "promo")
    assert lot.expires_at == datetime(2026, 11, 30, 15, tzinfo=UTC)  # midnight in Tokyo
    transfer = Transfer.objects.get(key=lot.key)
    assert (transfer.actor, transfer.note) == (f"person:{console.operator.pk}", "Sorry for Monday")
    assert told(first) == ["Northwind now has 7.500000000 USD."]
    assert told(second)[0].startswith("This was booked before and is not booked again.")
    assert entry().user == console.operator
    assert entry().object_id == str(Wallet.objects.get().pk)
    assert entry().change_message.startswith(
        "Promotional credit of 2.500000000 USD, priority 7, until the end of 30 November 2026 (Asia/Tokyo). Sorry for"
    )


@pytest.mark.parametrize(("amount", "has"), [("-1.25", 3_750_000_000), ("0.000000001", 5_000_000_001)])
def test_an_adjustment_goes_either_way(console, amount, has):
    book(console, "adjust", amount=amount, reason="Counted twice")

    assert Wallet.objects.get().balance_nano == has
    transfer = Transfer.objects.get(code="adjust")
    assert (transfer.note, transfer.actor) == ("Counted twice", f"person:{console.operator.pk}")
    assert entry().change_message.startswith("Adjustment: ")
    assert "Counted twice" in entry().change_message


@pytest.mark.parametrize("amount", ["-1", "1"])
def test_an_adjustment_can_be_about_a_call_of_this_workspace(console, spend, amount):
    call = spend()
    wallets = [Wallet.objects.get()]
    other = send(console, "adjust", wallets, key="k", amount="1", reason="r", call=str(new_id()))
    assert "This workspace has no such call." in page(other)

    book(console, "adjust", amount=amount, reason="Wrong model", call=str(call))

    assert Transfer.objects.get(code="adjust").call == call
    assert str(call) in entry().change_message


def test_a_top_up_is_refunded_as_far_as_something_is_left(console, workspace, spend):
    services.top_up(workspace_id=workspace.pk, amount_nano=20 * UNIT, key="bank-1", actor="person:x")
    services.top_up(workspace_id=workspace.pk, amount_nano=9 * UNIT, key="bank-2", actor="person:x")
    form = page(send(console, "refund_topup", [Wallet.objects.get()]))
    assert "20.000000000 USD (bank-1): at most 20.000000000" in form
    assert "welcome" not in form

    first, second = book(console, "refund_topup", topup="bank-1", amount="20", reason="Left us")

    assert Lot.objects.get(key="topup:bank-1").remaining_nano == 0
    assert Transfer.objects.get(code="refund").amount_nano == 20 * UNIT
    assert told(first) == ["Northwind now has 14.000000000 USD."]
    assert told(second)[0].startswith("This was booked before")
    assert entry().change_message.startswith("Refund of 20.000000000 USD of the top-up bank-1. Left us")
    more = send(
        console,
        "refund_topup",
        [Wallet.objects.get()],
        key="x",
        topup="bank-2",
        amount="10",
        reason="r",
        confirmed="y",
    )
    assert told(more) == ["Northwind: Of this top-up 9.000000000 USD can be paid back."]
    assert LogEntry.objects.count() == 1


def test_a_credit_limit_is_set_once_for_a_form(console, workspace):
    wallets = [Wallet.objects.get()]
    book(console, "set_credit_limit", limit="30", reason="Contract 7")
    key = re.search(r"\[([^:]+):", entry().change_message)[1]
    services.set_credit_limit(workspace_id=workspace.pk, limit_nano=0)

    late = send(console, "set_credit_limit", wallets, key=key, limit="30", reason="Contract 7", confirmed="y")

    assert Wallet.objects.get().credit_limit_nano == 0
    assert told(late)[0].startswith("This was booked before")
    assert entry().change_message.startswith("Credit limit of 30.000000000 USD, it was 0.000000000 USD. Contract 7")


@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("adjust", {"amount": "0", "reason": "r"}, "An adjustment is not 0."),
        ("adjust", {"amount": "1", "reason": " "}, "This field is required."),
        ("promo_credit", {"amount": "1", "priority": "101", "last_day": "2999-01-01", "reason": "r"}, "100"),
        (
            "promo_credit",
            {"amount": "1", "priority": "1", "last_day": "2020-01-01", "reason": "r"},
            "This day is over.",
        ),
        ("refund_topup", {"amount": "1", "topup": "none", "reason": "r"}, "Select a valid choice"),
        ("set_credit_limit", {"limit": "-1", "reason": "r"}, "A limit is 0 or more."),
    ],
    ids=["nothing", "no reason", "priority", "past", "no such top-up", "limit"],
)
def test_what_cannot_be_is_said_and_books_nothing(action, fields, said, console):
    answer = send(console, action, [Wallet.objects.get()], key="k", confirmed="y", **fields)

    assert said in page(answer)
    assert (Transfer.objects.count(), LogEntry.objects.count()) == (1, 0)


def test_a_refusal_of_the_ledger_is_shown_and_not_written_down(console):
    answer = send(console, "adjust", [Wallet.objects.get()], key="k", amount="-6", reason="r", confirmed="y")

    assert "1.000000000 USD more than is available" in told(answer)[0]
    assert LogEntry.objects.count() == 0


def test_one_form_cannot_book_two_amounts(console):
    send(console, "adjust", [Wallet.objects.get()], key="k", amount="1", reason="r", confirmed="y")
    answer = send(console, "adjust", [Wallet.objects.get()], key="k", amount="2", reason="r", confirmed="y")

    assert "with other arguments" in told(answer)[0]
    assert Wallet.objects.get().balance_nano == 6 * UNIT


def test_it_can_be_changed_before_it_is_booked_and_history_tells(console):
    wallets = [Wallet.objects.get()]
    back = send(console, "adjust", wallets, key="k", amount="1", reason="Because", change="Change it")
    assert 'value="Because"' in page(back)
    book(console, "adjust", amount="1", reason="Because")

    row = page(console.get(reverse("admin:billing_wallet_change", args=[wallets[0].pk])))
    history = reverse("admin:billing_wallet_history", args=[wallets[0].pk])
    assert history in row
    assert "Adjustment: 1.000000000 USD back to the wallet. Because" in page(console.get(history))


def test_one_wallet_at_a_time_unless_it_is_credit(console, ada):
    from workspaces.people.services import create_workspace

    other = create_workspace(name="Other", owner=ada)
    services.open_wallet(workspace_id=other.pk)
    wallets = list(Wallet.objects.all())

    assert told(send(console, "adjust", wallets)) == ["Choose one wallet for this."]
    send(console, "grant_credit", wallets, key="k", amount="1", reason="Fair")
    assert {wallet.balance_nano for wallet in Wallet.objects.all()} == {6 * UNIT}
    assert LogEntry.objects.count() == 2


# --- holds ----------------------------------------------------------------------------------------------------------
def end(console, call: UUID, **fields):
    return send(console, "end_now", [Hold.objects.get(call=call)], "admin:billing_hold_changelist", **fields)


def test_a_hold_without_a_sign_of_life_is_ended_and_says_what_was_charged(console, hold):
    with clock_at(datetime.now(UTC) - HOLD_LIVES - timedelta(seconds=1)):
        op = hold(input_guess=900)
        ledger.post(op)
        ledger.post(ops.Extend(call=op.call, max_tokens=100, checkpoint_tokens=40))
    shown = page(end(console, op.call))
    assert "0.002120000 is charged (40 tokens written by its last sign of life), 0.000680000 goes back." in shown
    assert Hold.objects.get().state == "pending"

    first, second = (end(console, op.call, confirmed="End now") for _press in range(2))

    assert Hold.objects.get().state == "expired"
    assert UsageRecord.objects.get().amount_nano == 2_120_000
    assert "0.002120000 of 0.002800000 was charged." in told(first)[0]
    assert "This call is over." in told(second)[0]
    assert entry().object_id == str(Hold.objects.get().pk)
    assert "0.002120000 of 0.002800000 was charged." in entry().change_message


def test_a_call_that_is_alive_is_not_ended(console, hold):
    op = hold()
    ledger.post(op)
    assert "It is alive" in page(end(console, op.call))

    answer = end(console, op.call, confirmed="End now")

    assert "This call is alive" in told(answer)[0]
    assert (Hold.objects.get().state, LogEntry.objects.count()) == ("pending", 0)


# --- books ----------------------------------------------------------------------------------------------------------
def test_the_books_are_shown_check_by_check(console, spend, monkeypatch):
    spend()
    text = page(console.get("/console/books/"))
    names = services.books().checks

    assert "The books close" in text
    assert text.count(">equal<") == len(names)
    assert all(name in text for name in names)
    assert "from 2 movements and 1 holds" in text

    with monkeypatch.context() as tampered:
        tampered.setattr("billing.proof._lots", lambda: 7)
        broken = page(console.get("/console/books/"))
    assert "The books do not close: difference 0.000000007." in broken
    assert broken.count(">not equal<") == 1


def test_members_see_neither_books_nor_bookings(client, ada):
    client.force_login(ada)

    assert client.get("/console/books/").status_code == 302
    assert client.post(reverse(WALLETS), {"action": "adjust", "_selected_action": ["x"]}).status_code == 302


# --- rows stay as they are ------------------------------------------------------------------------------------------
def test_nobody_writes_rows_by_hand_superusers_neither(console, spend):
    spend()
    for model in (Transfer, Hold, UsageRecord, Lot, Wallet, RateCard):
        table, row = model._meta.model_name, model.objects.first()
        before = model.objects.count(), {**model.objects.filter(pk=row.pk).values()[0]}
        for path, fields in (
            (reverse(f"admin:billing_{table}_add"), {}),
            (reverse(f"admin:billing_{table}_change", args=[row.pk]), {"amount_nano": "1", "_save": "Save"}),
            (reverse(f"admin:billing_{table}_delete", args=[row.pk]), {"post": "yes"}),
        ):
            assert console.post(path, fields).status_code == 403, path
        send(console, "delete_selected", [row], f"admin:billing_{table}_changelist", post="yes")
        assert (model.objects.count(), {**model.objects.filter(pk=row.pk).values()[0]}) == before
