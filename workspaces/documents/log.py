"""The log: the one truth about a document's content. Rows are appended, never changed, never deleted.

Writers of all processes are ordered by the row lock of `UPDATE document SET head_seq = head_seq + n`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from workspaces.documents import content, crdt
from workspaces.documents.models import Document, DocumentSnapshot, DocumentUpdate, DocumentWriter
from wukong.kernel import bus
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, NotFound

SNAPSHOT_ROWS = 500
SNAPSHOT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One Yjs v1 update as its writer made it; `kind` is person, agent or system; `key` counts once in a document."""

    data: bytes
    client_id: int
    principal: UUID
    kind: str
    call: UUID | None = None
    key: str | None = None


def append(*, document_id: UUID, entries: Sequence[LogEntry]) -> int:
    """Append rows and return the new head. Call inside a transaction; after its commit one hint goes out.

    Raises NotFound when the document is gone, IntegrityError for a `key` that is there already.
    """
    size = sum(len(entry.data) for entry in entries)
    moved = Document.objects.filter(pk=document_id).update(
        head_seq=F("head_seq") + len(entries), byte_size=F("byte_size") + size, updated_at=now()
    )
    if not moved:
        raise NotFound
    head = Document.objects.values_list("head_seq", flat=True).get(pk=document_id)
    DocumentUpdate.objects.bulk_create(
        DocumentUpdate(
            document_id=document_id,
            seq=head - len(entries) + place,
            data=entry.data,
            client_id=entry.client_id,
            kind=entry.kind,
            principal=entry.principal,
            call=entry.call,
            key=entry.key,
        )
        for place, entry in enumerate(entries, 1)
    )
    transaction.on_commit(lambda: bus.publish(f"document:{document_id}", {"seq": head}))
    return head


def since(document_id: UUID, seq: int) -> list[tuple[int, bytes]]:
    """Return (seq, Yjs v1 update) of the rows after `seq`, in order."""
    rows = DocumentUpdate.objects.since(document_id, seq).values_list("seq", "data")
    return [(at, bytes(data)) for at, data in rows]


def load(document_id: UUID) -> tuple[bytes, int]:
    """Return the document's state as one Yjs v1 update, and the seq up to which it goes. Raises NotFound."""
    if not Document.objects.filter(pk=document_id).exists():
        raise NotFound
    snapshot = DocumentSnapshot.objects.filter(document_id=document_id).order_by("-seq").first()
    state, head = (bytes(snapshot.state), snapshot.seq) if snapshot is not None else (b"", 0)
    rows = since(document_id, head)
    if not rows:
        return state, head
    doc = crdt.open_doc(state)
    with doc.transaction():
        for _seq, update in rows:
            doc.apply_update(update)
    return doc.get_update(), rows[-1][0]


def issue_client_id(*, document_id: UUID, kind: str, principal: UUID) -> int:
    """Return an unused Yjs client id, bound to `principal` for ever."""
    while True:
        client_id = draw_client_id()
        try:
            with transaction.atomic():
                DocumentWriter.objects.create(
                    document_id=document_id, client_id=client_id, kind=kind, principal=principal
                )
            return client_id
        except IntegrityError:
            if not Document.objects.filter(pk=document_id).exists():
                raise NotFound from None


def draw_client_id() -> int:
    """Return a Yjs client id that nobody has reserved; in a document that has no writers yet it is free."""
    return secrets.randbelow((1 << 31) - 1) + 1


def bind_client_id(*, document_id: UUID, client_id: int, kind: str, principal: UUID) -> None:
    """Bind an id that a stock client chose itself; raises Conflict when it belongs to somebody else."""
    writer, _created = DocumentWriter.objects.get_or_create(
        document_id=document_id, client_id=client_id, defaults={"kind": kind, "principal": principal}
    )
    if writer.principal != principal:
        raise Conflict("this client id belongs to somebody else")


def owners(document_id: UUID) -> dict[int, UUID]:
    """Return {client id: principal} of everybody who ever wrote here."""
    return dict(DocumentWriter.objects.filter(document_id=document_id).values_list("client_id", "principal"))


def needs_snapshot(document_id: UUID) -> bool:
    """Return whether enough has been appended since the last snapshot."""
    last = (
        DocumentSnapshot.objects.filter(document_id=document_id).order_by("-seq").values_list("seq", flat=True).first()
    )
    rows = DocumentUpdate.objects.since(document_id, last or 0)
    if rows.count() >= SNAPSHOT_ROWS:
        return True
    return sum(len(bytes(data)) for data in rows.values_list("data", flat=True)) >= SNAPSHOT_BYTES


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document's state at `seq`, verified, and its number of words."""

    seq: int
    state: bytes
    words: int


def make_snapshot(document_id: UUID) -> Snapshot:
    """Return the state of today, made by applying (merging costs ten times more) and verified by loading.

    Only reads: a large document takes its time, and no writer should wait for it. Raises NotFound.
    """
    state, head = load(document_id)
    doc = crdt.open_doc(state)
    if head and crdt.open_doc(doc.get_update()).get_state() != doc.get_state():
        raise ValueError(f"the snapshot of {document_id} at {head} does not load to the same state")
    return Snapshot(head, state, content.words_in(content.plain_text(content.read(doc))))


def store_snapshot(*, document_id: UUID, made: Snapshot, keeps_state: bool = True) -> None:
    """Store a snapshot beside the log, and the count of words. Idempotent. Call inside a transaction."""
    if made.seq and keeps_state:
        DocumentSnapshot.objects.get_or_create(document_id=document_id, seq=made.seq, defaults={"state": made.state})
    refresh_words(document_id=document_id, words=made.words)


def take_snapshot(*, document_id: UUID) -> int:
    """Make and store a snapshot of today; returns its seq. Call inside a transaction."""
    made = make_snapshot(document_id)
    store_snapshot(document_id=document_id, made=made)
    return made.seq


def refresh_words(*, document_id: UUID, words: int) -> None:
    """Store the count of words that lists show."""
    Document.objects.filter(pk=document_id).exclude(words=words).update(words=words)
