"""Price lists become proposals, an operator's yes makes them cards; nothing is proposed twice, nothing by itself."""

import io
import re
import socket

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from billing import cards, ledger, ops, services
from billing.contracts import Usage
from billing.models import PriceProposal, Rate, RateCard
from billing.prices.contracts import Listing, PriceChange
from billing.prices.diff import changes, in_percent, per_million
from billing.prices.margin import in_percent as percent_of_bp
from billing.prices.margin import margin_bp
from billing.pricing import tariff_of
from wukong.kernel.errors import Conflict, Invalid, NotFound
from wukong.kernel.ids import new_id

BASE = {"input": 2_000_000, "cache_read": 200_000, "cache_write": 2_500_000, "output": 10_000_000}
WHO = "person:1"


def listing(model="acme-1", provider="acme", above=None, **prices):
    cost = tariff_of(BASE | prices, above or {})
    return Listing(model=model, provider=provider, source="genai-prices 0", cost=cost)


def propose(*listings):
    return services.propose_prices(list(listings) or [listing()])


def approve():
    return services.approve_prices(proposal_id=PriceProposal.objects.open().get().pk, actor=WHO)


def states():
    return list(PriceProposal.objects.order_by("pk").values_list("state", flat=True))


# --- what is proposed -----------------------------------------------------------------------------------------------
def test_the_same_data_proposes_nothing_twice(db):
    first, second = propose(), propose()

    assert [one.model for one in first.proposed] == ["acme-1"]
    assert (list(second.proposed), list(second.known)) == ([], ["acme-1"])
    assert states() == ["proposed"]
    approve()
    assert list(propose().proposed) == []
    assert states() == ["approved"]


def test_what_was_rejected_is_not_proposed_again_until_it_is_another(db, settings):
    propose()
    services.reject_prices(proposal_id=PriceProposal.objects.get().pk, actor=WHO)

    assert list(propose().proposed) == []
    assert len(propose(listing(output=11_000_000)).proposed) == 1
    settings.WUKONG_MARGIN = "5"
    assert len(propose().proposed) == 1
    assert states() == ["rejected", "superseded", "proposed"]


def test_another_list_supersedes_the_one_that_waits(db):
    propose()
    propose(listing(input=3_000_000))
    propose()

    assert states() == ["superseded", "superseded", "proposed"]
    waiting = PriceProposal.objects.open().get()
    assert (waiting.decided_by, PriceProposal.objects.first().decided_by) == ("", "system")


def test_a_list_that_is_the_card_again_takes_its_proposal_back(db):
    propose()
    approve()
    propose(listing(input=3_000_000))
    propose()

    assert states() == ["approved", "superseded"]


def test_another_provider_waits_for_the_first(db):
    propose()
    found = propose(listing(provider="other", input=1))

    assert "acme waits" in found.left[0].why
    assert states() == ["proposed"]


def test_what_the_settings_or_the_program_price_is_left_to_them(db, settings):
    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "acme-1", "1,4"
    found = propose(listing(), listing(model="local"), listing(model="scripted"))

    assert [one.model for one in found.left] == ["acme-1", "local", "scripted"]
    assert "WUKONG_ENDPOINT_PRICES" in found.left[0].why
    assert states() == []


# --- what is published ----------------------------------------------------------------------------------------------
def test_approval_publishes_the_next_version_with_cost_and_price(db, settings):
    settings.WUKONG_MARGIN = "12.5"
    propose()
    first = approve()
    propose(listing(input=2_000_001, above={200_001: {"output": 20_000_000}}))
    second = approve()

    assert (first.version, second.version, second.margin_bp) == (1, 2, 1250)
    assert second.source == "genai-prices 0 acme"
    rates = {(rate.meter, rate.from_tokens): rate for rate in Rate.objects.filter(card=second)}
    assert len(rates) == 10
    # 2,000,001 × 1.125 = 2,250,001.125: rounded up, so that nothing is sold below cost and margin
    assert (rates["input", 0].cost_pico, rates["input", 0].pico_per_token) == (2_000_001, 2_250_002)
    assert (rates["output", 200_001].cost_pico, rates["output", 200_001].pico_per_token) == (20_000_000, 22_500_000)
    assert (rates["reasoning", 200_001].cost_pico, rates["cache_read", 200_001].cost_pico) == (20_000_000, 200_000)
    assert cards.tariff_now("acme-1", "USD").at(200_001).output == 22_500_000
    row = PriceProposal.objects.get(card=second)
    assert (row.state, row.decided_by, row.base) == ("approved", WHO, first)
    assert row.decided_at == second.effective_from or row.decided_at is not None


