"""What tokens cost: published price lists, never changed."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from billing.models.proposals import LARGEST_MARGIN_BP
from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class RateCardQuerySet(models.QuerySet["RateCard"]):
    def current(self, currency: str, at: datetime) -> dict[str, "RateCard"]:
        """The card of each model that counts at a moment."""
        rows = self.filter(currency=currency, effective_from__lte=at).order_by("version")
        return {card.model: card for card in rows}


class RateCard(Row):
    """The prices of a model from a moment on. Never changed: another price is another version.

    A rate is what is paid for tokens (`cost_pico`) and the margin of `margin_bp` basis points, computed at publishing.
    """

    model = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    version = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    source = models.CharField(max_length=40)  # "built-in", "settings", or a package and its version
    margin_bp = models.PositiveIntegerField(default=0)

    objects = RateCardQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "currency", "version"], name="one_card_a_version"),
            models.CheckConstraint(condition=Q(margin_bp__lte=LARGEST_MARGIN_BP), name="margin_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.currency} v{self.version}"


class RateQuerySet(models.QuerySet["Rate"]):
    def of(self, user: User) -> Self:
        """Prices in the currencies of the workspaces that `user` may see."""
        return self.filter(card__currency__in=Workspace.objects.filter(seen_by(user)).values("currency"))


class Rate(Row):
    """The price of one meter on a card, for calls with at least `from_tokens` tokens of input in all."""

    card = models.ForeignKey(RateCard, models.PROTECT, related_name="rates")
    meter = models.CharField(max_length=12)
    from_tokens = models.PositiveBigIntegerField(default=0)
    cost_pico = models.BigIntegerField()
    pico_per_token = models.BigIntegerField()

    objects = RateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "meter", "from_tokens"], name="one_rate_a_meter"),
            models.CheckConstraint(
                condition=Q(pico_per_token__range=(0, LIMIT_NANO), cost_pico__range=(0, LIMIT_NANO)),
                name="rate_in_range",
            ),
        ]
