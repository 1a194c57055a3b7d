"""What a workspace pays for every model, and what it has been: for customers, without what it costs us."""

from collections.abc import Sequence
from uuid import UUID

from billing import cards
from billing.models import PricePin, RateCard
from billing.prices.contracts import ModelPrices, PriceVersion
from billing.prices.diff import changes
from billing.pricing import Tariff
from wukong.kernel.clock import now


def price_list(workspace_id: UUID, currency: str) -> list[ModelPrices]:
    """Return the prices of every model that has some, by model; three queries, however many there are."""
    moment = now()
    cards_of: dict[str, list[RateCard]] = {}
    for card in RateCard.objects.filter(currency=currency, effective_from__lte=moment).order_by("model", "version"):
        cards_of.setdefault(card.model, []).append(card)
    kept = {pin.model: pin.card_id for pin in PricePin.objects.of([workspace_id])}
    tariffs = cards.tariffs_of_cards(card.pk for versions in cards_of.values() for card in versions)
    return [_prices(versions, tariffs, kept.get(model)) for model, versions in cards_of.items()]


def _prices(versions: Sequence[RateCard], tariffs: dict[UUID, Tariff], kept: UUID | None) -> ModelPrices:
    shown = next((card for card in versions if card.pk == kept), versions[-1])
    story, before = [], None
    for card in versions:
        tariff = tariffs[card.pk]
        story.append(
            PriceVersion(
                version=card.version,
                effective_from=card.effective_from,
                changes=changes(before, tariff) if before is not None else [],
            )
        )
        before = tariff
    return ModelPrices(
        model=shown.model,
        currency=shown.currency,
        version=shown.version,
        effective_from=shown.effective_from,
        tariff=tariffs[shown.pk],
        is_pinned=kept is not None,
        versions=story[::-1],
    )
