"""The books, computed again when an operator looks."""

import time
from typing import Any

from billing import services
from wukong.kernel.clock import now
from wukong.kernel.money import format_amount


def context() -> dict[str, Any]:
    """Run all checks on one snapshot; returns what templates/admin/books.html shows."""
    at, began = now(), time.perf_counter()
    books = services.books()
    return {
        "at": at,
        "seconds": f"{time.perf_counter() - began:.2f}",
        "checks": [(name, format_amount(nano), nano == 0) for name, nano in books.checks.items()],
        "difference": format_amount(books.difference_nano),
        "closes": books.difference_nano == 0,
        "transfers": books.transfers,
        "holds": books.holds,
    }
