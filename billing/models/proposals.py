"""Rows about rate cards that are no rate cards: what is proposed to follow one, and who keeps an old one.

A proposal is decided once and a pin is lifted once; triggers see to that (migration 0004). Cards are named by a string,
because the module of rate cards imports this one.
"""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import Workspace
from wukong.kernel.models import Row

LARGEST_MARGIN_BP = 1_000_000


class ProposalState(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    SUPERSEDED = "superseded", _("Superseded")


class PriceProposalQuerySet(models.QuerySet["PriceProposal"]):
    def open(self) -> Self:
        return self.filter(state=ProposalState.PROPOSED)


class PriceProposal(Row):
    """A price list for an operator to judge.

    `costs` is a list of [meter, from so many input tokens on, pico-units per token], as the provider asks. What is
    published is what was looked at: on the card `base`, with the margin of `margin_bp` basis points.
    """

    model = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=40)
    source = models.CharField(max_length=40)
    note = models.CharField(max_length=200, blank=True)
    base = models.ForeignKey("billing.RateCard", models.PROTECT, null=True, related_name="+", db_index=False)
    costs = models.JSONField()
    margin_bp = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ProposalState.choices, default=ProposalState.PROPOSED)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=80, blank=True)  # "person:<id>", or "system" when another one came
    card = models.ForeignKey("billing.RateCard", models.PROTECT, null=True, related_name="+", db_index=False)

    objects = PriceProposalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "currency"], condition=Q(state="proposed"), name="one_open_proposal_a_model"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_at=None) | (~Q(state="proposed") & Q(decided_at__isnull=False)),
                name="decisions_have_a_date",
            ),
            models.CheckConstraint(
                condition=Q(state="approved", card__isnull=False) | (~Q(state="approved") & Q(card=None)),
                name="approval_publishes_a_card",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.currency}"


class PricePinQuerySet(models.QuerySet["PricePin"]):
    def standing(self) -> Self:
        return self.filter(lifted_at=None)

    def of(self, workspaces: Iterable[UUID]) -> Self:
        """Standing pins of workspaces, with their cards."""
        return self.standing().filter(workspace__in=list(workspaces)).select_related("card")


class PricePin(Row):
    """A workspace that pays for a model by this card, whatever was published since `moment`, until it is lifted."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    model = models.CharField(max_length=120)
    card = models.ForeignKey("billing.RateCard", models.PROTECT, related_name="+", db_index=False)
    moment = models.DateTimeField()
    actor = models.CharField(max_length=80)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=80, blank=True)

    objects = PricePinQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "model"], condition=Q(lifted_at=None), name="one_standing_pin_a_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workspace}: {self.card}"
