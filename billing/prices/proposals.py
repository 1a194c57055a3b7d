"""Price lists that are proposed, judged and published. Jobs of the committer; each may be repeated."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from billing import cards
from billing.models import PriceProposal, ProposalState, RateCard
from billing.prices.contracts import Left, Listing, PriceChange, Proposed, Sync
from billing.prices.diff import changes
from billing.prices.margin import margin_bp
from billing.pricing import Tariff, sold, tariff_of_rates
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, NotFound

CURRENCY = "USD"
"""What the lists are in. Nothing is converted: cards of other currencies are published by other means."""


def propose(listings: Sequence[Listing], left: Sequence[Left] = ()) -> Sync:
    """Propose each list that is not the card in force; the same lists propose nothing twice.

    A list that an operator has rejected comes again only after another card, cost or margin. An open proposal that is
    no longer what the list says is superseded. What the settings or the program price themselves is left out. Raises
    Invalid for a margin that cannot be read.
    """
    margin, moment, own = margin_bp(settings.WUKONG_MARGIN), now(), cards.built_in()
    names = [listing.model for listing in listings]
    in_force = RateCard.objects.filter(model__in=names).current(CURRENCY, moment)
    paid = cards.costs_of_cards(card.pk for card in in_force.values())
    open_ones, rejected = _earlier(names)
    proposed, known, skipped = [], [], list(left)
    for listing in listings:
        if listing.model in own:
            skipped.append(Left(model=listing.model, why=_priced_elsewhere(own[listing.model])))
            continue
        waiting = open_ones.get(listing.model)
        if waiting is not None and waiting.provider != listing.provider:
            skipped.append(Left(model=listing.model, why=_("a proposal from %s waits first") % waiting.provider))
            continue
        base = in_force.get(listing.model)
        made = _proposal(listing, base, margin)
        is_current = base is not None and (paid[base.pk], base.margin_bp) == (listing.cost, margin)
        if waiting is not None and (is_current or _content(waiting) != _content(made)):
            _decide(waiting, ProposalState.SUPERSEDED, "system")
            waiting = None
        if is_current or waiting is not None or _content(made) in rejected:
            known.append(listing.model)
            continue
        made.save(force_insert=True)
        proposed.append(Proposed(model=listing.model, changes=changes_of(made)))
    return Sync(proposed=proposed, known=known, left=skipped)


def approve(proposal_id: UUID, actor: str) -> RateCard:
    """Publish what is proposed as the next version of its model's card, in force from now on; once.

    Raises NotFound, and Conflict when it was decided otherwise or is no longer what was looked at: another card is in
    force, or the margin of the settings is another.
    """
    proposal = _locked(proposal_id)
    if proposal.state == ProposalState.APPROVED and proposal.card is not None:
        return proposal.card
    _check_open(proposal)
    own = cards.built_in().get(proposal.model)
    if own is not None:
        raise Conflict(_("%(model)s: %(why)s.") % {"model": proposal.model, "why": _priced_elsewhere(own)})
    moment = now()
    base = RateCard.objects.filter(model=proposal.model).current(proposal.currency, moment).get(proposal.model)
    if (base.pk if base is not None else None) != proposal.base_id or margin_bp(
        settings.WUKONG_MARGIN
    ) != proposal.margin_bp:
        raise Conflict(_("The card or the margin of %s has changed since. Propose its prices again.") % proposal.model)
    card = cards.publish(
        model=proposal.model,
        currency=proposal.currency,
        source=f"{proposal.source} {proposal.provider}"[:40],
        cost=cost_of(proposal),
        margin_bp=proposal.margin_bp,
        after=base,
        moment=moment,
    )
    _decide(proposal, ProposalState.APPROVED, actor, card)
    return card


def reject(proposal_id: UUID, actor: str) -> None:
    """Decide that a proposal is not published; once. Raises NotFound, and Conflict when it was decided otherwise."""
    proposal = _locked(proposal_id)
    if proposal.state != ProposalState.REJECTED:
        _check_open(proposal)
        _decide(proposal, ProposalState.REJECTED, actor)


def changes_of(proposal: PriceProposal) -> list[PriceChange]:
    """Return what a proposal changes for who buys: old and new are prices with their margins."""
    before = cards.tariff_of_card(proposal.base_id) if proposal.base_id is not None else None
    return changes(before, sold(cost_of(proposal), proposal.margin_bp))


def cost_of(proposal: PriceProposal) -> Tariff:
    """Return what the provider asks."""
    return tariff_of_rates({(meter, start): pico for meter, start, pico in proposal.costs})


_Content = tuple[str, UUID | None, int, tuple[tuple[str, int, int], ...]]


def _content(proposal: PriceProposal) -> _Content:
    costs = tuple((meter, start, pico) for meter, start, pico in proposal.costs)
    return proposal.model, proposal.base_id, proposal.margin_bp, costs


def _earlier(names: Sequence[str]) -> tuple[dict[str, PriceProposal], set[_Content]]:
    """Return the open proposals by model, locked, and the content of those that were rejected."""
    rows = PriceProposal.objects.filter(currency=CURRENCY, model__in=names)
    waiting = {row.model: row for row in rows.open().order_by("pk").select_for_update()}
    return waiting, {_content(row) for row in rows.filter(state=ProposalState.REJECTED)}


def _proposal(listing: Listing, base: RateCard | None, margin: int) -> PriceProposal:
    return PriceProposal(
        model=listing.model,
        currency=CURRENCY,
        provider=listing.provider[:40],
        source=listing.source[:40],
        note=listing.note[:200],
        base=base,
        costs=[list(rate) for rate in listing.cost.rates()],
        margin_bp=margin,
    )


def _priced_elsewhere(prices: cards.PriceList) -> str:
    if prices.source == "settings":
        return _("the settings name its prices (WUKONG_ENDPOINT_PRICES)")
    return _("it is built in")


def _locked(proposal_id: UUID) -> PriceProposal:
    proposal = PriceProposal.objects.select_for_update().filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound(_("There is no such proposal."))
    return proposal


def _check_open(proposal: PriceProposal) -> None:
    if proposal.state != ProposalState.PROPOSED:
        words = {"model": proposal.model, "state": proposal.get_state_display()}
        raise Conflict(_("The proposal for %(model)s is decided: %(state)s.") % words)


def _decide(proposal: PriceProposal, state: ProposalState, actor: str, card: RateCard | None = None) -> None:
    proposal.state, proposal.decided_at, proposal.decided_by, proposal.card = state, now(), actor[:80], card
    proposal.save(update_fields=["state", "decided_at", "decided_by", "card"])