def test_built_in_cards_are_sold_at_cost(db, settings):
    settings.WUKONG_MARGIN = "50"
    services.publish_builtin_cards()

    assert Rate.objects.count() == 10
    assert all(rate.cost_pico == rate.pico_per_token for rate in Rate.objects.all())
    assert set(RateCard.objects.values_list("margin_bp", flat=True)) == {0}


def test_a_decision_is_made_once(db):
    propose()
    row = PriceProposal.objects.get()
    card = approve()

    assert services.approve_prices(proposal_id=row.pk, actor="person:2") == card
    with pytest.raises(Conflict, match="Approved"):
        services.reject_prices(proposal_id=row.pk, actor=WHO)
    assert PriceProposal.objects.get().decided_by == WHO
    with pytest.raises(NotFound):
        services.approve_prices(proposal_id=new_id(), actor=WHO)
    assert RateCard.objects.count() == 1


def test_only_what_was_looked_at_is_published(db, settings):
    """The card in force or the margin is another than at the time of the proposal."""
    propose()
    settings.WUKONG_MARGIN = "20"
    with pytest.raises(Conflict, match="changed since"):
        approve()
    settings.WUKONG_MARGIN = "0"
    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "acme-1", "1,4"
    with pytest.raises(Conflict, match="WUKONG_ENDPOINT_PRICES"):
        approve()
    services.publish_builtin_cards()
    settings.WUKONG_ENDPOINT_PRICES = ""
    with pytest.raises(Conflict, match="changed since"):
        approve()
    assert states() == ["proposed"]
    propose()
    assert approve().version == 2


def test_a_call_is_held_and_charged_by_the_approved_tiers(workspace, hold):
    propose(listing(above={1_001: {"input": 4_000_000}}))
    approve()
    op = hold(model="acme-1", input_bound=1_001, max_tokens=16)
    held = ledger.post(op).amount_nano
    charged = ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=1_001, output_tokens=1))).amount_nano

    assert held == 1_001 * 4_000 + 16 * 10_000
    assert charged == 1_001 * 4_000 + 10_000


def test_rest_tells_the_tiers_and_not_the_cost(api, workspace, ada, settings):
    settings.WUKONG_MARGIN = "10"
    propose(listing(above={200_001: {"input": 4_000_000}}))
    approve()
    found = api(ada).get("/api/v1/billing/rates/?workspace=northwind&model=acme-1&meter=input").json()["results"]

    assert sorted((row["from_tokens"], row["pico_per_token"]) for row in found) == [
        (0, 2_200_000),
        (200_001, 4_400_000),
    ]
    assert [key for key in found[0] if "cost" in key or "margin" in key] == []


@pytest.mark.parametrize("text", ["", "-1", "1.234", "ten", "1e3", "12345"])
def test_a_margin_that_cannot_be_read_is_refused(text):
    with pytest.raises(Invalid):
        margin_bp(text)


def test_margins_are_read_and_shown():
    assert [margin_bp(text) for text in ("0", "20", "12.5", "0.05")] == [0, 2000, 1250, 5]
    assert [percent_of_bp(bp) for bp in (0, 2000, 1250, 5)] == ["0 %", "20 %", "12.5 %", "0.05 %"]


# --- how lists differ -----------------------------------------------------------------------------------------------
def test_a_difference_is_told_by_tier_and_meter():
    old = tariff_of(BASE)
    new = tariff_of(BASE | {"input": 2_250_000}, {200_001: {"output": 20_000_000}})

    assert [(one.meter, one.from_tokens, one.old_pico, one.new_pico) for one in changes(old, new)] == [
        ("input", 0, 2_000_000, 2_250_000),
        ("input", 200_001, 2_000_000, 2_250_000),
        ("output", 200_001, 10_000_000, 20_000_000),
        ("reasoning", 200_001, 10_000_000, 20_000_000),
    ]
    assert changes(new, new) == []
    assert len(changes(None, old)) == 5
    assert [one.from_tokens for one in changes(new, old) if one.meter == "output"] == [200_001]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [(200, 225, "+12.5 %"), (3, 2, "−33.3 %"), (1000, 1001, "+0.1 %"), (None, 5, ""), (0, 5, ""), (7, 0, "−100.0 %")],
)
def test_a_change_is_told_in_percent(old, new, text):
    assert in_percent(PriceChange(meter="input", from_tokens=0, old_pico=old, new_pico=new)) == text


