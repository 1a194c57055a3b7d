"""Workspaces that keep the prices of a moment: their holds use the card of then, whatever was published since."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from billing import ledger, ops, services
from billing.contracts import Usage
from billing.models import Hold, PricePin, RateCard, Transfer, Wallet
from tests.billing.conftest import hold_op
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid, NotFound
from wukong.kernel.ids import new_id

WHO = "person:1"


@pytest.fixture
def dearer(settings, db):
    """Return a function that publishes acme-1 at another price and gives its version's moment."""
    settings.WUKONG_ENDPOINT_MODEL = "acme-1"

    def publish(prices):
        settings.WUKONG_ENDPOINT_PRICES = prices
        services.publish_builtin_cards()
        return RateCard.objects.filter(model="acme-1").latest("version").effective_from

    return publish


def charge(hold, **given):
    op = hold(**{"model": "acme-1", "input_bound": 0} | given)
    ledger.post(op)
    return ledger.post(ops.Capture(call=op.call, usage=Usage(output_tokens=10))).amount_nano


def test_holds_of_a_pinned_workspace_use_the_old_card(workspace, hold, dearer):
    first = dearer("1,4")
    services.pin_prices(workspace_id=workspace.pk, moment=first, actor=WHO)
    dearer("2,8")

    assert charge(hold) == 40_000
    assert Hold.objects.get().rate_card.version == Transfer.objects.get(code="capture").rate_card.version == 1
    assert services.most("acme-1", 0, 10, "USD", workspace.pk) == 40_000
    assert services.most("acme-1", 0, 10, "USD") == 80_000


def test_others_pay_what_counts_now(workspace, hold, dearer, ada):
    from workspaces.people.services import create_workspace

    other = create_workspace(name="Other", owner=ada)
    services.pin_prices(workspace_id=other.pk, moment=dearer("1,4"), actor=WHO)
    dearer("2,8")

    mine = hold(model="acme-1", input_bound=0)
    theirs = hold_op(other.pk, model="acme-1", input_bound=0)
    answers = ledger.apply([mine, theirs])  # in one batch
    assert [answer.amount_nano for answer in answers] == [100 * 8_000, 100 * 4_000]


def test_a_lifted_pin_is_kept_and_counts_no_more(workspace, hold, dearer):
    pins = services.pin_prices(workspace_id=workspace.pk, moment=dearer("1,4"), actor=WHO)
    dearer("2,8")
    lifted = services.lift_pins(pin_ids=[pin.pk for pin in pins], actor="person:2")

    assert lifted == len(pins) == 3  # acme-1 and the two that are built in
    assert services.lift_pins(pin_ids=[pin.pk for pin in pins], actor="person:3") == 0
    assert charge(hold) == 80_000
    assert set(PricePin.objects.values_list("actor", "lifted_by")) == {(WHO, "person:2")}


def test_pinning_again_replaces_what_differs_only(workspace, dearer):
    first = dearer("1,4")
    services.pin_prices(workspace_id=workspace.pk, moment=first, actor=WHO)
    second = dearer("2,8")
    made = services.pin_prices(workspace_id=workspace.pk, moment=second, actor=WHO)

    assert [(pin.model, pin.card.version) for pin in made] == [("acme-1", 2)]
    assert services.pin_prices(workspace_id=workspace.pk, moment=second, actor=WHO) == []
    assert PricePin.objects.standing().count() == 3


def test_some_models_are_pinned_and_others_not(workspace, dearer):
    made = services.pin_prices(workspace_id=workspace.pk, moment=dearer("1,4"), actor=WHO, models=["acme-1"])

    assert [pin.model for pin in made] == ["acme-1"]


def test_what_cannot_be_kept_is_refused(workspace, dearer):
    first = dearer("1,4")
    with pytest.raises(Invalid, match="acme-2"):
        services.pin_prices(workspace_id=workspace.pk, moment=first, actor=WHO, models=["acme-1", "acme-2"])
    with pytest.raises(Invalid, match="will be"):
        services.pin_prices(workspace_id=workspace.pk, moment=now() + timedelta(days=1), actor=WHO)
    with pytest.raises(NotFound):
        services.pin_prices(workspace_id=new_id(), moment=first, actor=WHO)
    assert not PricePin.objects.exists()


# --- the console ----------------------------------------------------------------------------------------------------
@pytest.fixture
def console(client, db):
    from workspaces.people.services import create_user

    operator = create_user(email="op@example.com", password="a long enough password", name="Olga", is_operator=True)
    client.force_login(operator)
    client.operator = operator
    return client


def pin(console, workspace, **fields):
    services.open_wallet(workspace_id=workspace.pk)
    chosen = [str(Wallet.objects.get(workspace=workspace).pk)]
    path = reverse("admin:billing_wallet_changelist")
    return console.post(path, {"action": "pin_prices", "_selected_action": chosen, **fields}, follow=True)


def test_an_operator_pins_and_lifts(console, workspace, dearer):
    moment = dearer("1,4") + timedelta(seconds=1)
    form = pin(console, workspace).content.decode()
    assert "Northwind" in form
    assert 'name="moment"' in form
    from unittest import mock

    with mock.patch("billing.prices.pins.now", return_value=moment + timedelta(seconds=1)):
        done = pin(console, workspace, moment=f"{moment:%Y-%m-%d %H:%M:%S}", models="acme-1").content.decode()
    row = PricePin.objects.get()
    listed = console.get(reverse("admin:billing_pricepin_changelist")).content.decode()
    path = reverse("admin:billing_pricepin_changelist")
    console.post(path, {"action": "lift", "_selected_action": [str(row.pk)]}, follow=True)
    row.refresh_from_db()

    assert "Northwind keeps 1 prices." in done
    assert (row.model, row.actor, row.lifted_by) == ("acme-1", *[f"person:{console.operator.pk}"] * 2)
    assert "op@example.com" in listed
    assert 'name="_save"' not in console.get(reverse("admin:billing_pricepin_change", args=[row.pk])).content.decode()


@pytest.mark.parametrize("moment", ["", "yesterday", "2999-01-01 00:00"])
def test_a_moment_that_cannot_be_is_said_so(console, workspace, dearer, moment):
    dearer("1,4")
    answer = pin(console, workspace, moment=moment).content.decode()

    assert re.search("errorlist|as they were", answer)
    assert not PricePin.objects.exists()
