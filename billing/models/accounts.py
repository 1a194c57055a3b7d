"""Whose money there is: accounts, and a workspace's wallet with the lots that it is made of."""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import Workspace
from wukong.kernel.clock import now
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class AccountKind(models.TextChoices):
    """Who owns the money of an account: a workspace, or the platform (one account of each kind per currency)."""

    WALLET = "wallet", _("Wallet")
    REVENUE = "revenue", _("Revenue")
    CASH_CLEARING = "cash_clearing", _("Cash received")
    GRANT_PROMO = "grant_promo", _("Granted credit")
    BREAKAGE = "breakage", _("Expired credit")


class Account(Row):
    """One side of a transfer."""

    kind = models.CharField(max_length=16, choices=AccountKind.choices)
    currency = models.CharField(max_length=3)
    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "currency"], condition=Q(workspace=None), name="one_platform_account_a_kind"
            ),
            models.UniqueConstraint(fields=["kind", "workspace"], name="one_account_a_workspace"),
            models.CheckConstraint(
                condition=Q(kind="wallet", workspace__isnull=False) | (~Q(kind="wallet") & Q(workspace=None)),
                name="wallets_have_a_workspace",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Wallet(models.Model):
    """What a workspace has: the projection of its transfers and open holds, and the one row that is locked for them."""

    account = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="+")
    workspace = models.OneToOneField(Workspace, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    balance_nano = models.BigIntegerField(default=0)
    held_nano = models.BigIntegerField(default=0)
    credit_limit_nano = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(held_nano__gte=0), name="wallet_holds_are_not_negative"),
            models.CheckConstraint(
                condition=Q(balance_nano__gte=F("held_nano") - F("credit_limit_nano")), name="wallet_is_not_overspent"
            ),
            models.CheckConstraint(
                condition=Q(balance_nano__lte=LIMIT_NANO, credit_limit_nano__range=(0, LIMIT_NANO)),
                name="wallet_in_range",
            ),
        ]

    def __str__(self) -> str:
        return str(self.workspace)

    @property
    def available_nano(self) -> int:
        return self.balance_nano - self.held_nano + self.credit_limit_nano


class LotCategory(models.TextChoices):
    """Whether somebody paid for a lot."""

    PAID = "paid", _("Paid")
    PROMO = "promo", _("Given")


class LotQuerySet(models.QuerySet["Lot"]):
    def over(self, at: datetime) -> Self:
        """Lots of which something is left beyond their time."""
        return self.filter(remaining_nano__gt=0, expires_at__lte=at)


class Lot(Row):
    """What is left of one credit. All lots of a wallet are its balance, unless that is a debt: then none is left.

    Drawn in one order: lower `priority` first, then what expires first, given before paid, older before newer.
    """

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=200, unique=True)  # of the transfer that brought it
    category = models.CharField(max_length=8, choices=LotCategory.choices)
    priority = models.PositiveSmallIntegerField(default=50)
    amount_nano = models.BigIntegerField()
    remaining_nano = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True)

    objects = LotQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["wallet"], name="lots_with_something_left", condition=Q(remaining_nano__gt=0))]
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining_nano__gte=0, remaining_nano__lte=F("amount_nano"), amount_nano__lte=LIMIT_NANO),
                name="lot_in_range",
            ),
            models.CheckConstraint(condition=Q(priority__lte=100), name="lot_priority_in_range"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def rank(self) -> tuple[int, bool, float, bool, UUID]:
        """Return what lots are drawn in the order of."""
        ends = self.expires_at.timestamp() if self.expires_at is not None else 0.0
        return self.priority, self.expires_at is None, ends, self.category == LotCategory.PAID, self.pk

    def is_over(self, at: datetime) -> bool:
        """Return whether it has expired by a moment."""
        return self.expires_at is not None and self.expires_at <= at
