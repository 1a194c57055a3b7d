"""A bill as rows and back, and the hash of what it says."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, cast

from billing.contracts import Meter
from billing.models.statements import MeterReading, Statement, StatementLine
from billing.statements.bill import Bill, Line, Moved, NotCharged


def write(bill: Bill, *, number: str, at: datetime) -> Statement:
    """Insert a bill as a statement, with its lines and readings; has to be called in a transaction."""
    issued = replace(bill, number=number, issued_at=at)
    statement = Statement.objects.create(
        workspace_id=bill.workspace_id,
        issued_to=bill.issued_to,
        month=bill.month,
        number=number,
        currency=bill.currency,
        time_zone=bill.time_zone,
        period_start=bill.period_start,
        period_end=bill.period_end,
        opening_nano=bill.opening_nano,
        closing_nano=bill.closing_nano,
        total_nano=bill.total_nano,
        carry_in_nano=bill.carry_in_nano,
        carry_nano=bill.carry_nano,
        tax_percent=bill.tax_percent,
        tax_nano=bill.tax_nano,
        opening_reading=bill.opening_reading,
        closing_reading=bill.closing_reading,
        entries=bill.entries,
        movements=[_plain(moved) for moved in bill.movements],
        not_charged=[_plain(entry) for entry in bill.not_charged],
        issued_at=at,
        sha256=hash_of(issued),
    )
    StatementLine.objects.bulk_create(
        StatementLine(
            statement=statement,
            place=place,
            model=line.model,
            meter=line.meter,
            rate_card_id=line.rate_card,
            from_tokens=line.from_tokens,
            opening_reading=line.opening_reading,
            closing_reading=line.closing_reading,
            tokens=line.tokens,
            calls=line.calls,
            pico_per_token=line.pico_per_token,
            amount_nano=line.amount_nano,
        )
        for place, line in enumerate(bill.lines, 1)
    )
    MeterReading.objects.bulk_create(
        MeterReading(workspace_id=bill.workspace_id, model=model, meter=meter, at=bill.period_end, reading=reading)
        for (model, meter), reading in bill.closing_readings.items()
    )
    return statement


def read(statement: Statement) -> Bill:
    """Return a statement as the bill that was issued."""
    lines = statement.lines.select_related("rate_card").order_by("place")
    return Bill(
        workspace_id=statement.workspace_id,
        issued_to=statement.issued_to,
        month=statement.month,
        currency=statement.currency,
        time_zone=statement.time_zone,
        period_start=statement.period_start,
        period_end=statement.period_end,
        opening_nano=statement.opening_nano,
        carry_in_nano=statement.carry_in_nano,
        opening_reading=statement.opening_reading,
        lines=[
            Line(
                model=line.model,
                meter=cast("Meter", line.meter),
                rate_card=line.rate_card_id,
                card_version=line.rate_card.version,
                card_from=line.rate_card.effective_from,
                from_tokens=line.from_tokens,
                opening_reading=line.opening_reading,
                tokens=line.tokens,
                calls=line.calls,
                pico_per_token=line.pico_per_token,
                amount_nano=line.amount_nano,
            )
            for line in lines
        ],
        movements=[
            Moved(**{**moved, **{name: datetime.fromisoformat(moved[name]) for name in ("first_at", "last_at")}})
            for moved in statement.movements
        ],
        not_charged=[NotCharged(**entry) for entry in statement.not_charged],
        entries=statement.entries,
        tax_percent=statement.tax_percent,
        tax_nano=statement.tax_nano,
        number=statement.number,
        issued_at=statement.issued_at,
        sha256=statement.sha256,
    )


def hash_of(bill: Bill) -> str:
    """Return the SHA-256 of all that a bill says, its sums too, as JSON with sorted keys."""
    said = asdict(replace(bill, sha256="")) | {
        "total_nano": bill.total_nano,
        "carry_nano": bill.carry_nano,
        "closing_nano": bill.closing_nano,
        "closing_reading": bill.closing_reading,
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(entry: Moved | NotCharged) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(entry).items()
    }


def _text(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
