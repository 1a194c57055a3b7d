"""A provider's export of usage as CSV: read, each request once, summed by model and day. Pure."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from billing.truth.contracts import Exported

NEEDED = ("day", "model", "input_tokens", "output_tokens")
OPTIONAL = ("requests", "request_id", "cost")


class Unreadable(ValueError):
    """The file is no such export: which line, and why."""


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    tokens: int = 0
    cost_nano: int | None = None


def read(lines: Iterable[str]) -> list[Exported]:
    """Return what an export has by day and model, in order. Raises Unreadable.

    The first line names the columns, in any order: `day` (2026-01-31, or a moment that begins so, of UTC), `model` (as
    calls name it), `input_tokens` (all of them, cached too), `output_tokens` (with reasoning); optional `requests` (1
    if there is none), `request_id` (a request that comes twice counts once), `cost` (a decimal number). Others are
    passed over.
    """
    reader = csv.DictReader(lines)
    if missing := [name for name in NEEDED if name not in (reader.fieldnames or [])]:
        raise Unreadable(f"line 1: no column {', '.join(missing)}")
    sums: dict[tuple[date, str], _Sum] = {}
    seen: set[str] = set()
    for row in reader:
        request = (row.get("request_id") or "").strip()
        if request in seen:
            continue
        if request:
            seen.add(request)
        try:
            _add(sums, row)
        except (ValueError, InvalidOperation, TypeError, AttributeError) as error:
            raise Unreadable(f"line {reader.line_num}: {error}") from None
    return [
        Exported(day=day, model=model, requests=one.requests, tokens=one.tokens, cost_nano=one.cost_nano)
        for (day, model), one in sorted(sums.items())
    ]


def _add(sums: dict[tuple[date, str], _Sum], row: dict[str, str]) -> None:
    place = date.fromisoformat(row["day"].strip()[:10]), row["model"].strip()
    tokens, requests = _whole(row["input_tokens"]) + _whole(row["output_tokens"]), _whole(row.get("requests") or "1")
    cost = (row.get("cost") or "").strip()
    nano = int(Decimal(cost).scaleb(9).to_integral_value()) if cost else None
    one = sums.setdefault(place, _Sum())
    one.requests += requests
    one.tokens += tokens
    if nano is not None:
        one.cost_nano = (one.cost_nano or 0) + nano


def _whole(text: str) -> int:
    number = int(text.strip().replace(",", ""))
    if number < 0:
        raise ValueError(f"{text} is below 0")
    return number
