"""The price lists of the package `genai-prices`, as they come with it: nothing is fetched.

Only commands import this module: its data weigh more than the rest of the meter. What the package says is read, not
believed: an operator judges every list.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _
from genai_prices import __version__
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices, TimeOfDateConstraint

from billing.meters import METERS
from billing.prices.contracts import Left, Listing
from billing.pricing import Tariff, tariff_of_rates
from wukong.kernel.errors import Invalid

SOURCE = f"genai-prices {__version__}"
LONGEST_NAME = 120
# Where our meter has no price of its own, the package prices its tokens by the wider unit: a cached token is an input
# token, a reasoning token an output token (`genai_prices.decompose`).
_UNITS = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
}
_data = DataSnapshot(providers=providers, from_auto_update=False)


def provider_at(url: str) -> str:
    """Return the name of the provider whose API is at `url`; raises Invalid for one that the package does not know."""
    try:
        return _data.find_provider(None, None, url).id
    except LookupError:
        raise Invalid(_("No provider is known at %s: name one.") % url) from None


def read(provider: str, models: Iterable[str], at: datetime) -> tuple[list[Listing], list[Left]]:
    """Return the lists of a provider's models at a moment, and what cannot be priced; all of them without `models`.

    A model keeps the name by which it was asked for. Raises Invalid for an unknown provider or model.
    """
    found = _provider(provider)
    listed: list[Listing] = []
    left: list[Left] = []
    for name, model in _named(found, list(models)):
        try:
            listed.append(_listing(found, name, model, at))
        except Invalid as error:
            left.append(Left(model=name, why=error.message))
    return listed, left


def _provider(name: str) -> Provider:
    try:
        return _data.find_provider(None, name, None)
    except LookupError:
        known = ", ".join(sorted(provider.id for provider in providers))
        raise Invalid(
            _("There is no provider “%(name)s”. Known are: %(known)s.") % {"name": name, "known": known}
        ) from None


def _named(provider: Provider, models: list[str]) -> Iterator[tuple[str, ModelInfo]]:
    if not models:
        yield from ((model.id, model) for model in provider.models)
    for name in models:
        model = provider.find_model(name, all_providers=providers)
        if model is None:
            raise Invalid(_("%(provider)s has no model “%(name)s”.") % {"provider": provider.name, "name": name})
        yield name, model


def _listing(provider: Provider, name: str, model: ModelInfo, at: datetime) -> Listing:
    if len(name) > LONGEST_NAME:
        raise Invalid(_("its name is too long"))
    if provider.find_model(name, all_providers=providers) is not model:
        raise Invalid(_("calls do not name it so: name it by --model as they do"))
    of_the_day = _of_the_day(model, at)
    for prices in of_the_day:
        if getattr(prices, "input_mtok", None) is None or getattr(prices, "output_mtok", None) is None:
            raise Invalid(_("it has no price for tokens in and out"))
        if getattr(prices, "requests_kcount", None):
            raise Invalid(_("it has a price for each request"))
    note = _("Its price depends on the hour: this is the dearest of the day.") if len(of_the_day) > 1 else ""
    return Listing(model=name, provider=provider.id, source=SOURCE, cost=_dearest(of_the_day), note=note)


def _of_the_day(model: ModelInfo, at: datetime) -> list[ModelPrice]:
    """Return the different prices of one day: a list must not depend on the hour at which it is read."""
    if isinstance(model.prices, ModelPrice):
        return [model.prices]
    hours = [at.replace(hour=0, minute=0, second=0, microsecond=0)]
    for one in model.prices:
        if isinstance(one.constraint, TimeOfDateConstraint):
            hours += [
                hours[0].replace(hour=hour.hour, minute=hour.minute, second=hour.second)
                for hour in (one.constraint.start_time, one.constraint.end_time)
            ]
    found: list[ModelPrice] = []
    for hour in hours:
        if (prices := model.get_prices(hour)) not in found:
            found.append(prices)
    return found


def _dearest(of_the_day: list[ModelPrice]) -> Tariff:
    """Return the dearest price of each meter in each tier. A tier of the package begins above its start."""
    tiered = [price for prices in of_the_day for price in vars(prices).values() if isinstance(price, TieredPrices)]
    starts = sorted({0, *(tier.start + 1 for price in tiered for tier in price.tiers)})
    return tariff_of_rates(
        {
            (meter, start): max(_pico(_price(prices, meter, start)) for prices in of_the_day)
            for meter in METERS
            for start in starts
        }
    )


def _price(prices: ModelPrice, meter: str, input_tokens: int) -> Decimal:
    """Return dollars per million tokens of a call with so much input."""
    asked = next(price for unit in _UNITS[meter] if (price := getattr(prices, unit, None)) is not None)
    if not isinstance(asked, TieredPrices):
        return Decimal(asked)
    reached = [tier.price for tier in asked.tiers if input_tokens > tier.start]
    return reached[-1] if reached else asked.base


def _pico(per_million: Decimal) -> int:
    """Return pico-units per token, rounded up, but not for the last digits that a float has left in the data."""
    exact = (per_million * 1_000_000).quantize(Decimal("0.001"), ROUND_HALF_UP)
    if exact < 0:
        raise Invalid(_("it has a negative price"))
    pico = int(exact.to_integral_value(ROUND_CEILING))
    return pico or int(per_million > 0)
