"""What the meter found out about itself: counts that drift apart, and words that nobody wanted. Both are only added."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import Workspace
from wukong.kernel.models import Row


class DriftAlert(Row):
    """That our count and a provider's were too far apart, told once for each model and day (of UTC).

    `provider_tokens` and `own_tokens` are those of the `calls` that have both; `limit_bp` is what was allowed, in
    hundredths of a per cent. What comes later in the day is in the table of the reconciliation, not here.
    """

    day = models.DateField()
    model = models.CharField(max_length=120)
    calls = models.PositiveBigIntegerField()
    own_tokens = models.PositiveBigIntegerField()
    provider_tokens = models.PositiveBigIntegerField()
    limit_bp = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "model"], name="one_drift_alert_a_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.model}"


class RejectedBy(models.TextChoices):
    CHECK = "check", _("A check by code")
    REVIEWER = "reviewer", _("A reviewer")
    PERSON = "person", _("A person")


class Rejection(Row):
    """Words of a call that were rejected, once for each `key`; `tokens` are of our count, out of the call's output."""

    key = models.CharField(max_length=200, unique=True)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    call = models.UUIDField()
    tokens = models.PositiveBigIntegerField()
    by = models.CharField(max_length=10, choices=RejectedBy.choices)

    class Meta:
        indexes = [models.Index(fields=["call"], name="rejections_of_a_call")]

    def __str__(self) -> str:
        return self.key
