"""Rate cards: what a model costs in a currency. Published, never changed; without a card a model is refused."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from billing.contracts import PriceMissing, RateRow
from billing.models import PricePin, Rate, RateCard
from billing.pricing import Tariff, pico_per_token, sold, tariff_of, tariff_of_rates
from wukong.kernel import rows
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import parse_amount

SCRIPTED = "scripted"
_log = logging.getLogger("wukong.billing")
_tariffs: dict[UUID, Tariff] = {}  # a card never changes
_checked: set[str] = set()  # currencies whose cards agree with this process's settings


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices that this installation brings along, the same figures in every currency."""

    source: str
    tariff: Tariff


_BUILT_IN = {
    SCRIPTED: {"input": "2.00", "cache_read": "0.20", "cache_write": "2.00", "output": "8.00"},
    "local": {"input": "0.02", "cache_read": "0.02", "cache_write": "0.02", "output": "0.02"},
}


def price_name(model: str) -> str:
    """Return the name under which a model has its prices: the scripted model's faults cost what it costs."""
    return SCRIPTED if model.startswith(f"{SCRIPTED}:") else model


def built_in() -> dict[str, PriceList]:
    """Return the price lists of the built-in models and of the endpoint that the settings name, by model."""
    lists = {model: PriceList("built-in", _tariff(prices)) for model, prices in _BUILT_IN.items()}
    name, text = settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES
    if name and text:
        try:
            lists[name] = PriceList("settings", endpoint_tariff(text))
        except Invalid as error:
            _log.error("%s has no price: %s", name, error.message)
    return lists


def endpoint_tariff(text: str) -> Tariff:
    """Return the prices of `input,output[,cache_read[,cache_write]]` per million tokens; raises Invalid.

    A cache price that is not given is the input price; reasoning is priced as output.
    """
    parts = [part.strip() for part in text.split(",")]
    if not 2 <= len(parts) <= 4:
        raise Invalid(_("WUKONG_ENDPOINT_PRICES is input,output[,cache_read[,cache_write]] per million tokens."))
    into, out, *cache = parts
    read, written, *_rest = [*cache, *[into] * 2]
    return _tariff({"input": into, "output": out, "cache_read": read, "cache_write": written})


def publish_built_in(currency: str) -> None:
    """Put every built-in price list into force in a currency, as a new version where it differs. Idempotent."""
    moment = now()
    current = RateCard.objects.current(currency, moment)
    for model, prices in built_in().items():
        card = current.get(model)
        if card is not None and tariff_of_card(card.pk) == prices.tariff:
            continue
        publish(
            model=model,
            currency=currency,
            source=prices.source,
            cost=prices.tariff,
            margin_bp=0,
            after=card,
            moment=moment,
        )
    transaction.on_commit(lambda: _checked.add(currency))


def publish(
    *, model: str, currency: str, source: str, cost: Tariff, margin_bp: int, after: RateCard | None, moment: datetime
) -> RateCard:
    """Put the next version of a card into force: what is paid for tokens, and what they are sold for with a margin."""
    card = RateCard.objects.create(
        model=model,
        currency=currency,
        version=after.version + 1 if after is not None else 1,
        effective_from=moment,
        source=source,
        margin_bp=margin_bp,
    )
    prices = {(meter, start): pico for meter, start, pico in sold(cost, margin_bp).rates()}
    Rate.objects.bulk_create(
        Rate(card=card, meter=meter, from_tokens=start, cost_pico=pico, pico_per_token=prices[meter, start])
        for meter, start, pico in cost.rates()
    )
    return card


def in_force(models: Iterable[str], currency: str, at: datetime) -> dict[str, RateCard]:
    """Return the cards that count, by price name. Inside a transaction: cards that are due are published first."""
    names = set(models)
    found = _in_force(names, currency, at)
    if currency not in _checked or names - found.keys():
        publish_built_in(currency)
        found = _in_force(names, currency, max(at, now()))
    return found


