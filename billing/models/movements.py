"""What happened: money that moved, money that was reserved, and what calls used."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.accounts import Account, Wallet
from billing.models.budgets import BudgetWindow
from billing.models.rates import RateCard
from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class TransferCode(models.TextChoices):
    """Why money moved."""

    TOPUP = "topup", _("Top-up")
    GRANT = "grant", _("Credit")
    CAPTURE = "capture", _("Usage")
    ADJUST = "adjust", _("Adjustment")
    REFUND = "refund", _("Refund")
    EXPIRE = "expire", _("Expired credit")


class Placed(models.Model):
    """What a movement belongs to, as bare ids and names; `workspace` is whose it is."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    run = models.UUIDField(null=True)
    step = models.UUIDField(null=True)
    call = models.UUIDField(null=True)
    project = models.UUIDField(null=True)
    swarm = models.CharField(max_length=80, blank=True)
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
    debit = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    credit = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    amount_nano = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=12, choices=TransferCode.choices)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, null=True, related_name="+", db_index=False)
    actor = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)  # why, of what a person has booked
    occurred_at = models.DateTimeField()
    booked_at = models.DateTimeField(default=now)

    objects = TransferQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "id"], name="transfers_of_a_workspace"),
            models.Index(fields=["run"], name="transfers_of_a_run", condition=~Q(run=None)),
            models.Index(fields=["workspace", "booked_at"], name="transfers_of_a_period"),
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
    # The counters in which it stands, one of each level: those of the period in which it was made.
    workspace_window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    project_window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    swarm_window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    agent_window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    run_window = models.ForeignKey(BudgetWindow, models.PROTECT, null=True, related_name="+", db_index=False)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="+", db_index=False)
    amount_nano = models.BigIntegerField()
    captured_nano = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.PENDING)
    input_bound = models.PositiveBigIntegerField()
    input_guess = models.PositiveBigIntegerField(default=0)  # our count, as far as we can: what a lost call is charged
    asked_tokens = models.PositiveBigIntegerField()
    max_tokens = models.PositiveBigIntegerField()
    checkpoint_tokens = models.PositiveBigIntegerField(default=0)
    heartbeat_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    question = models.BigIntegerField(null=True)  # fingerprint of what is asked: the same one was the same question
    repeated_tokens = models.PositiveBigIntegerField(null=True)  # of our count: what the run had sent before

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
    and whatever a provider reports above what was held. `own_*` is our count beside a provider's, as far as there is
    one; `question` and `repeated_tokens` are those of its hold.
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
    own_input_tokens = models.PositiveBigIntegerField(null=True)
    own_output_tokens = models.PositiveBigIntegerField(null=True)
    question = models.BigIntegerField(null=True)
    repeated_tokens = models.PositiveBigIntegerField(null=True)

    objects = UsageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "occurred_at"], name="usage_of_a_workspace"),
            models.Index(fields=["run"], name="usage_of_a_run", condition=~Q(run=None)),
            models.Index(fields=["workspace", "model", "agent", "id"], name="usage_of_an_agent"),
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


from billing.models.statements import MeterReading, Statement, StatementLine  # noqa: E402, F401 - Django looks here
