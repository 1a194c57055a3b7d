"""`manage.py reconcile [--days N] [--export FILE]`."""

import sys
from collections.abc import Sequence
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import services
from billing.truth import export
from billing.truth.contracts import Exported, Reconciliation
from wukong.kernel.clock import now
from wukong.kernel.money import format_amount

_HEAD = ("day", "model", "calls", "both", "own tokens", "provider", "drift", "charged", "transfers", "")
_EXPORT_HEAD = ("day", "model", "requests", "calls", "export tokens", "recorded", "drift", "cost", "")


class Command(BaseCommand):
    help = (
        "Put what providers counted, what we counted and what the ledger moved beside each other, by day (UTC) and "
        "model. Exit code 1 when counts drift apart further than WUKONG_DRIFT_PERCENT, or usage and transfers differ. "
        "Nothing is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=7, help="how many days, today is the last (default 7)")
        parser.add_argument(
            "--export",
            metavar="FILE",
            help="the provider's usage as CSV with a line of names: day, model, input_tokens, output_tokens; "
            "optional requests, request_id, cost",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 400:
            raise CommandError("--days is 1 to 400.")
        last = now().astimezone(UTC).date()
        exported = _read(options["export"]) if options["export"] else []
        found = services.reconcile(last - timedelta(days=options["days"] - 1), last, exported)
        self.stdout.write(_table(_HEAD, _rows(found)))
        if options["export"]:
            self.stdout.write("")
            self.stdout.write(_table(_EXPORT_HEAD, _export_rows(found)))
        self.stdout.write(f"drift over {_percent(found.limit_bp)}: {len(found.drifting)}")
        self.stdout.write(f"usage and transfers: {found.apart_nano} nano apart")
        if options["export"]:
            self.stdout.write(f"export and records: {sum(one.is_apart for one in found.compared)} apart")
        if not found.is_clean:
            sys.exit(1)


def _read(name: str) -> list[Exported]:
    try:
        with Path(name).open(newline="", encoding="utf-8-sig") as lines:
            return export.read(lines)
    except (OSError, UnicodeDecodeError, export.Unreadable) as error:
        raise CommandError(f"{name}: {error}") from None


def _rows(found: Reconciliation) -> list[Sequence[str]]:
    return [
        (
            str(row.day),
            row.model,
            str(row.calls),
            str(row.counted),
            str(row.own_tokens),
            str(row.provider_tokens),
            _percent(row.drift_bp),
            f"{format_amount(row.amount_nano)} {row.currency}",
            f"{format_amount(row.booked_nano)} {row.currency}",
            " ".join([*(["drift"] if row in found.drifting else []), *(["differs"] if row.apart_nano else [])]),
        )
        for row in found.rows
    ]


def _export_rows(found: Reconciliation) -> list[Sequence[str]]:
    return [
        (
            str(one.exported.day),
            one.exported.model,
            str(one.exported.requests),
            str(one.calls),
            str(one.exported.tokens),
            str(one.recorded_tokens),
            _percent(one.drift_bp),
            "" if one.exported.cost_nano is None else format_amount(one.exported.cost_nano),
            "differs" if one.is_apart else "",
        )
        for one in found.compared
    ]


def _percent(basis_points: int | None) -> str:
    return "–" if basis_points is None else f"{basis_points // 100}.{basis_points % 100:02d} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns; names to the left, figures to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place < 2 or place == len(head) - 1 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    )