def _in_force(names: Collection[str], currency: str, at: datetime) -> dict[str, RateCard]:
    cards = [card for card in rows.load(RateCard, "model", names) if card.currency == currency]
    return {card.model: card for card in sorted(cards, key=lambda card: card.version) if card.effective_from <= at}


def pinned(workspaces: Collection[UUID], models: Collection[str]) -> dict[tuple[UUID, str], RateCard]:
    """Return the cards that workspaces keep, by workspace and price name."""
    pins = rows.load(PricePin, "workspace", workspaces, also=" AND lifted_at IS NULL")
    kept = {(pin.workspace_id, pin.model): pin.card_id for pin in pins if pin.model in models}
    cards = {card.id: card for card in rows.load(RateCard, "id", set(kept.values()))}
    return {place: cards[card] for place, card in kept.items()}


def tariff_of_card(card: UUID) -> Tariff:
    """Return the prices on a card."""
    tariff = _tariffs.get(card)
    return tariff if tariff is not None else tariffs_of_cards([card])[card]


def tariffs_of_cards(wanted: Iterable[UUID]) -> dict[UUID, Tariff]:
    """Return the prices on many cards, in one query or none."""
    ids = set(wanted)
    _tariffs.update(_read("pico_per_token", ids - _tariffs.keys()))
    return {card: _tariffs[card] for card in ids}


def costs_of_cards(wanted: Iterable[UUID]) -> dict[UUID, Tariff]:
    """Return what is paid for tokens by many cards."""
    return _read("cost_pico", set(wanted))


def _read(column: str, wanted: Collection[UUID]) -> dict[UUID, Tariff]:
    prices: dict[UUID, dict[tuple[str, int], int]] = {card: {} for card in wanted}
    if prices:
        rates = Rate.objects.filter(card__in=wanted).values_list("card_id", "meter", "from_tokens", column)
        for card, meter, start, pico in rates:
            prices[card][meter, start] = pico
    return {card: tariff_of_rates(found) for card, found in prices.items()}


def tariff_now(model: str, currency: str, workspace_id: UUID | None = None) -> Tariff:
    """Return the prices of a model as a hold (of a workspace) would find them; writes nothing. Raises PriceMissing."""
    name = price_name(model)
    if workspace_id is not None and (kept := pinned([workspace_id], [name]).get((workspace_id, name))) is not None:
        return tariff_of_card(kept.pk)
    announced = built_in().get(name)
    if announced is not None:
        return announced.tariff
    card = RateCard.objects.filter(model=name).current(currency, now()).get(name)
    if card is None:
        raise price_missing(model, currency)
    return tariff_of_card(card.pk)


def rates_in_force(currency: str, workspace_id: UUID | None = None) -> list[RateRow]:
    """Return the prices that count now (for a workspace), by model; those below the first tier."""
    cards = RateCard.objects.current(currency, now())
    if workspace_id is not None:
        cards |= {model: card for (_workspace, model), card in pinned([workspace_id], cards).items()}
    return [_row(card, tariff_of_card(card.pk)) for _model, card in sorted(cards.items())]


def price_missing(model: str, currency: str) -> PriceMissing:
    """Return the refusal of a model without prices."""
    text = _("“%(model)s” has no price in %(currency)s, so it cannot be used.") % {"model": model, "currency": currency}
    return PriceMissing(text, {"model": [text]})


def _row(card: RateCard, tariff: Tariff) -> RateRow:
    prices = {f"{meter}_pico": pico for meter, pico in tariff.by_meter().items()}
    return RateRow(
        model=card.model,
        currency=card.currency,
        version=card.version,
        effective_from=card.effective_from,
        **prices,
    )


def _tariff(per_million: Mapping[str, str]) -> Tariff:
    return tariff_of({meter: pico_per_token(parse_amount(price)) for meter, price in per_million.items()})
