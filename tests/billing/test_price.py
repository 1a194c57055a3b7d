"""Prices: exact, rounded once, never free by accident; cards are published once and never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import cards, services
from billing.contracts import METERS, PriceMissing, Usage
from billing.models import Rate, RateCard
from billing.pricing import UNLIMITED, Tariff, affordable_tokens, charge_nano, hold_nano, pico_per_token, tariff_of
from wukong.kernel.errors import Invalid

prices = st.integers(0, 600_000_000)
tariffs = st.builds(Tariff, prices, prices, prices, prices, prices)
counts = st.integers(0, 200_000)
usages = st.builds(
    Usage,
    input_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    output_tokens=counts,
    reasoning_tokens=counts,
)


@given(tariffs, usages)
def test_a_charge_never_exceeds_its_hold(tariff, usage):
    into = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    out = usage.output_tokens + usage.reasoning_tokens

    assert 0 <= charge_nano(tariff, usage) <= hold_nano(tariff, into, out)


@given(tariffs, counts, st.integers(-100, 10**12))
def test_affordable_tokens_are_the_most_that_fit(tariff, into, available):
    tokens = affordable_tokens(tariff, into, available)

    if tokens >= 0:
        assert hold_nano(tariff, into, tokens) <= max(available, 0)
    if tokens < UNLIMITED:
        assert hold_nano(tariff, into, tokens + 1) > available


@given(tariffs, st.lists(usages, min_size=1, max_size=20))
def test_a_sum_of_charges_is_off_by_half_a_nano_a_call_at_most(tariff, calls):
    exact = sum(tokens * tariff.by_meter()[meter] for usage in calls for meter, tokens in usage.by_meter().items())

    assert abs(sum(charge_nano(tariff, usage) for usage in calls) * 1000 - exact) <= 500 * len(calls)


@given(tariffs, usages)
def test_a_charge_is_the_exact_price_rounded_once(tariff, usage):
    exact = sum(tokens * tariff.by_meter()[meter] for meter, tokens in usage.by_meter().items())

    assert abs(charge_nano(tariff, usage) * 1000 - exact) <= 500


FLAGSHIP = tariff_of({"input": 3_000_000, "cache_read": 300_000, "cache_write": 3_750_000, "output": 15_000_000})
SMALL = tariff_of({"input": 150_000, "cache_read": 75_000, "cache_write": 150_000, "output": 600_000})
CENTS = tariff_of({"input": 28_000, "cache_read": 3_625, "cache_write": 28_000, "output": 42_000})


@pytest.mark.parametrize(
    ("tariff", "usage", "nano"),
    [
        (FLAGSHIP, Usage(input_tokens=1_000_000), 3_000_000_000),
        (FLAGSHIP, Usage(input_tokens=2_006, output_tokens=300), 6_018_000 + 4_500_000),
        # cached tokens are not input tokens as well
        (FLAGSHIP, Usage(input_tokens=86, cache_read_tokens=1_920, output_tokens=300), 258_000 + 576_000 + 4_500_000),
        (FLAGSHIP, Usage(cache_write_tokens=2_048, input_tokens=12, output_tokens=503), 7_680_000 + 36_000 + 7_545_000),
        # reasoning counts as output, once
        (SMALL, Usage(input_tokens=75, output_tokens=162, reasoning_tokens=1_024), 11_250 + 97_200 + 614_400),
        (SMALL, Usage(input_tokens=1), 150),
        # below a nano-unit: 100 × 3.625 = 362.5 pico-thousandths, rounded half up
        (CENTS, Usage(cache_read_tokens=100), 363),
        (CENTS, Usage(cache_read_tokens=1), 4),
        (CENTS, Usage(cache_read_tokens=60, input_tokens=3, output_tokens=7), 218 + 84 + 294),
        (CENTS, Usage(), 0),
    ],
)
def test_known_usage_costs_what_was_worked_out_by_hand(tariff, usage, nano):
    assert charge_nano(tariff, usage) == nano


def test_reasoning_without_a_price_is_priced_as_output():
    assert FLAGSHIP.reasoning == FLAGSHIP.output
    assert tariff_of(dict.fromkeys(METERS, 1) | {"reasoning": 5}).reasoning == 5


@pytest.mark.parametrize("missing", ["input", "cache_read", "cache_write", "output"])
def test_a_meter_without_a_price_is_refused(missing):
    with pytest.raises(PriceMissing):
        tariff_of({meter: 0 for meter in METERS if meter not in (missing, "reasoning")})


def test_zero_is_a_price():
    assert charge_nano(tariff_of(dict.fromkeys(METERS, 0)), Usage(input_tokens=10**9)) == 0


@pytest.mark.parametrize("bad", [{"image": 1}, {"input": -1}])
def test_what_is_no_price_is_refused(bad):
    with pytest.raises(PriceMissing):
        tariff_of(dict.fromkeys(METERS, 1) | bad)


def test_a_meter_never_runs_backwards():
    with pytest.raises(ValueError, match="backwards"):
        Usage(input_tokens=-1)


def test_usage_adds_up():
    total = Usage(input_tokens=1, reasoning_tokens=2) + Usage(input_tokens=3, estimated=True)

    assert total == Usage(input_tokens=4, reasoning_tokens=2, estimated=True)
    assert total.total_tokens == 6


@pytest.mark.parametrize(("nano", "pico"), [(2_000_000_000, 2_000_000), (1, 1), (1001, 2), (0, 0)])
def test_nothing_becomes_free_by_rounding(nano, pico):
    assert pico_per_token(nano) == pico


# --- cards ----------------------------------------------------------------------------------------------------------
def test_built_in_models_are_not_free(db):
    services.publish_builtin_cards()

    rates = {rate.model: rate for rate in services.rates_of("USD")}
    assert (rates["scripted"].input_pico, rates["scripted"].cache_read_pico) == (2_000_000, 200_000)
    assert (rates["scripted"].output_pico, rates["scripted"].reasoning_pico) == (8_000_000, 8_000_000)
    assert rates["local"].input_pico == rates["local"].output_pico == 20_000


def test_publishing_again_changes_nothing(db):
    for _ in range(3):
        services.publish_builtin_cards()

    assert RateCard.objects.count() == 2
    assert Rate.objects.count() == 10


def test_cards_are_published_in_every_currency_in_use(ada):
    from workspaces.people.services import create_workspace

    create_workspace(name="Euro", owner=ada, currency="EUR")
    services.publish_builtin_cards()

    assert set(RateCard.objects.values_list("currency", flat=True)) == {"USD", "EUR"}


def test_another_price_is_another_version(db, settings):
    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "acme-1", "1.00, 4.00, 0.10"
    services.publish_builtin_cards()
    settings.WUKONG_ENDPOINT_PRICES = "1.00, 5.00, 0.10"
    services.publish_builtin_cards()

    assert list(RateCard.objects.filter(model="acme-1").order_by("version").values_list("version", flat=True)) == [1, 2]
    now = next(rate for rate in services.rates_of("USD") if rate.model == "acme-1")
    assert (now.version, now.input_pico, now.output_pico) == (2, 1_000_000, 5_000_000)
    assert (now.cache_read_pico, now.cache_write_pico, now.reasoning_pico) == (100_000, 1_000_000, 5_000_000)
    assert set(RateCard.objects.filter(model="acme-1").values_list("source", flat=True)) == {"settings"}


def test_a_call_keeps_the_price_at_which_it_began(workspace, settings, hold):
    from billing import ledger, ops

    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "acme-1", "1,4"
    op = hold(model="acme-1")
    ledger.post(op)
    settings.WUKONG_ENDPOINT_PRICES = "9,9"
    services.publish_builtin_cards()

    assert ledger.post(ops.Capture(call=op.call, usage=Usage(output_tokens=10))).amount_nano == 40_000


@pytest.mark.parametrize("text", ["1", "1,2,3,4,5", "one,two", "1;2"])
def test_prices_that_cannot_be_read_are_no_prices(db, settings, caplog, text):
    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "acme-1", text

    with pytest.raises(Invalid):
        cards.endpoint_tariff(text)
    with pytest.raises(PriceMissing):
        services.quote("acme-1", 1, 1)
    assert "acme-1 has no price" in caplog.text


def test_a_quote_is_the_price_of_now(db):
    assert services.quote("scripted", 1_000_000, 1_000_000) == 10_000_000_000
    assert services.quote("scripted:loop", 1_000_000, 0) == 2_000_000_000
    with pytest.raises(PriceMissing):
        services.quote("unheard-of", 1, 1)
    assert not RateCard.objects.exists()


def test_a_model_that_is_named_like_a_fault_is_not_scripted():
    assert cards.price_name("qwen2.5:7b") == "qwen2.5:7b"
    assert cards.price_name("scripted:slow") == "scripted"
