"""What tokens cost. Pure. Prices are pico-units per token, money is nano-units; one rounding a call, half up.

Tiers are cliffs, as providers have them: all tokens of a call are priced at the tier that its total input reaches
(fresh, read from a cache and written to one). So does `genai_prices.types.TieredPrices`: "crossing a tier applies that
rate to ALL tokens".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from billing.meters import INPUT_METERS, METERS, Meter, PriceMissing, Usage
from wukong.kernel.money import share_out

UNLIMITED = 2**31 - 1
"""So many tokens that no model writes them: what a free tariff lets you afford."""
WHOLE_BP = 10_000
"""Basis points of one whole: a margin of 1,250 is 12.5 percent."""
_NO_TIERS: Mapping[int, Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Tariff:
    """The price of every meter of one model, in pico-units per token; `tiers` rise by their `from_tokens`."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    tiers: tuple["Tier", ...] = ()

    @property
    def dearest_input(self) -> int:
        """The price of an input token before it is known which meter it runs through, below the first tier."""
        return max(self.input, self.cache_read, self.cache_write)

    @property
    def dearest_output(self) -> int:
        return max(self.output, self.reasoning)

    def by_meter(self) -> dict[Meter, int]:
        """Return the prices below the first tier."""
        return {meter: getattr(self, meter) for meter in METERS}

    def at(self, input_tokens: int) -> "Tariff":
        """Return the prices of a call with so much input in all."""
        for tier in reversed(self.tiers):
            if input_tokens >= tier.from_tokens:
                return tier.tariff
        return self

    def tier_of(self, input_tokens: int) -> int:
        """Return from how many input tokens on the prices of a call with so much input count; 0 below all tiers."""
        return max((tier.from_tokens for tier in self.tiers if tier.from_tokens <= input_tokens), default=0)

    def up_to(self, input_tokens: int) -> Iterator[tuple[int, "Tariff"]]:
        """Yield the most input that is priced so, and the prices, of each tier that so much input may reach."""
        prices = self
        for tier in self.tiers:
            if tier.from_tokens > input_tokens:
                break
            yield tier.from_tokens - 1, prices
            prices = tier.tariff
        yield input_tokens, prices

    def rates(self) -> Iterator[tuple[Meter, int, int]]:
        """Yield (meter, from so many input tokens on, price) of every meter of every tier."""
        for start in self.starts():
            for meter, pico in self.at(start).by_meter().items():
                yield meter, start, pico

    def starts(self) -> list[int]:
        """Return the numbers of input tokens from which other prices count; the first is 0."""
        return [0, *(tier.from_tokens for tier in self.tiers)]


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices that count for the whole call from `from_tokens` input tokens on. Their tariff has no tiers of its own."""

    from_tokens: int
    tariff: Tariff


def tariff_of(prices: Mapping[str, int], above: Mapping[int, Mapping[str, int]] = _NO_TIERS) -> Tariff:
    """Return the tariff of a price list and of what changes in it from a number of input tokens on.

    Reasoning is priced as output unless it has a price of its own. Raises PriceMissing for any other meter without a
    price (zero is a price, nothing is not), and for a tier that begins at no token.
    """
    if min(above, default=1) < 1:
        raise PriceMissing("a tier begins at one token or more")
    known, tiers = dict(prices), []
    for start in sorted(above):
        known |= above[start]
        tiers.append(Tier(start, _tariff(known)))
    return _tariff(prices, tuple(tiers))


def tariff_of_rates(rates: Mapping[tuple[str, int], int]) -> Tariff:
    """Return the tariff of prices by (meter, from_tokens); raises PriceMissing as `tariff_of`."""
    above: dict[int, dict[str, int]] = {}
    for (meter, start), pico in rates.items():
        above.setdefault(start, {})[meter] = pico
    return tariff_of(above.pop(0, {}), above)


def _tariff(prices: Mapping[str, int], tiers: tuple[Tier, ...] = ()) -> Tariff:
    known = {"reasoning": prices["output"], **prices} if "output" in prices else dict(prices)
    missing = [meter for meter in METERS if meter not in known]
    if missing:
        raise PriceMissing(f"no price for {', '.join(missing)}", {"meters": missing})
    if unknown := set(known) - set(METERS):
        raise PriceMissing(f"no such meter: {', '.join(sorted(unknown))}")
    if min(known.values()) < 0:
        raise PriceMissing("a price is never negative")
    return Tariff(
        input=known["input"],
        cache_read=known["cache_read"],
        cache_write=known["cache_write"],
        output=known["output"],
        reasoning=known["reasoning"],
        tiers=tiers,
    )


def charge_nano(tariff: Tariff, usage: Usage) -> int:
    """Return the price of what was used, rounded once, half up."""
    if tariff.tiers:
        tariff = tariff.at(usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens)
    prices = tariff.by_meter()
    pico = sum(tokens * prices[meter] for meter, tokens in usage.by_meter().items())
    return (pico + 500) // 1000


def by_meter_nano(tariff: Tariff, tokens: Sequence[int], amount_nano: int) -> tuple[int, list[int]]:
    """Return the tier of a call by its `tokens` of each of METERS, and an amount of it shared out over these meters.

    The weights are what each meter alone would cost; the parts make up the amount to the nano-unit.
    """
    tier = tariff.tier_of(sum(tokens[: len(INPUT_METERS)]))
    prices = tariff.at(tier).by_meter().values()
    return tier, share_out(amount_nano, [count * pico for count, pico in zip(tokens, prices, strict=True)])


def hold_nano(tariff: Tariff, input_tokens: int, output_tokens: int) -> int:
    """Return the most that a call of this size can cost, whichever meters it runs through, rounded up.

    For every usage within these bounds, `charge_nano` is at most this: also for a shorter one in a tier that is dearer.
    """
    pico = max(
        most * prices.dearest_input + output_tokens * prices.dearest_output
        for most, prices in tariff.up_to(input_tokens)
    )
    return -(-pico // 1000)


def affordable_tokens(tariff: Tariff, input_tokens: int, available_nano: int) -> int:
    """Return how many output tokens a call may write so that `hold_nano` stays within what is available.

    -1 when even the input is too dear.
    """
    tokens, pico = UNLIMITED, max(available_nano, 0) * 1000
    for most, prices in tariff.up_to(input_tokens):
        left = pico - most * prices.dearest_input
        if left < 0:
            return -1
        if prices.dearest_output:
            tokens = min(tokens, left // prices.dearest_output)
    return tokens


def pico_per_token(nano_per_million: int) -> int:
    """Return a price per million tokens as pico-units per token, rounded up: nothing becomes free by rounding."""
    return -(-nano_per_million // 1000)


def sold(cost: Tariff, margin_bp: int) -> Tariff:
    """Return what tokens are sold for: their cost and a margin, each price rounded up to a whole pico-unit."""
    prices: dict[tuple[str, int], int] = {
        (meter, start): -(-pico * (WHOLE_BP + margin_bp) // WHOLE_BP) for meter, start, pico in cost.rates()
    }
    return tariff_of_rates(prices)
