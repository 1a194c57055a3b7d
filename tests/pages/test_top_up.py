"""The pages on which a workspace pays: what they say is true, and without a key there is nothing of them."""

import pytest

from billing import services
from billing.models import AutoTopUp, TopUp
from wukong.kernel.money import NANO

TOP_UP = "/w/northwind/top-up/"


@pytest.fixture
def signed_in(client, ada, workspace):
    client.force_login(ada)
    return client


def begin(client, **given):
    form = {"choice": "25.00", "other": "", "key": "k1"} | given
    return client.post(TOP_UP, form)


def test_paying_goes_over_the_page_of_stripe_and_comes_back_to_what_is_true(signed_in, workspace, stripe):
    gone = begin(signed_in)
    topup = TopUp.objects.get()
    assert gone.url == f"{TOP_UP}{topup.pk}/?leave=1"
    leaving = signed_in.get(gone.url).content.decode()
    assert f'content="0;url={topup.url}"' in leaving

    assert "Not paid yet" in signed_in.get(f"{TOP_UP}{topup.pk}/").content.decode()
    assert services.balance_of(workspace.pk).balance_nano == 5 * NANO
    stripe.pay(topup.session)
    assert "Booked" in signed_in.get(f"{TOP_UP}{topup.pk}/").content.decode()
    assert services.balance_of(workspace.pk).balance_nano == 30 * NANO


def test_who_comes_back_without_having_paid_reads_that_and_cannot_pay_by_mistake(signed_in, workspace, stripe):
    begin(signed_in, choice="other", other="12.50")
    topup = TopUp.objects.get()

    page = signed_in.get(f"{TOP_UP}{topup.pk}/?cancelled=1").content.decode()

    assert "Cancelled" in page
    assert "Nothing was paid" in page
    assert stripe.objects[topup.session]["status"] == "expired"
    assert services.balance_of(workspace.pk).balance_nano == 5 * NANO


def test_who_paid_in_another_tab_and_cancels_here_has_paid(signed_in, workspace, stripe):
    begin(signed_in)
    topup = TopUp.objects.get()
    stripe.pay(topup.session)

    assert "Booked" in signed_in.get(f"{TOP_UP}{topup.pk}/?cancelled=1").content.decode()
    assert services.balance_of(workspace.pk).balance_nano == 30 * NANO


def test_a_slow_bank_and_a_provider_that_is_away_are_told_as_they_are(signed_in, workspace, stripe):
    begin(signed_in)
    topup = TopUp.objects.get()
    stripe.pay(topup.session, status="processing")
    assert "The bank is working on it" in signed_in.get(f"{TOP_UP}{topup.pk}/").content.decode()

    stripe.fails = [500, 500]
    assert "does not answer at the moment" in signed_in.get(f"{TOP_UP}{topup.pk}/").content.decode()


def test_the_button_pressed_twice_is_one_payment(signed_in, workspace, stripe):
    assert begin(signed_in).url == begin(signed_in).url
    assert len(stripe.made("checkout.session")) == 1


def test_who_comes_back_to_the_form_and_chooses_another_amount_pays_that(signed_in, stripe):
    """The browser shows the form as it was, with its key."""
    begin(signed_in, choice="25.00")
    answer = begin(signed_in, choice="50.00")

    assert answer.status_code == 302
    assert [one["amount_total"] for one in stripe.made("checkout.session")] == [2500, 5000]


@pytest.mark.parametrize(
    "given",
    [{"choice": "other", "other": "1"}, {"choice": "other", "other": "much"}, {"choice": "7"}],
    ids=["too-little", "no-number", "not-offered"],
)
def test_what_cannot_be_paid_is_said_in_the_form(given, signed_in, workspace, stripe):
    answer = begin(signed_in, **given)

    assert answer.status_code == 200
    assert "hint bad" in answer.content.decode()
    assert not TopUp.objects.exists()


def test_another_workspaces_top_up_is_not_there(signed_in, ada, eve, client, stripe):
    from workspaces.people.services import create_workspace

    begin(signed_in)
    topup = TopUp.objects.get()
    create_workspace(name="Elsewhere", slug="elsewhere", owner=eve)
    create_workspace(name="Second", slug="second", owner=ada)
    assert signed_in.get(f"/w/second/top-up/{topup.pk}/").status_code == 404

    client.force_login(eve)
    assert client.get(f"/w/elsewhere/top-up/{topup.pk}/").status_code == 404
    assert client.get(f"{TOP_UP}{topup.pk}/").status_code == 404


@pytest.mark.parametrize("name", ["bob", "rita", "eve"])
def test_who_does_not_manage_neither_pays_nor_sees_a_button(name, request, client, workspace, stripe):
    client.force_login(request.getfixturevalue(name))

    assert client.get(TOP_UP).status_code == (404 if name == "eve" else 403)
    assert client.post(f"{TOP_UP}auto/", {"do": "on"}).status_code == (404 if name == "eve" else 403)
    assert TOP_UP not in client.get("/w/northwind/usage/").content.decode()


def test_automatic_top_ups_are_switched_on_and_off(signed_in, workspace, stripe):
    assert "can be switched on here" in signed_in.get(TOP_UP).content.decode()
    begin(signed_in, remembers="on")
    topup = TopUp.objects.get()
    stripe.pay(topup.session)
    signed_in.get(f"{TOP_UP}{topup.pk}/")
    assert "Visa •••• 4242" in signed_in.get(TOP_UP).content.decode()

    form = {"do": "on", "below": "3.50", "amount": "20", "daily_most": "10"}
    assert "at least one top-up" in signed_in.post(f"{TOP_UP}auto/", form).content.decode()
    assert signed_in.post(f"{TOP_UP}auto/", form | {"daily_most": "40"}).status_code == 302
    auto = AutoTopUp.objects.get()
    assert (auto.is_on, auto.below_nano, auto.daily_most_nano) == (True, 3_500_000_000, 40 * NANO)
    signed_in.post(f"{TOP_UP}auto/", {"do": "off"})
    assert not AutoTopUp.objects.get().is_on


def test_the_usage_page_leads_there_only_when_payments_are_taken(signed_in, settings, stripe):
    assert TOP_UP in signed_in.get("/w/northwind/usage/").content.decode()

    settings.WUKONG_STRIPE_KEY = ""

    assert TOP_UP not in signed_in.get("/w/northwind/usage/").content.decode()
    assert signed_in.get(TOP_UP).status_code == 404
    assert signed_in.post(f"{TOP_UP}auto/", {"do": "off"}).status_code == 404


def test_a_run_that_waits_for_money_leads_there_for_who_may_pay(world, at, ada, bob, settings, stripe):
    from agents.models import Run

    details = {"missing_nano": NANO, "needed_nano": 2 * NANO}
    Run.objects.update(state="paused", pause_reason="budget", budget_nano=None, pause_details=details)
    path = f"/runs/{world.run.pk}/"

    assert f'href="{TOP_UP}"' in at(ada).get(path).content.decode()
    theirs = at(bob).get(path).content.decode()
    assert TOP_UP not in theirs
    assert "Owners and admins of the workspace can top up." in theirs

    settings.WUKONG_STRIPE_KEY = ""
    off = at(ada).get(path).content.decode()
    assert TOP_UP not in off
    assert "The people who run this installation add credit." in off
