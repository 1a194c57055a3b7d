"""Tiers: the whole call is priced where its input ends, and no hold is ever less than what it may come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.contracts import PriceMissing, Usage
from billing.pricing import (
    UNLIMITED,
    Tariff,
    Tier,
    affordable_tokens,
    by_meter_nano,
    charge_nano,
    hold_nano,
    sold,
    tariff_of,
    tariff_of_rates,
)

prices = st.integers(0, 600_000_000)
lists = st.builds(Tariff, prices, prices, prices, prices, prices)


@st.composite
def tiered(draw):
    """Tariffs of up to four tiers, dearer or cheaper than those below: also what no provider would ask."""
    starts = draw(st.lists(st.integers(1, 30_000), max_size=4, unique=True))
    tiers = tuple(Tier(start, draw(lists)) for start in sorted(starts))
    base = draw(lists)
    return Tariff(base.input, base.cache_read, base.cache_write, base.output, base.reasoning, tiers)


small = st.integers(0, 15_000)
usages = st.builds(
    Usage,
    input_tokens=small,
    cache_read_tokens=small,
    cache_write_tokens=small,
    output_tokens=small,
    reasoning_tokens=small,
)


def sizes(usage):
    into = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return into, usage.output_tokens + usage.reasoning_tokens


@given(tiered(), usages, small, small)
def test_a_charge_never_exceeds_the_hold_of_its_bound(tariff, usage, more_in, more_out):
    into, out = sizes(usage)

    assert 0 <= charge_nano(tariff, usage) <= hold_nano(tariff, into + more_in, out + more_out)


@given(tiered(), small, st.integers(-100, 10**11))
def test_affordable_tokens_are_the_most_that_fit(tariff, into, available):
    tokens = affordable_tokens(tariff, into, available)

    if tokens >= 0:
        assert hold_nano(tariff, into, tokens) <= max(available, 0)
    if tokens < UNLIMITED:
        assert hold_nano(tariff, into, tokens + 1) > available


@given(tiered(), usages)
def test_a_charge_is_that_of_the_tier_which_the_whole_input_reaches(tariff, usage):
    reached = [tier.tariff for tier in tariff.tiers if tier.from_tokens <= sizes(usage)[0]]
    alone = reached[-1] if reached else Tariff(*tariff.by_meter().values())

    assert charge_nano(tariff, usage) == charge_nano(alone, usage)


@given(tiered(), usages)
def test_the_parts_of_a_charge_are_what_each_meter_costs_in_the_tier_of_the_whole_input(tariff, usage):
    charge, counts = charge_nano(tariff, usage), list(usage.by_meter().values())
    start, parts = by_meter_nano(tariff, counts, charge)

    assert start == max(one for one in tariff.starts() if one <= sizes(usage)[0])
    assert sum(parts) == charge
    for part, count, pico in zip(parts, counts, tariff.at(start).by_meter().values(), strict=True):
        assert abs(part * 1000 - count * pico) < 1500  # half a nano-unit of the charge, and one of sharing it out


@given(tiered())
def test_rates_are_the_tariff_and_nothing_else(tariff):
    assert tariff_of_rates({(meter, start): pico for meter, start, pico in tariff.rates()}) == tariff


@given(tiered(), st.integers(0, 1_000_000), usages)
def test_a_margin_never_sells_below_cost_and_adds_less_than_a_pico_unit_a_token_too_much(tariff, margin, usage):
    price = sold(tariff, margin)

    for (_meter, _start, cost), (_same, _also, asked) in zip(tariff.rates(), price.rates(), strict=True):
        assert 0 <= asked * 10_000 - cost * (10_000 + margin) < 10_000
    assert charge_nano(price, usage) >= charge_nano(tariff, usage)


LONG = {"input": 6_000_000, "cache_read": 600_000, "cache_write": 7_500_000, "output": 22_500_000}
SONNET = tariff_of(
    {"input": 3_000_000, "cache_read": 300_000, "cache_write": 3_750_000, "output": 15_000_000}, {200_001: LONG}
)


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        (Usage(input_tokens=200_000, output_tokens=1_000), 600_000_000 + 15_000_000),
        # one token more, and every token of the call has the other price
        (Usage(input_tokens=200_001, output_tokens=1_000), 1_200_006_000 + 22_500_000),
        # cached tokens count for the tier: 150,000 × 0.6 + 50,001 × 6 + 10 × 22.5
        (Usage(input_tokens=50_001, cache_read_tokens=150_000, output_tokens=10), 300_006_000 + 90_000_000 + 225_000),
        # what is written does not: no output makes a call long
        (Usage(input_tokens=10, output_tokens=300_000), 30_000 + 4_500_000_000),
        (Usage(cache_write_tokens=200_001, reasoning_tokens=4), 1_500_007_500 + 90_000),
    ],
)
def test_known_usage_costs_what_was_worked_out_by_hand(usage, nano):
    assert charge_nano(SONNET, usage) == nano


def test_a_hold_pays_for_the_shorter_call_when_that_is_dearer():
    """A discount for long calls: 100 tokens at 9 and one of output at 9 are more than 101 at 1."""
    volume = tariff_of(
        dict.fromkeys(["input", "cache_read", "cache_write", "output"], 9_000),
        {101: dict.fromkeys(["input", "cache_read", "cache_write", "output"], 1_000)},
    )

    assert hold_nano(volume, 101, 1) == 909
    assert affordable_tokens(volume, 101, 909) == 1
    assert affordable_tokens(volume, 101, 899) == -1


def test_a_tier_keeps_what_it_does_not_change():
    tariff = tariff_of({"input": 1, "cache_read": 2, "cache_write": 3, "output": 4}, {10: {"output": 9}})

    assert tariff.at(9).by_meter() == {"input": 1, "cache_read": 2, "cache_write": 3, "output": 4, "reasoning": 4}
    assert tariff.at(10).by_meter() == {"input": 1, "cache_read": 2, "cache_write": 3, "output": 9, "reasoning": 9}


@pytest.mark.parametrize("above", [{0: {"input": 1}}, {-5: {"input": 1}}, {5: {"image": 1}}, {5: {"input": -1}}])
def test_what_is_no_tier_is_refused(above):
    with pytest.raises(PriceMissing):
        tariff_of(dict.fromkeys(["input", "cache_read", "cache_write", "output"], 1), above)
