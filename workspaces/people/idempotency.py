"""Answers to POSTs, kept for a day: the same request, sent again because its answer was lost, gets the same answer.

reserve ──► perform ──► finish (2xx, 3xx)     the row holds the answer for 24 h
                   └──► release (error)       nothing was done: the next try is performed afresh

The row is written before the request is performed, so of two at once one is answered and the other hears "in progress".
A process that dies in between leaves a row without an answer; after `TAKEN_OVER_AFTER` the request is performed again,
under the same row id. Verbs that must not happen twice use that id as their own key.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from workspaces.people.models import StoredAnswer
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, IdempotencyMismatch

KEPT_FOR = timedelta(hours=24)
TAKEN_OVER_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A request about to be performed (`status` None), or one that was, with its answer."""

    id: UUID
    status: int | None = None
    body: Any = None


def reserve(*, caller: UUID, key: str, path: str, body_hash: str) -> Reservation:
    """Return the stored answer, or a reservation to perform the request under.

    Raises IdempotencyMismatch when the key was used with another body, Conflict while the first request is on its way.
    """
    _sweep()
    try:
        with transaction.atomic():
            row = StoredAnswer.objects.create(caller=caller, key=key, path=path, body_hash=body_hash)
        return Reservation(id=row.pk)
    except IntegrityError:
        pass  # the key is known
    found = StoredAnswer.objects.filter(caller=caller, key=key, path=path).first()
    if found is None:
        raise Conflict(_("A request with this Idempotency-Key has just failed; please send it again."))
    if found.body_hash != body_hash:
        raise IdempotencyMismatch(_("This Idempotency-Key was used with another body."))
    if found.status is None:
        return _take_over(found)
    return Reservation(id=found.pk, status=found.status, body=found.body)


def _sweep() -> None:
    old = StoredAnswer.objects.filter(created_at__lt=now() - KEPT_FOR)
    if old.exists():  # a look costs nothing, an empty DELETE would take SQLite's write lock
        old.delete()


def _take_over(row: StoredAnswer) -> Reservation:
    """Continue a request whose process has died; compare-and-set, so only one caller does."""
    won = StoredAnswer.objects.filter(
        pk=row.pk, status=None, created_at=row.created_at, created_at__lt=now() - TAKEN_OVER_AFTER
    ).update(created_at=now())
    if not won:
        raise Conflict(_("A request with this Idempotency-Key is still being answered."))
    return Reservation(id=row.pk)


def finish(reservation: Reservation, *, status: int, body: Any) -> None:
    """Keep the answer of a request that was performed."""
    StoredAnswer.objects.filter(pk=reservation.id).update(status=status, body=body)


def release(reservation: Reservation) -> None:
    """Forget a request that failed: it has changed nothing and may be sent again."""
    StoredAnswer.objects.filter(pk=reservation.id, status=None).delete()
