"""Reading what happened. Who may read is decided by whoever asks: events know no people."""

from collections.abc import Sequence
from uuid import UUID

from workspaces.events.models import Event, EventStream


def head_of(workspace_id: UUID) -> int:
    """Return the seq of the workspace's last event, 0 before the first."""
    return EventStream.objects.filter(workspace=workspace_id).values_list("head_seq", flat=True).first() or 0


def events_after(workspace_id: UUID, seq: int, limit: int = 200) -> Sequence[Event]:
    """Return the workspace's events after `seq`, oldest first, at most `limit`."""
    return list(Event.objects.since(workspace_id, seq)[:limit])
