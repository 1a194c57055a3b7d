"""What tokens cost. Pure. Prices are pico-units per token, money is nano-units; one rounding a call, half up."""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.meters import METERS, Meter, PriceMissing, Usage

UNLIMITED = 2**31 - 1
"""So many tokens that no model writes them: what a free tariff lets you afford."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """The price of every meter of one model, in pico-units per token."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int

    @property
    def dearest_input(self) -> int:
        """The price of an input token before it is known which meter it runs through."""
        return max(self.input, self.cache_read, self.cache_write)

    @property
    def dearest_output(self) -> int:
        return max(self.output, self.reasoning)

    def by_meter(self) -> dict[Meter, int]:
        return {meter: getattr(self, meter) for meter in METERS}


def tariff_of(prices: Mapping[str, int]) -> Tariff:
    """Return the tariff of a price list. Reasoning is priced as output unless it has a price of its own.

    Raises PriceMissing for any other meter without a price: zero is a price, nothing is not.
    """
    known = {"reasoning": prices["output"], **prices} if "output" in prices else dict(prices)
    missing = [meter for meter in METERS if meter not in known]
    if missing:
        raise PriceMissing(f"no price for {', '.join(missing)}", {"meters": missing})
    if unknown := set(known) - set(METERS):
        raise PriceMissing(f"no such meter: {', '.join(sorted(unknown))}")
    if min(known.values()) < 0:
        raise PriceMissing("a price is never negative")
    return Tariff(**known)


def charge_nano(tariff: Tariff, usage: Usage) -> int:
    """Return the price of what was used, rounded once, half up."""
    prices = tariff.by_meter()
    pico = sum(tokens * prices[meter] for meter, tokens in usage.by_meter().items())
    return (pico + 500) // 1000


def hold_nano(tariff: Tariff, input_tokens: int, output_tokens: int) -> int:
    """Return the most that a call of this size can cost, whichever meters it runs through, rounded up.

    For every usage within these bounds, `charge_nano` is at most this.
    """
    pico = input_tokens * tariff.dearest_input + output_tokens * tariff.dearest_output
    return -(-pico // 1000)


def affordable_tokens(tariff: Tariff, input_tokens: int, available_nano: int) -> int:
    """Return how many output tokens a call may write so that `hold_nano` stays within what is available.

    -1 when even the input is too dear.
    """
    left = max(available_nano, 0) * 1000 - input_tokens * tariff.dearest_input
    if left < 0:
        return -1
    return min(left // tariff.dearest_output, UNLIMITED) if tariff.dearest_output else UNLIMITED


def pico_per_token(nano_per_million: int) -> int:
    """Return a price per million tokens as pico-units per token, rounded up: nothing becomes free by rounding."""
    return -(-nano_per_million // 1000)