def test_prices_are_told_exactly():
    assert [per_million(pico) for pico in (0, 1, 3_625, 2_000_000, 1_234_567_890)] == [
        "0.00",
        "0.000001",
        "0.003625",
        "2.00",
        "1,234.56789",
    ]


# --- the command ----------------------------------------------------------------------------------------------------
@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def sync(*args):
    out = io.StringIO()
    call_command("sync_prices", *args, stdout=out)
    return out.getvalue()


def test_the_command_proposes_what_the_package_brings_along(db, no_network):
    said = sync("--provider", "anthropic", "--model", "claude-sonnet-4-5")

    assert "  input from 200,001 tokens in: new -> 6.00" in said
    assert said.endswith("1 proposed, 0 known, 0 left out\n")
    assert sync("--provider", "anthropic", "--model", "claude-sonnet-4-5").endswith("0 proposed, 1 known, 0 left out\n")
    row = PriceProposal.objects.get()
    assert (row.model, row.currency, row.provider) == ("claude-sonnet-4-5", "USD", "anthropic")
    assert re.fullmatch(r"genai-prices \d+\.\d+\.\d+", row.source)


def test_all_models_of_a_provider_that_have_prices_are_proposed(db, no_network):
    said = sync("--provider", "openai")

    assert PriceProposal.objects.count() > 50
    assert re.search(r"text-embedding-3-small: left out, .*\n", said)


def test_by_default_the_endpoint_of_the_settings_is_meant(db, settings, no_network):
    settings.WUKONG_ENDPOINT_URL, settings.WUKONG_ENDPOINT_MODEL = "https://api.deepseek.com/v1", "deepseek-chat"
    sync()

    assert [(row.model, row.provider) for row in PriceProposal.objects.all()] == [("deepseek-chat", "deepseek")]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--provider", "nobody"], "Known are: anthropic"),
        (["--provider", "openai", "--model", "gpt-0"], "has no model"),
        ([], "Name a --provider"),
    ],
)
def test_what_is_unknown_is_said_so(db, settings, args, words):
    settings.WUKONG_ENDPOINT_URL = ""
    with pytest.raises(CommandError, match=words):
        sync(*args)
    assert not PriceProposal.objects.exists()


def test_an_endpoint_of_nobody_known_needs_a_provider(db, settings):
    settings.WUKONG_ENDPOINT_URL = "http://127.0.0.1:9/v1"
    with pytest.raises(CommandError, match="No provider is known"):
        sync()


# --- the console ----------------------------------------------------------------------------------------------------
@pytest.fixture
def console(client, db):
    from workspaces.people.services import create_user

    operator = create_user(email="op@example.com", password="a long enough password", name="Olga", is_operator=True)
    client.force_login(operator)
    client.operator = operator
    return client


def press(console, action, *rows):
    path = reverse("admin:billing_priceproposal_changelist")
    return console.post(path, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


def test_an_operator_sees_the_difference_and_approves_it(console):
    propose()
    approve()
    propose(listing(input=2_250_000))
    row = PriceProposal.objects.open().get()
    shown = console.get(reverse("admin:billing_priceproposal_changelist"))
    assert shown.status_code == 200
    shown = shown.content.decode()
    page = console.get(reverse("admin:billing_priceproposal_change", args=[row.pk]))
    done = press(console, "approve", row).content.decode()

    assert "input: 2.00 → 2.25 +12.5 %" in shown
    assert "input: 2.00 → 2.25 +12.5 %" in page.content.decode()
    assert "Published: acme-1 USD." in done
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("approved", f"person:{console.operator.pk}")
    assert row.decided_at is not None
    assert "op@example.com" in done
    from django.contrib.admin.models import LogEntry

    assert [(entry.user_id, entry.object_id) for entry in LogEntry.objects.all()] == [
        (console.operator.pk, str(row.pk))
    ]


def test_an_operator_rejects_and_is_told_what_cannot_be(console):
    propose()
    row = PriceProposal.objects.get()
    press(console, "reject", row)
    refused = press(console, "approve", row).content.decode()

    assert states() == ["rejected"]
    assert "is decided: Rejected" in refused
    assert not RateCard.objects.exists()


def test_members_are_not_operators(client, ada):
    client.force_login(ada)
    propose()

    assert press(client, "approve", PriceProposal.objects.get()).redirect_chain[0][0].startswith("/console/login/")
    assert states() == ["proposed"]
