"""The lists of genai-prices as our cards say them: what the package would charge for a call is what we would."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import Usage as TheirUsage

from billing.contracts import Usage
from billing.prices import catalogue
from billing.pricing import charge_nano
from wukong.kernel.errors import Invalid

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIZES = [(900, 0, 0, 40), (150_000, 50_000, 0, 7), (150_000, 50_001, 0, 7), (1, 3, 272_000, 0), (600_000, 1, 1, 9_999)]


def info(provider, name):
    return next(one for one in providers if one.id == provider).find_model(name, all_providers=providers)


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google", "x-ai"])
def test_a_call_costs_what_the_package_says_in_every_tier(provider):
    listed, _left = catalogue.read(provider, [], AT)
    steady = [one for one in listed if not one.note]
    apart = []
    for one in steady:
        prices = info(provider, one.model).get_prices(AT)
        for fresh, read, written, out in SIZES:
            theirs = prices.calc_price(
                TheirUsage(
                    input_tokens=fresh + read + written,
                    cache_read_tokens=read,
                    cache_write_tokens=written,
                    output_tokens=out,
                )
            )["total_price"]
            ours = charge_nano(
                one.cost,
                Usage(input_tokens=fresh, cache_read_tokens=read, cache_write_tokens=written, output_tokens=out),
            )
            # prices are whole pico-units a token, or rounded up to one: at most a thousandth of a nano-unit a token
            most = Decimal("0.5") + Decimal(fresh + read + written + out) / 1000
            if not -Decimal("0.5") <= ours - theirs * 10**9 <= most:
                apart.append((one.model, (fresh, read, written, out), ours, theirs))

    assert len(steady) > 5
    assert apart == []


def test_a_price_by_the_hour_is_the_dearest_of_the_day_whenever_it_is_read():
    listed, _left = catalogue.read("deepseek", [], AT)
    noted = [one for one in listed if one.note]
    again, _left = catalogue.read("deepseek", [one.model for one in noted], AT.replace(hour=2, minute=59))

    assert noted
    assert again == noted
    for one in noted:
        asked = [info("deepseek", one.model).get_prices(AT.replace(hour=hour)).output_mtok for hour in range(24)]
        assert min(asked) < max(asked)
        assert one.cost.output == max(asked) * 1_000_000


@pytest.mark.parametrize(
    ("dollars", "pico"),
    [("3", 3_000_000), ("0.18000000000000002", 180_000), ("0.0833333333333", 83_334), ("0.0000001", 1), ("0", 0)],
)
def test_a_price_is_rounded_up_but_not_for_the_dust_of_a_float(dollars, pico):
    assert catalogue._pico(Decimal(dollars)) == pico


def test_a_negative_price_is_no_price():
    with pytest.raises(Invalid):
        catalogue._pico(Decimal(-1))


def test_what_is_priced_by_request_is_left_out():
    listed, left = catalogue.read("perplexity", [], AT)
    by_request = [one.model for one in left if "each request" in one.why]

    assert by_request
    assert set(by_request).isdisjoint(one.model for one in listed)


def test_a_name_that_no_call_uses_is_left_out():
    listed, left = catalogue.read("fireworks", [], AT)
    named, none = catalogue.read("fireworks", ["accounts/fireworks/models/deepseek-v3-0324"], AT)

    assert "deepseek-v3-0324" in [one.model for one in left if "calls do not name it so" in one.why]
    assert "deepseek-v3-0324" not in [one.model for one in listed]
    assert ([one.model for one in named], none) == (["accounts/fireworks/models/deepseek-v3-0324"], [])
