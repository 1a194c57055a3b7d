"""Recording what happened."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from workspaces.events.models import Event, EventStream
from wukong.kernel import bus, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What a stream is told; see models.Event."""

    workspace_id: UUID
    type: str
    actor: str
    data: dict[str, Any]
    run: UUID | None = None


def record(*, workspace_id: UUID, type: str, actor: str, data: dict[str, Any], run: UUID | None = None) -> int:
    """Append an event to the workspace's stream, last in the transaction that caused it; returns its seq."""
    (seq,) = record_all([Happening(workspace_id=workspace_id, type=type, actor=actor, data=data, run=run)])
    return seq


def record_all(happened: Sequence[Happening]) -> list[int]:
    """Append events to the streams of their workspaces, last in the transaction that caused them; returns their seqs.

    Streams are locked in no order: who asks for several holds a lock that orders those who ask for the same.
    """
    counts = Counter(one.workspace_id for one in happened)
    heads = _advance(counts)
    for workspace_id in counts.keys() - heads.keys():
        EventStream.objects.get_or_create(workspace_id=workspace_id)
    heads |= _advance({pk: count for pk, count in counts.items() if pk not in heads})
    seqs = []
    for one in happened:
        seqs.append(heads[one.workspace_id] - counts[one.workspace_id] + 1)
        counts[one.workspace_id] -= 1
    rows.insert(
        [
            rows.make(
                Event,
                workspace_id=one.workspace_id,
                seq=seq,
                type=one.type,
                actor=one.actor,
                run=one.run,
                payload=one.data,
            )
            for one, seq in zip(happened, seqs, strict=True)
        ]
    )
    for workspace_id, seq in heads.items():
        transaction.on_commit(partial(bus.publish, f"workspace:{workspace_id}", {"seq": seq}))
    return seqs


def _advance(counts: Mapping[UUID, int]) -> dict[UUID, int]:
    """Move the heads of streams on; returns those that there are, where they are now."""
    heads: dict[UUID, int] = {}
    for count in set(counts.values()):
        heads |= rows.add(EventStream, "head_seq", count, [pk for pk in counts if counts[pk] == count])
    return heads


def tick(workspace_id: UUID, data: dict[str, Any]) -> None:
    """Show the live reading of a run's meter (`data["run"]`) to whoever looks. Never stored, may be lost."""
    bus.publish(f"workspace:{workspace_id}", {"tick": data})
