"""A bill as CSV: one table, exact amounts, rows told apart by their first column."""

import csv
import io
from collections.abc import Iterator

from billing.spreadsheet import harmless
from billing.statements.bill import Bill
from wukong.kernel.money import format_amount

COLUMNS = (
    "row",
    "what",
    "meter",
    "tariff",
    "from_tokens",
    "opening_reading",
    "closing_reading",
    "tokens",
    "entries",
    "price_per_million",
    "amount",
    "currency",
)


def to_csv(bill: Bill) -> str:
    """Return a bill as CSV (RFC 4180, UTF-8). Σ amount of `line` and `correction` + `carried in` = `total` + `carried
    out`; amounts of `balance` rows begin and end with the ledger's balances.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in _rows(bill):
        writer.writerow([harmless(row.get(name, "")) for name in COLUMNS])
    return out.getvalue()


def _rows(bill: Bill) -> Iterator[dict[str, str | int]]:
    def amount(nano: int) -> dict[str, str]:
        return {"amount": format_amount(nano), "currency": bill.currency}

    for name, text in (
        ("number", bill.number),
        ("issued to", bill.issued_to),
        ("period start", bill.period_start.isoformat()),
        ("period end", bill.period_end.isoformat()),
        ("time zone", bill.time_zone),
        ("sha256", bill.sha256),
    ):
        yield {"row": name, "what": text}
    yield {
        "row": "reading",
        "what": "all meters",
        "opening_reading": bill.opening_reading,
        "closing_reading": bill.closing_reading,
        "tokens": bill.tokens,
    }
    for line in bill.lines:
        yield {
            "row": "line",
            "what": line.model,
            "meter": line.meter,
            "tariff": line.card_version,
            "from_tokens": line.from_tokens,
            "opening_reading": line.opening_reading,
            "closing_reading": line.closing_reading,
            "tokens": line.tokens,
            "entries": line.calls,
            "price_per_million": format_amount(line.pico_per_token * 1000),
            **amount(line.amount_nano),
        }
    for moved in bill.corrections:
        yield {"row": "correction", "what": moved.code, "entries": moved.entries, **amount(-moved.amount_nano)}
    yield {"row": "carried in", **amount(bill.carry_in_nano)}
    yield {"row": "total", "tokens": bill.tokens, **amount(bill.total_nano)}
    yield {"row": "carried out", **amount(bill.carry_nano)}
    if bill.tax_nano:
        yield {"row": "tax", "what": f"{bill.tax_percent} %", **amount(bill.tax_nano)}
    for entry in bill.not_charged:
        yield {"row": "not charged", "what": entry.kind, "tokens": entry.tokens, "entries": entry.calls, **amount(0)}
    yield {"row": "balance", "what": "opening", **amount(bill.opening_nano)}
    for moved in bill.credits:
        yield {"row": "balance", "what": moved.code, "entries": moved.entries, **amount(moved.amount_nano)}
    yield {"row": "balance", "what": "charged", **amount(-bill.charged_nano)}
    yield {"row": "balance", "what": "closing", "entries": bill.entries, **amount(bill.closing_nano)}
