"""A statement as PDF by Typst, where it is installed (requirements-pdf.txt)."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from billing.pages.bill_page import Sheet
from wukong.kernel.errors import Invalid

TEMPLATE = Path(__file__).parent / "statement.typ"
FONTS = settings.BASE_DIR / "static" / "fonts"
"""Inter as two plain weights, because Typst does not read the WOFF2 files of the pages."""


@cache
def is_installed() -> bool:
    """Return whether this installation can make PDFs."""
    return find_spec("typst") is not None


def to_pdf(sheet: Sheet) -> bytes:
    """Return what the page of a statement shows as PDF; raises Invalid where Typst is not installed."""
    if not is_installed():
        raise Invalid(_("This server makes no PDFs. Print the page, or ask the operators for requirements-pdf.txt."))
    import typst  # noqa: PLC0415 - 80 MB that not every installation has

    made: bytes = typst.compile(
        TEMPLATE, sys_inputs={"data": json.dumps(_data(sheet))}, font_paths=[FONTS], ignore_system_fonts=True
    )
    return made


def _data(sheet: Sheet) -> dict[str, object]:
    bill = sheet.bill
    facts = [[_("For"), bill.issued_to]]
    if sheet.is_issued:
        facts += [[_("Number"), bill.number], [_("Issued"), sheet.issued]]
    return {
        "title": sheet.title,
        "number": bill.number or sheet.key,
        "period": sheet.period,
        "so_far": "" if sheet.is_issued else _("So far: this month is not closed"),
        "total": sheet.total,
        "facts": facts,
        "readings": [
            [_("Opening reading"), f"{bill.opening_reading:,}", sheet.opened],
            [_("Closing reading"), f"{bill.closing_reading:,}", sheet.closed],
            [_("Consumption"), f"{bill.tokens:,}", _("tokens, closing minus opening")],
        ],
        "columns": [
            _("Model and kind"),
            _("Tokens"),
            _("%(currency)s per million") % {"currency": sheet.currency},
            _("Amount, %(currency)s") % {"currency": sheet.currency},
        ],
        "lines": _lines(sheet),
        "sum": [_("Consumption"), f"{bill.tokens:,}", "", sheet.total],
        "rests": [[row.name, row.amount] for row in [*sheet.carries, *([sheet.tax] if sheet.tax else [])]],
        "free": [[row.name, row.note, f"{row.tokens:,}", row.amount] for row in sheet.not_charged],
        "balance": [
            [row.name, row.note, row.amount] for row in [sheet.opening, *sheet.credits, sheet.charged, sheet.closing]
        ],
        "words": {"total": _("Total"), "not_charged": _("Not charged"), "balance": _("Balance")},
        "proof": _("Compared with the ledger: %(n)s entries, difference %(apart)s")
        % {"n": f"{sheet.proof.entries:,}", "apart": sheet.apart},
        "rounding": _("The sum is rounded once."),
        "hash": f"SHA-256 {bill.sha256}" if bill.sha256 else "",
    }


def _lines(sheet: Sheet) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for group in sheet.groups:
        cells = [group.name, f"{group.tokens:,}", "", group.amount]
        found.append({"kind": "group", "note": group.tariff, "cells": cells})
        found += [
            {"kind": "line", "note": "", "cells": [row.name, f"{row.tokens:,}", row.price, row.amount]}
            for row in group.rows
        ]
    found += [{"kind": "group", "note": row.note, "cells": [row.name, "", "", row.amount]} for row in sheet.corrections]
    return found
