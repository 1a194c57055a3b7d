"""The meter's rows. Money is nano-units of the row's currency, prices are pico-units per token, tokens are counts.

Transfers, usage records and rate cards are append-only, holds only ever leave `pending`: triggers of both databases see
to that (migration 0002; a later migration that alters one of these tables on SQLite has to put its triggers back).
Ids of runs, steps, calls and projects are bare: the meter does not know the appliances.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class AccountKind(models.TextChoices):
    """Who owns the money of an account: a workspace, or the platform (one account of each kind per currency)."""

    WALLET = "wallet", _("Wallet")
    REVENUE = "revenue", _("Revenue")
    CASH_CLEARING = "cash_clearing", _("Cash received")
    GRANT_PROMO = "grant_promo", _("Granted credit")


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


class RateCardQuerySet(models.QuerySet["RateCard"]):
    def current(self, currency: str, at: datetime) -> dict[str, "RateCard"]:
        """The card of each model that counts at a moment."""
        rows = self.filter(currency=currency, effective_from__lte=at).order_by("version")
        return {card.model: card for card in rows}


class RateCard(Row):
    """The prices of a model from a moment on. Never changed: another price is another version."""

    model = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    version = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    source = models.CharField(max_length=40)  # "built-in" or "settings"

    objects = RateCardQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "currency", "version"], name="one_card_a_version")]

    def __str__(self) -> str:
        return f"{self.model} {self.currency} v{self.version}"


class RateQuerySet(models.QuerySet["Rate"]):
    def of(self, user: User) -> Self:
        """Prices in the currencies of the workspaces that `user` may see."""
        return self.filter(card__currency__in=Workspace.objects.filter(seen_by(user)).values("currency"))


class Rate(Row):
    """The price of one meter on a card."""

    card = models.ForeignKey(RateCard, models.PROTECT, related_name="rates")
    meter = models.CharField(max_length=12)
    pico_per_token = models.BigIntegerField()

    objects = RateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "meter"], name="one_rate_a_meter"),
            models.CheckConstraint(condition=Q(pico_per_token__range=(0, LIMIT_NANO)), name="rate_in_range"),
        ]


class BudgetWindow(Row):
    """A counter of what a scope spends, moved together with the wallet. `limit_nano` null: counted, not limited."""

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+")
    scope = models.CharField(max_length=12)  # "run"
    scope_id = models.UUIDField()
    limit_nano = models.BigIntegerField(null=True)
    spent_nano = models.BigIntegerField(default=0)
    held_nano = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "scope_id"], name="one_window_a_scope"),
            models.CheckConstraint(condition=Q(spent_nano__gte=0, held_nano__gte=0), name="window_is_not_negative"),
            models.CheckConstraint(
                condition=Q(limit_nano=None) | Q(limit_nano__gte=F("spent_nano") + F("held_nano")),
                name="window_is_not_overspent",
            ),
        ]


class TransferCode(models.TextChoices):
    """Why money moved."""

    TOPUP = "topup", _("Top-up")
    GRANT = "grant", _("Credit")
    CAPTURE = "capture", _("Usage")


class Placed(models.Model):
    """What a movement belongs to, as bare ids and names; `workspace` is whose it is."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    run = models.UUIDField(null=True)
    step = models.UUIDField(null=True)
    call = models.UUIDField(null=True)
    project = models.UUIDField(null=True)
    agent = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=120, blank=True)

    class Meta:
        abstract = True


class TransferQuerySet(models.QuerySet["Transfer"]):
    def of(self, user: User) -> Self:
        """Movements of the wallets of workspaces that `user` may see."""
        return self.filter(seen_by(user, "workspace")).select_related("debit", "credit")


class Transfer(Placed, Row):
    """Money that moved, once for each `key`, from the debit to the credit account: every row balances by itself.

    A wallet is credited with what comes in and debited with what is used.
    """

    key = models.CharField(max_length=200, unique=True)
    debit = models.ForeignKey(Account, models.PROTECT, related_name="+")
    credit = models.ForeignKey(Account, models.PROTECT, related_name="+")
    amount_nano = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=12, choices=TransferCode.choices)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, null=True, related_name="+", db_index=False)
    actor = models.CharField(max_length=80)
    occurred_at = models.DateTimeField()
    booked_at = models.DateTimeField(default=now)

    objects = TransferQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "id"], name="transfers_of_a_workspace"),
            models.Index(fields=["run"], name="transfers_of_a_run", condition=~Q(run=None)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_nano__range=(1, LIMIT_NANO)), name="transfer_moves_something"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_has_two_sides"),
        ]

    def __str__(self) -> str:
        return self.key


