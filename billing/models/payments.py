"""Money that comes from a payment provider: top-ups, what was taken back of them, and the events that told of both.

None of these rows is money: wallets move by the ledger alone, under keys that are made of what stands here. Each row
says how far its money has come, so that whoever finds it after a crash knows which step is next; every step may be
taken twice. Events are append-only and a booked top-up stays booked (triggers of migration 0006).
"""

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO

BOOK_AGAIN_AFTER = timedelta(seconds=5)
ASK_AFTER = timedelta(minutes=2)
ASK_AGAIN_AFTER = timedelta(minutes=10)
LOOK_BACK_AFTER = timedelta(days=1)
LOOK_BACK_FOR = timedelta(days=120)
"""As long as the holder of a card usually may dispute a payment."""


class TopUpState(models.TextChoices):
    OPEN = "open", _("Waiting for payment")
    PROCESSING = "processing", _("The bank is working on it")
    PAID = "paid", _("Paid, being booked")
    BOOKED = "booked", _("Booked")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")


PENDING = (TopUpState.OPEN, TopUpState.PROCESSING, TopUpState.PAID)


class TopUpQuerySet(models.QuerySet["TopUp"]):
    def of(self, user: User) -> Self:
        """Top-ups of workspaces that `user` may see."""
        return self.filter(seen_by(user, "workspace")).select_related("workspace")

    def pending(self) -> Self:
        return self.filter(state__in=PENDING)

    def due(self, at: datetime) -> Self:
        """Top-ups to look after: paid but not booked, and those of which nobody has told anything for a while."""
        unheard = Q(created_at__lt=at - ASK_AFTER) & (Q(looked_at=None) | Q(looked_at__lt=at - ASK_AGAIN_AFTER))
        unbooked = Q(looked_at=None) | Q(looked_at__lt=at - BOOK_AGAIN_AFTER)
        return self.filter(
            (Q(state=TopUpState.PAID) & unbooked) | (Q(state__in=[TopUpState.OPEN, TopUpState.PROCESSING]) & unheard)
        ).order_by(F("looked_at").asc(nulls_first=True), "id")

    def to_look_back_at(self, at: datetime) -> Self:
        """Top-ups booked a day to 120 days ago of which nobody has asked for a day whether money has gone back."""
        unseen = Q(looked_at=None) | Q(looked_at__lt=at - LOOK_BACK_AFTER)
        recent = Q(closed_at__gt=at - LOOK_BACK_FOR, closed_at__lt=at - LOOK_BACK_AFTER)
        return self.filter(unseen, recent, state=TopUpState.BOOKED).order_by(F("looked_at").asc(nulls_first=True), "id")

    def automatic_since(self, workspace_id: UUID, start: datetime) -> Self:
        """What was topped up by itself from a moment on, and has not failed."""
        gone = [TopUpState.FAILED, TopUpState.CANCELLED]
        return self.filter(workspace=workspace_id, is_auto=True, created_at__gte=start).exclude(state__in=gone)


