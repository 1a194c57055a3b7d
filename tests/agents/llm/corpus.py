"""The golden corpus: what providers answer, what the meters show for it, and the amount worked out beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.llm.usage import FAMILIES, estimated, of_stream
from billing.meters import METERS, Usage
from billing.pricing import Tariff, pico_per_token, tariff_of
from wukong.kernel.money import parse_amount

FILES = sorted((Path(__file__).parent / "golden").glob("*.json"))


def cases(part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (family, case) of `part`: "cases", or those that are "refused"."""
    for file in FILES:
        corpus = json.loads(file.read_text())
        for case in corpus[part]:
            yield corpus["family"], case


def named(part: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the cases of `part` by "family: name"."""
    return {f"{family}: {case['name']}": (family, case) for family, case in cases(part)}


def extracted(family: str, case: dict[str, Any]) -> Usage:
    """Return what the extraction makes of a case."""
    if "events" in case:
        own = estimated(*case["own"])
        return of_stream(FAMILIES[family], case["events"], own, is_complete=case["is_complete"])
    report = FAMILIES[family].report(case["response"])
    assert report is not None, "the family does not find its report in the response"
    return FAMILIES[family].usage(report)


def tariff(prices: dict[str, str]) -> Tariff:
    """Return the tariff of prices per million tokens, as a rate card reads them."""
    return tariff_of({meter: pico_per_token(parse_amount(price)) for meter, price in prices.items()})


def usage_of(meters: dict[str, int], *, is_estimated: bool) -> Usage:
    """Return the usage that a case expects."""
    return Usage(**{f"{meter}_tokens": meters[meter] for meter in METERS}, estimated=is_estimated)