class HoldState(models.TextChoices):
    PENDING = "pending", _("Open")
    CAPTURED = "captured", _("Charged")
    VOIDED = "voided", _("Given back")
    EXPIRED = "expired", _("Expired")


class HoldQuerySet(models.QuerySet["Hold"]):
    def of(self, user: User) -> Self:
        """Holds on the wallets of workspaces that `user` may see."""
        return self.filter(seen_by(user, "workspace")).select_related("wallet")

    def pending(self) -> Self:
        return self.filter(state=HoldState.PENDING)

    def of_runs(self, runs: Iterable[UUID]) -> Self:
        return self.filter(run__in=list(runs))

    def stale(self, at: datetime) -> Self:
        """Open holds that nobody has extended for their whole life."""
        return self.pending().filter(expires_at__lte=at).order_by("expires_at")


class Hold(Placed, Row):
    """Money reserved for a call before it begins: the dearest that `input_bound` and `max_tokens` can become."""

    key = models.CharField(max_length=200, unique=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", db_index=False)
    window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="+", db_index=False)
    amount_nano = models.BigIntegerField()
    captured_nano = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.PENDING)
    input_bound = models.PositiveBigIntegerField()
    asked_tokens = models.PositiveBigIntegerField()
    max_tokens = models.PositiveBigIntegerField()
    checkpoint_tokens = models.PositiveBigIntegerField(default=0)
    heartbeat_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "id"], name="holds_of_a_workspace"),
            models.Index(fields=["expires_at"], name="open_holds", condition=Q(state="pending")),
            models.Index(fields=["run"], name="open_holds_of_a_run", condition=Q(state="pending")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_nano__range=(0, LIMIT_NANO)), name="hold_in_range"),
            models.CheckConstraint(
                condition=Q(captured_nano__gte=0, captured_nano__lte=F("amount_nano")), name="capture_within_its_hold"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class UsageQuerySet(models.QuerySet["UsageRecord"]):
    def charged(self) -> Self:
        return self.filter(not_charged="")

    def of_runs(self, runs: Iterable[UUID]) -> Self:
        return self.filter(run__in=list(runs))

    def between(self, workspace_id: UUID, start: datetime | None, end: datetime | None) -> Self:
        """Usage of a workspace in [start, end); open where None."""
        found = self.filter(workspace_id=workspace_id)
        if start is not None:
            found = found.filter(occurred_at__gte=start)
        return found if end is None else found.filter(occurred_at__lt=end)


class UsageRecord(Placed, Row):
    """What a call used and what was charged for it, once for each call.

    `uncharged_nano` is what its usage would have cost beyond `amount_nano`: our failures (`not_charged` says which),
    and whatever a provider reports above what was held.
    """

    METERS: ClassVar[tuple[str, ...]] = (
        "input_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
    )

    key = models.CharField(max_length=200, unique=True)
    currency = models.CharField(max_length=3)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="+", db_index=False)
    input_tokens = models.PositiveBigIntegerField()
    cache_read_tokens = models.PositiveBigIntegerField()
    cache_write_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()
    source = models.CharField(max_length=10)  # "provider", or "own" count
    amount_nano = models.BigIntegerField()
    uncharged_nano = models.BigIntegerField(default=0)
    not_charged = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()

    objects = UsageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "occurred_at"], name="usage_of_a_workspace"),
            models.Index(fields=["run"], name="usage_of_a_run", condition=~Q(run=None)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_nano__gte=0, uncharged_nano__gte=0), name="usage_is_not_negative"
            ),
            models.CheckConstraint(condition=Q(not_charged="") | Q(amount_nano=0), name="not_charged_costs_nothing"),
        ]

    @property
    def estimated(self) -> bool:
        return self.source == "own"
