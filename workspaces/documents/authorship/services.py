"""Brings the stored projection of a document up to the head of its log. Off the write path: no writer waits for it."""

import logging
import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, Subquery

from workspaces.documents.authorship import state
from workspaces.documents.authorship.book import Book, Row
from workspaces.documents.models import Document, DocumentAuthorship, DocumentUpdate
from workspaces.documents.protocol import Malformed
from wukong.kernel import committer
from wukong.kernel.clock import now

REQUEST_S: Final = 2.0  # what a reader waits at most; the answer says how far it goes
TIDY_S: Final = 1.0  # at a stretch while people edit: the next time goes on
_SLICE: Final = 500  # rows that are read at once
_WORTH_STORING: Final = 200  # rows: below, reading them again is cheaper than writing
_log = logging.getLogger("wukong.authorship")


def project(document_id: UUID, *, seconds: float | None = None) -> Book:
    """Return who wrote what, up to the head of the log, or as far as `seconds` go; `book.seq` says how far.

    Stores what it has gained, so that nobody does it again. Waits for the committer: never call it from a job. A
    document that is gone gives an empty book.
    """
    began = time.monotonic()
    book = _stored(document_id)
    known = book.seq
    for seq, row in _rows(document_id, known):
        try:
            book.apply(seq, row)
        except Malformed:  # rows from before a rule of the gate; the document has them, whatever they are
            _log.exception("row %s of %s cannot be read", seq, document_id)
        if seconds is not None and time.monotonic() - began > seconds:
            break
    if book.seq - known >= (1 if seconds is None else _WORTH_STORING):
        data = state.dump(book)
        committer.run(lambda: _store(document_id, book.seq, data))
    return book


def _stored(document_id: UUID) -> Book:
    """Return the book that is stored; an empty one if there is none, or one of other rules, or of another log."""
    stored = DocumentAuthorship.objects.filter(document_id=document_id, version=state.VERSION)
    row = stored.filter(seq__lte=F("document__head_seq")).first()
    if row is None:
        return Book()
    try:
        return state.load(bytes(row.state))
    except Malformed:
        _log.exception("the authorship of %s cannot be read and is made anew", document_id)
        return Book()


def _rows(document_id: UUID, seq: int) -> Iterator[tuple[int, Row]]:
    names = ("seq", "data", "client_id", "principal", "kind", "at", "call", "cut", "carries")
    while True:
        rows = list(DocumentUpdate.objects.since(document_id, seq).values_list(*names)[:_SLICE])
        for seq, data, client_id, principal, kind, at, call, cut, carries in rows:
            yield (
                seq,
                Row(
                    data=bytes(data),
                    client_id=client_id,
                    principal=principal,
                    kind=kind,
                    at=int(at.timestamp()),
                    call=call,
                    cut=cut,
                    carries=carries,
                ),
            )
        if len(rows) < _SLICE:
            return


def _store(document_id: UUID, seq: int, data: bytes) -> None:
    """Store a projection unless a newer one is there. A job of the committer."""
    values = {"seq": seq, "version": state.VERSION, "state": data, "updated_at": now()}
    of_document = DocumentAuthorship.objects.filter(document_id=document_id)
    head = Document.objects.filter(pk=document_id).values("head_seq")
    if of_document.filter(Q(seq__lt=seq) | ~Q(version=state.VERSION) | Q(seq__gt=Subquery(head))).update(**values):
        return
    if not of_document.exists() and head.exists():
        try:
            with transaction.atomic():
                DocumentAuthorship.objects.create(document_id=document_id, **values)
        except IntegrityError:
            return  # somebody else was first, or the document is gone
