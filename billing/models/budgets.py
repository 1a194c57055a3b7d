"""What may be spent: limits that people set, counters of one period each, and the alerts that they caused."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.accounts import Wallet
from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row
from wukong.kernel.money import LIMIT_NANO


class Level(models.TextChoices):
    """What a limit is for, from the widest to the narrowest."""

    WORKSPACE = "workspace", _("Workspace")
    PROJECT = "project", _("Project")
    SWARM = "swarm", _("Swarm")
    AGENT = "agent", _("Agent")
    RUN = "run", _("Run")


class Period(models.TextChoices):
    """How long a counter counts, by the workspace's calendar. A new period is a new row: nothing is ever reset."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")
    ONCE = "once", _("In all")


class BudgetQuerySet(models.QuerySet["Budget"]):
    def of(self, user: User) -> Self:
        """Limits of the workspaces that `user` may see."""
        return self.filter(seen_by(user, "workspace")).select_related("workspace")


class Budget(Row):
    """A limit that people have set. `name`: the id of a project, the name of an agent or a swarm, "" of the workspace.

    A hard one refuses what would go beyond it, a soft one only says so. Limits of single runs are the runs' own.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    level = models.CharField(max_length=12, choices=Level.choices)
    name = models.CharField(max_length=80, blank=True)
    period = models.CharField(max_length=8, choices=Period.choices)
    limit_nano = models.BigIntegerField()
    is_hard = models.BooleanField(default=True)
    actor = models.CharField(max_length=80)
    changed_at = models.DateTimeField(default=now)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "level", "name"], name="one_budget_a_scope"),
            models.CheckConstraint(condition=Q(limit_nano__range=(0, LIMIT_NANO)), name="budget_in_range"),
            models.CheckConstraint(condition=~Q(level="run"), name="budgets_of_runs_are_their_own"),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.name}".strip()


class BudgetWindow(Row):
    """A counter of what a scope spends in one period, moved together with the wallet.

    `key` is `level:name:period`, for example `project:<id>:2026-11`. `limit_nano` null: counted, not limited. A hard
    limit is never below what is spent and held: one that people set below it stands in `set_nano` (else null).
    """

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+")
    key = models.CharField(max_length=220, unique=True)
    level = models.CharField(max_length=12, choices=Level.choices)
    name = models.CharField(max_length=80, blank=True)
    period = models.CharField(max_length=12, blank=True)  # its first day; "" of what is counted in all
    limit_nano = models.BigIntegerField(null=True)
    set_nano = models.BigIntegerField(null=True)
    is_hard = models.BooleanField(default=True)
    spent_nano = models.BigIntegerField(default=0)
    held_nano = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(spent_nano__gte=0, held_nano__gte=0), name="window_is_not_negative"),
            models.CheckConstraint(
                condition=Q(limit_nano=None) | Q(is_hard=False) | Q(limit_nano__gte=F("spent_nano") + F("held_nano")),
                name="window_is_not_overspent",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def meant_nano(self) -> int | None:
        """The limit that people have set, also where more was spent or held by then; None: no limit."""
        return self.limit_nano if self.set_nano is None else self.set_nano


class Alert(Row):
    """Something that people were told about a counter, once for each `threshold`: per cent of its limit.

    `threshold` 0: at its pace the period will end beyond the limit. `mailed_at` null: its e-mail is still to be sent.
    """

    window = models.ForeignKey(BudgetWindow, models.PROTECT, related_name="alerts", db_index=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    threshold = models.PositiveSmallIntegerField()
    spent_nano = models.BigIntegerField()
    limit_nano = models.BigIntegerField()
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="alerts_to_mail", condition=Q(mailed_at=None))]
        constraints = [models.UniqueConstraint(fields=["window", "threshold"], name="one_alert_a_threshold")]
