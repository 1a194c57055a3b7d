"""The monthly bill as it was issued: a statement, its lines, and what the meters showed at the end of its period.

All three are append-only (triggers of migration 0005): a correction is an entry of the ledger in the month that is
open, never a change of a month that is closed.
"""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class StatementQuerySet(models.QuerySet["Statement"]):
    def of(self, user: User) -> Self:
        """Statements of workspaces that `user` may see."""
        return self.filter(seen_by(user, "workspace"))

    def newest_first(self) -> Self:
        return self.order_by("-month")


class Statement(Row):
    """What a workspace used in a calendar month of its time zone, and what that cost. Money is nano-units.

    `total_nano` is whole cents: rounded once, of the charges and `carry_in_nano`; the rest below a cent is `carry_nano`
    and goes to the next month, so that Σ totals + the last carry = Σ charges. `period_end` is the next `period_start`.
    `movements` [{code, is_charge, entries, amount_nano (into the wallet), first_at, last_at}] is all else that the
    ledger has in the period; `not_charged` [{kind, calls, runs, tokens, worth_nano}].
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    issued_to = models.CharField(max_length=80)
    month = models.DateField()  # its first day
    number = models.CharField(max_length=20, unique=True)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=50)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    opening_nano = models.BigIntegerField()
    closing_nano = models.BigIntegerField()
    total_nano = models.BigIntegerField()
    carry_in_nano = models.BigIntegerField()
    carry_nano = models.BigIntegerField()
    tax_percent = models.CharField(max_length=13)
    tax_nano = models.BigIntegerField()
    opening_reading = models.BigIntegerField()
    closing_reading = models.BigIntegerField()
    entries = models.PositiveBigIntegerField()
    movements = models.JSONField()
    not_charged = models.JSONField()
    issued_at = models.DateTimeField(default=now)
    sha256 = models.CharField(max_length=64)

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month"], name="one_statement_a_month"),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="statement_has_a_period"),
            models.CheckConstraint(
                condition=Q(closing_reading__gte=F("opening_reading"), opening_reading__gte=0),
                name="meter_never_runs_backwards",
            ),
            models.CheckConstraint(
                condition=Q(total_nano__range=(-LIMIT_NANO, LIMIT_NANO)), name="statement_total_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class StatementLine(Row):
    """One meter of one model at one price, that of calls with at least `from_tokens` input tokens.

    The amounts of a statement's lines are its captures, to the nano-unit.
    """

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="lines")
    place = models.PositiveIntegerField()
    model = models.CharField(max_length=120)
    meter = models.CharField(max_length=12)
    rate_card = models.ForeignKey("billing.RateCard", models.PROTECT, related_name="+", db_index=False)
    from_tokens = models.PositiveBigIntegerField(default=0)
    opening_reading = models.BigIntegerField()
    closing_reading = models.BigIntegerField()
    tokens = models.BigIntegerField()
    calls = models.PositiveBigIntegerField()
    pico_per_token = models.BigIntegerField()
    amount_nano = models.BigIntegerField()

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["statement", "place"], name="one_line_a_place"),
            models.CheckConstraint(
                condition=Q(closing_reading=F("opening_reading") + F("tokens"), tokens__gte=0, opening_reading__gte=0),
                name="line_reads_what_was_used",
            ),
            models.CheckConstraint(condition=Q(amount_nano__gte=0), name="line_is_not_negative"),
        ]


class MeterReading(Row):
    """What a meter showed at a moment: all tokens of that kind that a workspace was ever charged for."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    model = models.CharField(max_length=120)
    meter = models.CharField(max_length=12)
    at = models.DateTimeField()
    reading = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "model", "meter", "at"], name="one_reading_a_moment"),
            models.CheckConstraint(condition=Q(reading__gte=0), name="reading_is_not_negative"),
        ]
