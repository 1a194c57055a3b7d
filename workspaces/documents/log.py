"""The log: the one truth about a document's content. Rows are appended, never changed, never deleted.

Writers of all processes are ordered by the row lock of `UPDATE document SET head_seq = head_seq + n`.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.models import F
from pycrdt import Doc

from workspaces.documents import snapshots
from workspaces.documents.models import Document, DocumentUpdate, DocumentWriter
from wukong.kernel import bus
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, NotFound, Stale

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One Yjs v1 update as its writer made it; `kind` is person, agent or system; `key` counts once in a document.

    `cut` and `carries`: see DocumentUpdate.
    """

    data: bytes
    client_id: int
    principal: UUID
    kind: str
    call: UUID | None = None
    key: str | None = None
    cut: Sequence[Sequence[int]] | None = None
    carries: Sequence[Sequence[int]] | None = None


def append(*, document_id: UUID, entries: Sequence[LogEntry], generation: int | None = None) -> int:
    """Append rows and return the new head. Call inside a transaction; after its commit one hint goes out.

    Raises NotFound when the document is gone, Stale when its history is no longer the one of `generation`,
    IntegrityError for a `key` that is there already.
    """
    head = _move_head(document_id, len(entries), sum(len(entry.data) for entry in entries), generation)
    if head is None:
        raise Stale if generation is not None and Document.objects.filter(pk=document_id).exists() else NotFound
    _insert(document_id, head - len(entries) + 1, entries)
    transaction.on_commit(lambda: bus.publish(f"document:{document_id}", {"seq": head}))
    return head


_COLUMNS: Final = (
    "document_id",
    "seq",
    "data",
    "client_id",
    "kind",
    "principal",
    "call",
    "key",
    "cut",
    "carries",
    "at",
)


def _move_head(document_id: UUID, count: int, size: int, generation: int | None) -> int | None:
    """Return the head after making room for `count` rows of `size` bytes in all; None: no such document, or history.

    One statement: each gives the lock of the interpreter away, and under load gets it back milliseconds later.
    """
    database = connections[DEFAULT_DB_ALIAS]
    key = Document._meta.pk.get_db_prep_value(document_id, database)
    values = [count, size, database.ops.adapt_datetimefield_value(now()), key]
    statement = (
        f"UPDATE {Document._meta.db_table} SET head_seq = head_seq + %s, byte_size = byte_size + %s, "  # noqa: S608
        "updated_at = %s WHERE id = %s"
    )
    if generation is not None:
        statement += " AND generation = %s"
        values.append(generation)
    with database.cursor() as cursor:
        cursor.execute(statement + " RETURNING head_seq", values)
        found = cursor.fetchone()
    return int(found[0]) if found else None


def _insert(document_id: UUID, first: int, entries: Sequence[LogEntry]) -> None:
    """Insert rows from `first` on. A model for each would cost more than the database does."""
    database = connections[DEFAULT_DB_ALIAS]
    uuid, json = DocumentUpdate._meta.get_field("principal"), DocumentUpdate._meta.get_field("cut")
    document, at = uuid.get_db_prep_value(document_id, database), database.ops.adapt_datetimefield_value(now())
    rows = [
        (
            document,
            seq,
            entry.data,
            entry.client_id,
            entry.kind,
            uuid.get_db_prep_value(entry.principal, database),
            uuid.get_db_prep_value(entry.call, database),
            entry.key,
            None if entry.cut is None else json.get_db_prep_value(entry.cut, database),
            None if entry.carries is None else json.get_db_prep_value(entry.carries, database),
            at,
        )
        for seq, entry in enumerate(entries, first)
    ]
    places = ", ".join(["%s"] * len(_COLUMNS))
    statement = f"INSERT INTO {DocumentUpdate._meta.db_table} ({', '.join(_COLUMNS)}) VALUES ({places})"  # noqa: S608
    with database.cursor() as cursor:
        cursor.executemany(statement, rows)


def since(document_id: UUID, seq: int) -> list[tuple[int, bytes]]:
    """Return (seq, Yjs v1 update) of the rows after `seq`, in order."""
    rows = DocumentUpdate.objects.since(document_id, seq).values_list("seq", "data")
    return [(at, bytes(data)) for at, data in rows]


def load(document_id: UUID) -> tuple[bytes, int]:
    """Return the document's state as one Yjs v1 update, and the seq up to which it goes. Raises NotFound."""
    return snapshots.load(document_id)


def replica(document_id: UUID) -> tuple[Doc[Any], int]:
    """Return a replica of the document, and the seq up to which it goes. Raises NotFound."""
    return snapshots.replica(document_id)


def begin_history(*, document_ids: Iterable[UUID]) -> int:
    """Let the log of these documents count as another history; returns how many there are. Call inside a transaction.

    For a log that no longer continues what browsers may hold a copy of: a backup was put back. After the commit every
    open room is closed; a browser that comes back is told another `generation` and loads anew instead of merging.
    """
    count = 0
    for some in _some_at_a_time(document_ids):
        count += Document.objects.filter(pk__in=some).update(generation=F("generation") + 1)
        for document_id in some:
            transaction.on_commit(partial(bus.publish, f"document:{document_id}", {"history": "begins"}))
    return count


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


def owners(document_id: UUID, client_ids: Iterable[int] | None = None) -> dict[int, UUID]:
    """Return {client id: principal}: of those of `client_ids` that somebody owns, or of all."""
    rows = DocumentWriter.objects.filter(document_id=document_id).values_list("client_id", "principal")
    if client_ids is None:
        return dict(rows)
    found: dict[int, UUID] = {}
    for some in _some_at_a_time(client_ids):
        found.update(rows.filter(client_id__in=some))
    return found


def _some_at_a_time(ids: Iterable[T]) -> Iterator[list[T]]:
    """Databases take only so many values in one question."""
    all_ids = list(ids)
    return (all_ids[at : at + 500] for at in range(0, len(all_ids), 500))


def refresh_words(*, document_id: UUID, words: int) -> None:
    """Store the count of words that lists show."""
    Document.objects.filter(pk=document_id).exclude(words=words).update(words=words)
