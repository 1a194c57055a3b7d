"""One flush, in one transaction: fence, heartbeat, log rows, counted and closed calls, record of blocks, progress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agents import metered
from agents.engine import claim as claims
from agents.engine.claim import Claim
from agents.engine.outbox import Outbox
from agents.models import ModelCall, Run
from agents.ports import Closing
from workspaces.documents import log
from workspaces.models import DocumentUpdate


@dataclass(frozen=True, slots=True)
class Flush:
    """What an attempt has to write. `key` makes the log row count once if the same flush has to be tried again.

    `closings` are calls whose words are lasting with this flush.
    """

    seen: int = 0
    update: bytes | None = None
    key: str = ""
    call: UUID | None = None
    counted: Mapping[UUID, int] = field(default_factory=dict)
    closings: Sequence[Closing] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_told: bool = False
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the attempt learns: the last seq that it has read, what others have written, and how the run stands."""

    seen: int
    others: list[tuple[str, bytes]]
    run_state: str
    pause_reason: str


def write(claim: Claim, flush: Flush) -> Answer:
    """Write `flush`; raises Fenced before anything is written. A job of the committer, or the first part of one."""
    claims.fence(claim, **flush.fields)
    others, seen = _others(claim, flush.seen)
    if flush.update is not None:
        _append(claim, flush)
    for call, tokens in flush.counted.items():
        ModelCall.objects.open().filter(pk=call).update(counted_tokens=tokens)
    metered.close(flush.closings)
    state, reason = Run.objects.filter(pk=claim.run.pk).values_list("state", "pause_reason").get()
    if flush.is_told:
        for name, value in flush.fields.items():
            setattr(claim.step, name, value)
        out = Outbox(claim.run)
        out.step_progressed(claim.step)
        out.close()
    return Answer(seen=seen, others=others, run_state=state, pause_reason=reason)


def _others(claim: Claim, seen: int) -> tuple[list[tuple[str, bytes]], int]:
    """Return what others wrote after `seen`, and up to where that is.

    The head that `append` returns is not it: another process may have written between this read and our row.
    """
    if claim.client_id is None or claim.run.document_id is None:
        return [], seen
    rows = DocumentUpdate.objects.since(claim.run.document_id, seen).values_list("seq", "client_id", "kind", "data")
    others = []
    for seq, client_id, kind, data in rows:
        seen = seq
        if client_id != claim.client_id:
            others.append((kind, bytes(data)))
    return others, seen


def _append(claim: Claim, flush: Flush) -> None:
    document_id = claim.run.document_id
    if claim.client_id is None or document_id is None or flush.update is None:
        return
    if flush.is_retry and DocumentUpdate.objects.filter(document_id=document_id, key=flush.key).exists():
        return
    entry = log.LogEntry(
        data=flush.update,
        client_id=claim.client_id,
        principal=claim.step.pk,
        kind="agent",
        call=flush.call,
        key=flush.key,
    )
    log.append(document_id=document_id, entries=[entry])
