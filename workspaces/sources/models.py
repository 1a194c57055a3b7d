"""What agents may cite: pasted or uploaded text, numbered within its project."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.documents.models import Project
from workspaces.people.models import User, seen_by
from wukong.kernel.models import Row


class SourceState(models.TextChoices):
    READY = "ready", _("Ready")
    FAILED = "failed", _("Could not be read")


class SourceQuerySet(models.QuerySet["Source"]):
    def of(self, user: User) -> Self:
        """Sources that `user` may see."""
        return self.filter(seen_by(user, "project__workspace"))


class Source(Row):
    """A text that does not change any more. `number` is what `[n]` in a document means; `sha256` is of its bytes."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="sources")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=60)
    bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    text = models.TextField()
    is_brief = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=SourceState.choices, default=SourceState.READY)
    created_by = models.UUIDField(null=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="sources_are_numbered")]

    def __str__(self) -> str:
        return f"[{self.number}] {self.name}"
