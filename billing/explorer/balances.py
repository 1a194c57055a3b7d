"""The balance after each movement. It is stored nowhere: what came later is taken off what the wallet has now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Subquery, Sum, When, Window
from django.db.models.functions import Coalesce

from billing.models import Transfer, Wallet

CHUNK = 1000
_SHOWN = (
    *("pk", "booked_at", "code", "currency", "note"),
    *("project", "run", "step", "call", "swarm", "agent", "model"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement as its wallet sees it: `signed_nano` came in or (negative) went out, `balance_nano` was then there.

    Movements are in the order of their ids, which rise with time. `transfer` is the row, or what of it is shown.
    """

    transfer: Any
    signed_nano: int
    balance_nano: int

    @property
    def before_nano(self) -> int:
        return self.balance_nano - self.signed_nano


def page(workspace_id: UUID, rows: QuerySet[Transfer], most: int) -> list[Entry]:
    """Return at most so many movements of a workspace, newest first."""
    return _entries(workspace_id, _shown(rows)[:most], None)


def stream(workspace_id: UUID, rows: QuerySet[Transfer]) -> Iterator[Entry]:
    """Yield movements of a workspace, newest first, some at a time: each part goes on where one ended."""
    above: Entry | None = None
    while True:
        part = rows if above is None else rows.filter(pk__lt=above.transfer.pk)
        found = _entries(workspace_id, _shown(part)[:CHUNK], above)
        yield from found
        if len(found) < CHUNK:
            return
        above = found[-1]


def entry_of(transfer: Transfer) -> Entry:
    """Return one movement."""
    return _entries(transfer.workspace_id, [transfer], None)[0]


def _shown(rows: QuerySet[Transfer]) -> Any:
    """Return what is shown of the rows: to build whole ones would take twice as long."""
    return rows.order_by("-pk").values_list(*_SHOWN, named=True)


def _entries(workspace_id: UUID, rows: Sequence[Any], above: Entry | None) -> list[Entry]:
    """Return rows (newest first) with their balances; `above` is an entry over the first, from which it goes on down.

    Reads the index from the last of `rows` up to `above`, or to now.
    """
    ids = [row.pk for row in rows]
    if not ids:
        return []
    signed = _signed(workspace_id)
    ours: QuerySet[Any] = Transfer.objects.filter(workspace_id=workspace_id)
    top = _balance_after(workspace_id, ids[0]) if above is None else above.before_nano
    between = ours.filter(pk__gte=ids[-1])
    between = between.filter(pk__lte=ids[0]) if above is None else between.filter(pk__lt=above.transfer.pk)
    found = between.annotate(signed=signed, since=Window(Sum(signed), order_by=F("pk").desc()))
    # The window in an OR is what lets the ids be looked for after the sums: by themselves they would be before them.
    sums = found.filter(Q(pk__in=ids) | Q(since=None)).order_by().values_list("pk", "signed", "since")
    known = {pk: (sign, int(since)) for pk, sign, since in sums}
    return [
        Entry(transfer=row, signed_nano=known[row.pk][0], balance_nano=top - known[row.pk][1] + known[row.pk][0])
        for row in rows
    ]


def _balance_after(workspace_id: UUID, transfer_id: UUID) -> int:
    """Return what a wallet had after a movement; of one moment, in one statement."""
    newer = Transfer.objects.filter(workspace_id=workspace_id, pk__gt=transfer_id).order_by().values("workspace_id")
    since = Subquery(newer.annotate(sum=Sum(_signed(workspace_id))).values("sum"), output_field=BigIntegerField())
    wallet = Wallet.objects.filter(workspace_id=workspace_id)
    now, moved = wallet.values_list("balance_nano", Coalesce(since, 0)).get()
    return int(now - moved)


def _signed(workspace_id: UUID) -> Case:
    account = Wallet.objects.values_list("pk", flat=True).get(workspace_id=workspace_id)
    return Case(
        When(debit_id=account, then=-F("amount_nano")), default=F("amount_nano"), output_field=BigIntegerField()
    )
