"""Snapshots: the state of a document beside its log. They save replaying and replace nothing.

A state is stored with its checksum behind it, which decoders of Yjs updates do not read. One that does not match, or
does not open, is passed over: the one before it, or the log alone, says the same.
"""

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from pycrdt import Doc

from workspaces.documents import content, crdt, protocol
from workspaces.documents.models import Document, DocumentSnapshot, DocumentUpdate
from wukong.kernel.errors import NotFound

ROWS = 500
BYTES = 256 * 1024
KEEP = 2
_MARK: Final = b"crc1"
_ROWS_AT_ONCE: Final = 200
_log = logging.getLogger("wukong.documents")


def load(document_id: UUID) -> tuple[bytes, int]:
    """Return the document's state as one Yjs v1 update, and the seq up to which it goes. Raises NotFound."""
    for seq, state in _stored(document_id):
        if not DocumentUpdate.objects.since(document_id, seq).exists():
            return state, seq
        if (opened := _opened(document_id, seq, state)) is not None:
            return bytes(opened[0].get_update()), opened[1]
    raise AssertionError("an empty document always opens")


def replica(document_id: UUID) -> tuple[Doc[Any], int]:
    """Return a replica of the document, and the seq up to which it goes. Raises NotFound.

    To decode a long document twice, once for its state and once from that, would take twice the time.
    """
    for seq, state in _stored(document_id):
        if (opened := _opened(document_id, seq, state)) is not None:
            return opened
    raise AssertionError("an empty document always opens")


def _stored(document_id: UUID) -> Iterator[tuple[int, bytes]]:
    """Yield the sound snapshots as `_sound` does. Raises NotFound."""
    if not Document.objects.filter(pk=document_id).exists():
        raise NotFound
    yield from _sound(document_id)


def _opened(document_id: UUID, seq: int, state: bytes) -> tuple[Doc[Any], int] | None:
    """Return a document with its rows after `seq` applied, and the seq of the last.

    None, with a line in the log, if its state does not open.
    """
    try:
        doc = crdt.open_doc(state)
    except ValueError as error:
        _log.error("the snapshot of %s at %s does not open: %s", document_id, seq, error)
        return None
    rows = DocumentUpdate.objects.since(document_id, seq).values_list("seq", "data")
    while some := list(rows.filter(seq__gt=seq)[:_ROWS_AT_ONCE]):  # all of them may be as large as the document
        with doc.transaction():
            for _seq, update in some:
                doc.apply_update(bytes(update))
        seq = some[-1][0]
        if len(some) < _ROWS_AT_ONCE:
            break
    return doc, seq


def _sound(document_id: UUID) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, state) of the snapshots whose checksum matches, newest first, at last the empty document at 0."""
    for seq, stored in _newest_first(document_id):
        try:
            state = opened(stored)
        except ValueError as error:
            _log.error("the snapshot of %s at %s is passed over: %s", document_id, seq, error)
        else:
            yield seq, state
    yield 0, b""


def _newest_first(document_id: UUID) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, stored bytes) one by one: a state may be large, and the first is nearly always good."""
    rows = DocumentSnapshot.objects.filter(document_id=document_id).order_by("-seq")
    for seq in list(rows.values_list("seq", flat=True)):
        yield seq, bytes(rows.values_list("state", flat=True).get(seq=seq))


def sealed(state: bytes) -> bytes:
    """Return a state with its checksum behind it."""
    return state + zlib.crc32(state).to_bytes(4, "big") + _MARK


def opened(stored: bytes) -> bytes:
    """Return the state without its checksum. Raises ValueError when it does not match."""
    state, check, mark = stored[:-8], stored[-8:-4], stored[-4:]
    if mark != _MARK or zlib.crc32(state).to_bytes(4, "big") != check:
        raise ValueError("its checksum does not match")
    return state


def is_due(document_id: UUID) -> bool:
    """Return whether enough has been appended since the last snapshot."""
    last = DocumentSnapshot.objects.filter(document_id=document_id).order_by("-seq").values_list("seq", flat=True)
    after = last.first() or 0
    head = Document.objects.filter(pk=document_id).values_list("head_seq", flat=True).first() or 0
    if head - after >= ROWS:
        return True
    size = DocumentUpdate.objects.since(document_id, after).order_by().aggregate(size=Sum(Length("data")))["size"]
    return (size or 0) >= BYTES


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document's state at `seq`, verified, and its number of words."""

    seq: int
    state: bytes
    words: int


def make(document_id: UUID, *, verifies: bool = True) -> Snapshot:
    """Return the state of today, made by applying (merging costs ten times more) and verified by loading.

    Only reads: a large document takes its time, and no writer should wait for it. Raises NotFound, ValueError when the
    state does not load to the document it was taken from.
    """
    doc, head = replica(document_id)
    state = bytes(doc.get_update())
    nodes = content.read(doc)
    if verifies and head:
        again = crdt.open_doc(state)
        if _clocks(again) != _clocks(doc) or content.read(again) != nodes:
            raise ValueError(f"the snapshot of {document_id} at {head} does not load to the same state")
    return Snapshot(head, state, content.words_in(content.plain_text(nodes)))


def _clocks(doc: Doc[Any]) -> dict[int, int]:
    """Return the state vector: its bytes name the clients in any order."""
    return protocol.read_state_vector(doc.get_state())


def overdue(most: int) -> list[UUID]:
    """Return documents that have grown by `ROWS` since their last snapshot: programs write where no room is open."""
    last = DocumentSnapshot.objects.filter(document=OuterRef("pk")).order_by("-seq").values("seq")[:1]
    grown = Document.objects.annotate(after=Coalesce(Subquery(last), 0)).filter(head_seq__gte=F("after") + ROWS)
    return list(grown.order_by("-updated_at").values_list("pk", flat=True)[:most])


def store(*, document_id: UUID, made: Snapshot) -> None:
    """Put a snapshot beside the log and take away all but the last ones: never a row of the log. Idempotent.

    Call inside a transaction.
    """
    if made.seq:
        rows = DocumentSnapshot.objects.filter(document_id=document_id)
        row, is_new = rows.get_or_create(document_id=document_id, seq=made.seq, defaults={"state": b""})
        if is_new:
            _write(row.pk, sealed(made.state))
            _write(0, b"")  # nobody: SQLite's connection remembers what this statement was given last, all its bytes
        kept = list(rows.order_by("-seq").values_list("seq", flat=True)[:KEEP])
        rows.filter(seq__lt=kept[-1]).delete()


def _write(row: int, state: bytes) -> None:
    DocumentSnapshot.objects.filter(pk=row).update(state=state)
