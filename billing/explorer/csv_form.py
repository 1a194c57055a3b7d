"""Movements as CSV: a line each, exact amounts, written while they are read."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from billing.explorer.balances import Entry
from billing.spreadsheet import harmless
from wukong.kernel.money import format_amount

COLUMNS = (
    "booked_at",
    "code",
    "amount",
    "balance",
    "currency",
    "project",
    "project_id",
    "run",
    "step",
    "call",
    "swarm",
    "agent",
    "model",
    "note",
    "id",
)


class _Echo:
    """A file whose `write` gives back what it was given: csv.writer hands it on."""

    def write(self, text: str) -> str:
        return text


def to_csv(entries: Iterable[Entry], names: Mapping[UUID, str]) -> Iterator[str]:
    """Yield lines of CSV (RFC 4180, UTF-8), newest first, the names of the columns before them.

    `amount` is positive for what came in and negative for what went out, `balance` what was there after it. `names` are
    the projects that the reader may see.
    """
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        yield writer.writerow([harmless(value) for value in _row(entry, names)])


def _row(entry: Entry, names: Mapping[UUID, str]) -> tuple[str, ...]:
    row = entry.transfer
    ids = [str(one or "") for one in (row.project, row.run, row.step, row.call)]
    return (
        row.booked_at.isoformat(),
        row.code,
        format_amount(entry.signed_nano),
        format_amount(entry.balance_nano),
        row.currency,
        names.get(row.project, "") if row.project else "",
        *ids,
        row.swarm,
        row.agent,
        row.model,
        row.note,
        str(row.pk),
    )
