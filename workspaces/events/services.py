"""Recording what happened."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from workspaces.events.models import Event, EventStream
from wukong.kernel import bus


def record(*, workspace_id: UUID, type: str, actor: str, data: dict[str, Any], run: UUID | None = None) -> int:
    """Append an event to the workspace's stream, last in the transaction that caused it; returns its seq."""
    stream = EventStream.objects.filter(workspace=workspace_id)
    if not stream.update(head_seq=F("head_seq") + 1):
        EventStream.objects.get_or_create(workspace_id=workspace_id)
        stream.update(head_seq=F("head_seq") + 1)
    seq = stream.values_list("head_seq", flat=True).get()
    Event.objects.create(workspace_id=workspace_id, seq=seq, type=type, actor=actor, run=run, payload=data)
    transaction.on_commit(lambda: bus.publish(f"workspace:{workspace_id}", {"seq": seq}))
    return seq


def tick(workspace_id: UUID, data: dict[str, Any]) -> None:
    """Show the live reading of a run's meter (`data["run"]`) to whoever looks. Never stored, may be lost."""
    bus.publish(f"workspace:{workspace_id}", {"tick": data})
