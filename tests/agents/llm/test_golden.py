"""Every payload of the corpus costs what was worked out for it, to the nano-unit; what does not add up is refused."""

import re
from collections import Counter
from fractions import Fraction

import pytest

from agents.llm.usage import FAMILIES, Contradiction, reported_cost
from billing.meters import METERS
from billing.pricing import charge_nano
from tests.agents.llm import corpus

CASES, REFUSED = corpus.named("cases"), corpus.named("refused")
LEAST = 64  # payloads with an amount
KINDS = {"plain", "cached", "write", "reasoning", "tier", "cancelled", "zero", "streamed", "tools"}
TOTALS = ("total_tokens", "totalTokenCount")


@pytest.mark.parametrize("name", CASES)
def test_a_payload_costs_what_was_worked_out(name):
    family, case = CASES[name]

    usage = corpus.extracted(family, case)

    assert usage == corpus.usage_of(case["meters"], is_estimated=case["estimated"])
    assert usage.total_tokens == case["total"]
    assert charge_nano(corpus.tariff(case["prices"]), usage) == case["nano"]


@pytest.mark.parametrize("name", CASES)
def test_the_amount_is_that_of_the_arithmetic_written_beside_it(name):
    """The arithmetic in the file is done anew with fractions, far from the code that charges."""
    case = CASES[name][1]
    prices = {"reasoning": case["prices"]["output"], **case["prices"]}
    terms, result = re.fullmatch(r"1000 × \((.+)\) = (.+)", case["arithmetic"]).groups()
    pairs = re.findall(r"(\d+) × ([\d.]+)", terms)

    assert pairs == [(str(case["meters"][meter]), prices[meter]) for meter in METERS if case["meters"][meter]]
    exact = 1000 * sum((Fraction(tokens) * Fraction(price) for tokens, price in pairs), Fraction(0))
    assert Fraction(result.partition(" ≈ ")[0]) == exact
    assert case["nano"] == (exact + Fraction(1, 2)) // 1


@pytest.mark.parametrize("name", [name for name, (_, case) in CASES.items() if not case["estimated"]])
def test_the_total_is_the_one_in_the_payload(name):
    """A case cannot agree with the code about a total that the provider did not give."""
    case = CASES[name][1]
    given = [given for event in case.get("events", [case.get("response")]) for given in totals(event)]

    assert {case["total"]} == set(given[-1:]) or not given


def totals(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in TOTALS:
                yield inner
            else:
                yield from totals(inner)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_add_up_is_refused(name):
    family, case = REFUSED[name]
    report = FAMILIES[family].report(case["response"])

    with pytest.raises(Contradiction):
        FAMILIES[family].usage(report)


@pytest.mark.parametrize("name", [name for name, (_, case) in CASES.items() if "reported_cost" in case])
def test_the_cost_of_a_provider_is_told_and_prices_nothing(name):
    family, case = CASES[name]
    report = FAMILIES[family].report(case["response"])
    free = {key: value for key, value in report.items() if key not in ("cost", "cost_details", "total_cost")}

    assert reported_cost(report) == case["reported_cost"]
    assert reported_cost(free) is None
    assert FAMILIES[family].usage(free) == FAMILIES[family].usage(report)


def test_the_corpus_is_whole():
    families = Counter(family for family, _ in CASES.values())
    kinds = Counter(kind for _, case in CASES.values() for kind in case["kinds"])

    assert sum(families.values()) >= LEAST
    assert set(families) == {family for family, _ in REFUSED.values()} == set(FAMILIES)
    assert min(families.values()) >= 8
    assert set(kinds) >= KINDS
    for family in FAMILIES:
        own = {kind for of, case in CASES.values() if of == family for kind in case["kinds"]}
        assert own >= {"plain", "cached", "zero", "streamed", "cancelled"}, family
