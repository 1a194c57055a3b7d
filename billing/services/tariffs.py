"""Prices: published, proposed, kept, quoted."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings

from billing import cards, pricing
from billing.contracts import (
    RateRow,
    Usage,
)
from billing.models import PricePin, PriceProposal, RateCard
from billing.prices import listing, pins, proposals
from billing.prices.contracts import Left, Listing, ModelPrices, PriceChange, Sync
from workspaces.people.access import as_uuid
from workspaces.people.models import User, Workspace
from wukong.kernel import committer


def publish_builtin_cards() -> None:
    """Put the built-in prices and those of the settings into force in every currency that is in use. Idempotent."""
    currencies = {settings.WUKONG_CURRENCY, *Workspace.objects.values_list("currency", flat=True)}
    for currency in sorted(currencies):
        committer.run(partial(cards.publish_built_in, currency))


def quote(
    model: str, input_tokens: int, output_tokens: int, currency: str = "", workspace_id: UUID | None = None
) -> int:
    """Return what so many tokens of one call cost now (a workspace), in nano-units; raises PriceMissing."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return pricing.charge_nano(cards.tariff_now(model, currency or settings.WUKONG_CURRENCY, workspace_id), usage)


def most(model: str, input_bound: int, max_tokens: int, currency: str, workspace_id: UUID | None = None) -> int:
    """Return what is held for a call of this size now (of a workspace), in nano-units; raises PriceMissing."""
    return pricing.hold_nano(cards.tariff_now(model, currency, workspace_id), input_bound, max_tokens)


def rates_of(currency: str, workspace_id: UUID | None = None) -> list[RateRow]:
    """Return the prices of every model in a currency (for a workspace: those it keeps), by model."""
    return cards.rates_in_force(currency, workspace_id)


def price_list(workspace: Workspace) -> list[ModelPrices]:
    """Return what a workspace pays for every model now, and what it has been, by model."""
    return listing.price_list(workspace.pk, workspace.currency)


def propose_prices(listings: Sequence[Listing], left: Sequence[Left] = ()) -> Sync:
    """Propose price lists for operators to judge; the same lists propose nothing twice. Raises Invalid."""
    return committer.run(partial(proposals.propose, listings, left))


def approve_prices(*, proposal_id: UUID, actor: str) -> RateCard:
    """Publish what is proposed as the next version of its card, once. Raises NotFound, Conflict."""
    return committer.run(partial(proposals.approve, proposal_id, actor))


def reject_prices(*, proposal_id: UUID, actor: str) -> None:
    """Decide that a proposal is not published, once. Raises NotFound, Conflict."""
    committer.run(partial(proposals.reject, proposal_id, actor))


def changes_of(proposal: PriceProposal) -> list[PriceChange]:
    """Return what a proposal changes for who buys."""
    return proposals.changes_of(proposal)


def pin_prices(*, workspace_id: UUID, moment: datetime, actor: str, models: Collection[str] = ()) -> list[PricePin]:
    """Let a workspace keep the prices of a moment, of all models or of some. Raises NotFound, Invalid."""
    return committer.run(partial(pins.pin, workspace_id, moment, actor, models))


def lift_pins(*, pin_ids: Collection[UUID], actor: str) -> int:
    """Let workspaces pay what counts now again; returns how many pins were lifted."""
    return committer.run(partial(pins.lift, pin_ids, actor))


def name_of_actor(actor: str) -> str:
    """Return the address of "person:<id>", or the actor as it is."""
    kind, _colon, key = actor.partition(":")
    known = as_uuid(key) if kind == "person" else None
    return User.objects.filter(pk=known).values_list("email", flat=True).first() or actor if known else actor
