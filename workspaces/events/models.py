"""What happened in a workspace, in an order without gaps.

Events know no people: `people` records its changes here, so an import the other way would close a circle.
"""

from typing import Self
from uuid import UUID

from django.db import models

from wukong.kernel.clock import now


class EventStream(models.Model):
    """The counter of a workspace's events; its row lock orders the writers."""

    workspace = models.OneToOneField("workspaces.Workspace", models.CASCADE, primary_key=True, related_name="+")
    head_seq = models.PositiveBigIntegerField(default=0)


class EventQuerySet(models.QuerySet["Event"]):
    def since(self, workspace_id: UUID, seq: int) -> Self:
        """Events of a workspace after `seq`, oldest first."""
        return self.filter(workspace_id=workspace_id, seq__gt=seq).order_by("seq")


class Event(models.Model):
    """One thing that happened. `actor` is "person:<id>", "agent:<name>" or "system"; `run` is a bare id."""

    workspace = models.ForeignKey("workspaces.Workspace", models.CASCADE, related_name="+")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=40)
    actor = models.CharField(max_length=80)
    run = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(default=now)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "seq"], name="events_without_gaps")]
        indexes = [models.Index(fields=["run", "seq"], name="events_of_a_run")]
