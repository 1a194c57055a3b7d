"""The prices page: every price exactly, tiers, versions with what changed, what is kept; never what it costs us."""

import re
from html import unescape

import pytest

from billing import services
from billing.models import PriceProposal, RateCard
from billing.prices.contracts import Listing
from billing.pricing import tariff_of

BASE = {"input": 2_000_000, "cache_read": 203_625, "cache_write": 2_500_000, "output": 10_000_000}
LONG = {"input": 4_000_000, "output": 15_000_000, "reasoning": 15_000_000}


def publish(settings, margin="0", above=None, **prices):
    settings.WUKONG_MARGIN = margin
    cost = tariff_of(BASE | prices, above or {})
    services.propose_prices([Listing(model="acme-1", provider="acme", source="genai-prices 0", cost=cost)])
    return services.approve_prices(proposal_id=PriceProposal.objects.open().get().pk, actor="person:1")


def read(client):
    """Return the page's main part as lines of text, one for a row of a table."""
    html = client.get("/w/northwind/prices/").content.decode()
    main = re.sub(r"<script.*?</script>|<caption.*?</caption>", "", html[html.index("<main") :], flags=re.DOTALL)
    rows = re.sub(r"</(tr|h1|h2|h3|p|summary|section|a|nav)>", "\n", main)
    text = unescape(re.sub(r"<[^>]+>", " ", rows))
    return [line for part in text.split("\n") if (line := " ".join(part.split()))]


def test_every_kind_of_token_has_its_exact_price(at, workspace, ada, settings):
    publish(settings)
    lines = read(at(ada))

    start = lines.index("Kind USD per million")
    assert lines[start + 1 : start + 6] == [
        "Input 2.00",
        "Cached input 0.203625",
        "Written to the cache 2.50",
        "Output 10.00",
        "Reasoning 10.00",
    ]


def test_tiers_are_columns_from_the_tokens_on_that_people_say(at, workspace, ada, settings):
    publish(settings, above={200_001: LONG})
    lines = read(at(ada))

    start = lines.index("Kind Up to 200,000 tokens in Over 200,000")
    assert lines[start + 1] == "Input 2.00 4.00"
    assert lines[start + 2] == "Cached input 0.203625 0.203625"
    assert any("all tokens of the call are priced by its whole input" in line for line in lines)


def test_versions_tell_what_changed_and_when(at, workspace, ada, settings):
    publish(settings)
    publish(settings, input=2_250_000, above={200_001: LONG})
    lines = read(at(ada))

    assert "2 versions" in lines
    start = next(
        place for place, line in enumerate(lines) if re.fullmatch(r"\d+ \w+ \d{4}, version 2 Counts now", line)
    )
    assert lines[start + 1 : start + 6] == [
        "Kind Before After Change",
        "Input 2.00 2.25 +12.5 %",
        "Input over 200,000 tokens in 2.00 4.00 +100.0 %",
        "Output over 200,000 tokens in 10.00 15.00 +50.0 %",
        "Reasoning over 200,000 tokens in 10.00 15.00 +50.0 %",
    ]
    assert lines[start + 7] == "The first price."


def test_customers_see_what_they_pay_and_not_what_it_costs_us(at, workspace, ada, settings):
    publish(settings, margin="20", input=3_333_333, output=7_777_777)
    html = at(ada).get("/w/northwind/prices/").content.decode()

    assert "4.00" in html
    assert "9.333333" in html
    assert [secret for secret in ("3.333333", "7.777777", "20 %", "argin", "2000") if secret in html] == []


def test_what_is_kept_is_shown_as_it_is_paid(at, workspace, ada, settings):
    card = publish(settings)
    services.pin_prices(workspace_id=workspace.pk, moment=card.effective_from, actor="person:1")
    publish(settings, input=9_000_000)
    lines = read(at(ada))

    assert any(re.fullmatch(r"Kept Tariff of \d+ \w+ \d{4}, version 1", line) for line in lines)
    assert "Input 2.00" in lines
    assert sum("Counts now" in line for line in lines) == 1
    assert any("kept for this workspace" in line for line in lines)
    usage = at(ada).get("/w/northwind/usage/").context["page"]
    assert next(rate.input_pico for rate in usage.rates if rate.model == "acme-1") == 2_000_000


def test_other_currencies_have_their_own_cards(at, ada, settings):
    from workspaces.people.services import create_workspace

    create_workspace(name="Euro", slug="euro", owner=ada, currency="EUR")
    publish(settings)
    html = at(ada).get("/w/euro/prices/").content.decode()

    assert "acme-1" not in html


def test_a_workspace_without_prices_says_so(at, workspace, ada):
    RateCard.objects.all()
    assert any("No model has a price yet." in line for line in read(at(ada)))


@pytest.mark.parametrize("path", ["usage", "ledger", "statements", "prices", "limits", "waste"])
def test_sections_lead_to_each_other_and_say_where_one_is(at, workspace, ada, path):
    html = at(ada).get(f"/w/northwind/{path}/").content.decode()
    navs = re.findall(r'<nav class="tabs [\w-]+".*?</nav>', html, flags=re.DOTALL)

    assert len(navs) == 2  # in the bar at a desk, above the page on a phone
    for nav in navs:
        assert re.findall(r'href="([^"]+)"', nav) == [
            f"/w/northwind/{section}/" for section in ("usage", "ledger", "statements", "prices", "limits", "waste")
        ]
        assert re.findall(r'href="([^"]+)" aria-current="page"', nav) == [f"/w/northwind/{path}/"]


def test_many_models_ask_the_database_no_more_than_few(at, workspace, ada, settings, django_assert_max_num_queries):
    from billing import cards

    publish(settings)
    client = at(ada)
    client.get("/w/northwind/prices/")
    with django_assert_max_num_queries(30) as few:
        client.get("/w/northwind/prices/")
    for number in range(20):
        listing = Listing(model=f"m-{number}", provider="acme", source="genai-prices 0", cost=tariff_of(BASE))
        services.propose_prices([listing])
        services.approve_prices(proposal_id=PriceProposal.objects.open().get().pk, actor="person:1")
    cards._tariffs.clear()
    with django_assert_max_num_queries(30) as many:
        client.get("/w/northwind/prices/")

    assert len(many) <= len(few) + 1