class TopUp(Row):
    """One payment into a wallet, once for each (workspace, key). `session` and `payment_intent` are the provider's ids.

    `version` counts what was decided about it, so that nobody decides on an old picture.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=120)
    amount_nano = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12, choices=TopUpState.choices, default=TopUpState.OPEN)
    is_auto = models.BooleanField(default=False)
    saves_method = models.BooleanField(default=False)
    actor = models.CharField(max_length=80)
    session = models.CharField(max_length=200, blank=True)
    payment_intent = models.CharField(max_length=100, blank=True)
    url = models.TextField(blank=True)
    failure = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    objects = TopUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("top-up")
        indexes = [
            models.Index(fields=["workspace", "id"], name="topups_of_a_workspace"),
            models.Index(fields=["looked_at"], name="pending_topups", condition=Q(state__in=PENDING)),
            models.Index(fields=["closed_at"], name="booked_topups", condition=Q(state="booked")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_topup_a_key"),
            models.UniqueConstraint(fields=["session"], condition=~Q(session=""), name="one_topup_a_session"),
            models.UniqueConstraint(
                fields=["payment_intent"], condition=~Q(payment_intent=""), name="one_topup_a_payment"
            ),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(is_auto=True, state__in=["open", "processing"]),
                name="one_pending_automatic_topup",
            ),
            models.CheckConstraint(condition=Q(amount_nano__range=(1, LIMIT_NANO)), name="topup_adds_something"),
            models.CheckConstraint(
                condition=~Q(state__in=["paid", "booked"]) | ~Q(payment_intent=""), name="paid_topups_have_a_payment"
            ),
        ]

    def __str__(self) -> str:
        return self.payment_intent or self.key

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING


class ReturnKind(models.TextChoices):
    """Why money of a top-up goes back."""

    REFUND = "refund", _("Refund")  # an operator's, here: the provider still has to be told
    OUTSIDE = "outside", _("Refund at the provider")
    DISPUTE = "dispute", _("Dispute")


class ReturnState(models.TextChoices):
    ASKED = "asked", _("To be taken from the wallet")
    TAKEN = "taken", _("To be paid back")
    DONE = "done", _("Done")
    FAILED = "failed", _("Refused")
    GIVING = "giving", _("To be given back to the wallet")
    GIVEN = "given", _("Given back to the wallet")


class TopUpReturnQuerySet(models.QuerySet["TopUpReturn"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=[ReturnState.ASKED, ReturnState.TAKEN, ReturnState.GIVING])

    def standing(self) -> Self:
        """Those whose money has gone back, or is about to."""
        return self.filter(state__in=[ReturnState.ASKED, ReturnState.TAKEN, ReturnState.DONE])


class TopUpReturn(Row):
    """Money of a top-up that goes back, once for each `key`. `taken_nano` of it came out of the wallet.

    What was spent before cannot be taken: a wallet never falls below nothing, and other top-ups are not touched.
    """

    topup = models.ForeignKey(TopUp, models.PROTECT, related_name="returns")
    key = models.CharField(max_length=190, unique=True)
    kind = models.CharField(max_length=8, choices=ReturnKind.choices)
    amount_nano = models.BigIntegerField()
    taken_nano = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=ReturnState.choices, default=ReturnState.ASKED)
    provider_id = models.CharField(max_length=100, blank=True)
    actor = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    looked_at = models.DateTimeField(null=True)

    objects = TopUpReturnQuerySet.as_manager()

    class Meta:
        verbose_name = _("return of a top-up")
        indexes = [
            models.Index(
                fields=["looked_at"], name="unfinished_returns", condition=Q(state__in=["asked", "taken", "giving"])
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_nano__range=(1, LIMIT_NANO)), name="return_moves_something"),
            models.CheckConstraint(
                condition=Q(taken_nano__gte=0, taken_nano__lte=F("amount_nano")), name="taken_within_its_return"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class StripeEvent(Row):
    """An event of the provider that was acted upon, once. One that is not here is acted upon, maybe again."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField()

    class Meta:
        verbose_name = _("payment event")

    def __str__(self) -> str:
        return self.event_id


class AutoTopUpQuerySet(models.QuerySet["AutoTopUp"]):
    def on(self, at: datetime) -> Self:
        """Those that may act at a moment."""
        return self.filter(Q(is_on=True) & (Q(not_before=None) | Q(not_before__lte=at))).select_related("workspace")


class AutoTopUp(models.Model):
    """How a workspace tops up by itself: below `below_nano` by `amount_nano`, in a day at most `daily_most_nano`.

    It pays with the method that somebody has let it remember. Switched off by people, and by itself after failures.
    """

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+")
    is_on = models.BooleanField(default=False)
    below_nano = models.BigIntegerField(default=0)
    amount_nano = models.BigIntegerField(default=0)
    daily_most_nano = models.BigIntegerField(default=0)
    customer = models.CharField(max_length=100, blank=True)
    payment_method = models.CharField(max_length=100, blank=True)
    method_label = models.CharField(max_length=80, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    actor = models.CharField(max_length=80, blank=True)

    objects = AutoTopUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("automatic top-up")
        constraints = [
            models.CheckConstraint(
                condition=Q(below_nano__gte=0, amount_nano__gte=0, daily_most_nano__gte=0),
                name="automatic_topup_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(is_on=False)
                | (Q(amount_nano__gt=0, daily_most_nano__gte=F("amount_nano")) & ~Q(payment_method="")),
                name="automatic_topup_can_pay",
            ),
        ]

    def __str__(self) -> str:
        return str(self.workspace_id)
