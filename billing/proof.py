"""The proof of the ledger: everything that is stored twice is computed again from what cannot change, and compared."""

from collections import Counter
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Abs, Coalesce

from billing.contracts import Books
from billing.models import BudgetWindow, Hold, HoldState, Transfer, TransferCode, UsageRecord, Wallet


def books() -> Books:
    """Compute the books again. Has to be read from one snapshot: see `services.books`."""
    return Books(
        checks={
            "debits = credits": abs(sum(_entries().values())),
            "wallet balances = transfers": _balances(),
            "wallet holds = open holds": _difference(_stored(Wallet, "pk", "held_nano"), _sums(_open(), "wallet")),
            "run spending = captures": _difference(_windows("spent_nano"), _sums(_captures(), "run")),
            "run holds = open holds": _difference(_windows("held_nano"), _sums(_open(), "run")),
            "usage = captures": _usage(),
            "holds = captures": _holds(),
        },
        transfers=Transfer.objects.count(),
        holds=Hold.objects.count(),
    )


def _captures() -> QuerySet[Transfer]:
    return Transfer.objects.filter(code=TransferCode.CAPTURE)


def _open() -> QuerySet[Hold]:
    return Hold.objects.pending()


def _stored(model: type[Wallet] | type[BudgetWindow], key: str, field: str) -> "Counter[Any]":
    return Counter(dict(model._default_manager.values_list(key, field)))


def _windows(field: str) -> "Counter[Any]":
    return _stored(BudgetWindow, "scope_id", field)


def _sums(rows: QuerySet[Any], by: str) -> "Counter[Any]":
    """Return Σ amount by a column; NULLs are left out."""
    found = rows.exclude(**{by: None}).order_by().values(by).annotate(total=Sum("amount_nano"))
    return Counter(dict(found.values_list(by, "total")))


def _difference(stored: "Counter[Any]", computed: "Counter[Any]") -> int:
    return sum(abs(stored[key] - computed[key]) for key in stored.keys() | computed.keys())


def _entries() -> "Counter[Any]":
    """Return credits minus debits of each account."""
    balance = _sums(Transfer.objects.all(), "credit")
    balance.subtract(_sums(Transfer.objects.all(), "debit"))
    return balance


def _balances() -> int:
    stored, entries = _stored(Wallet, "pk", "balance_nano"), _entries()
    return _difference(stored, Counter({wallet: entries[wallet] for wallet in stored}))


def _usage() -> int:
    """Compare call by call, in the database: a sum could hide two errors that cancel out."""
    without = _captures().exclude(Exists(UsageRecord.objects.filter(key=OuterRef("key"))))
    return _apart(UsageRecord.objects.all(), "amount_nano") + _total(without, F("amount_nano"))


def _holds() -> int:
    """What expired and was paid late stands in the usage, not in the hold."""
    return _apart(Hold.objects.exclude(state=HoldState.EXPIRED), "captured_nano")


def _apart(rows: QuerySet[Any], amount: str) -> int:
    """Return Σ |amount − transfer of the same key|."""
    booked = Subquery(_captures().filter(key=OuterRef("key")).values("amount_nano"))
    return _total(rows.annotate(booked=Coalesce(booked, 0)), Abs(F(amount) - F("booked")))


def _total(rows: QuerySet[Any], expression: Any) -> int:
    return int(rows.order_by().aggregate(total=Sum(expression))["total"] or 0)
