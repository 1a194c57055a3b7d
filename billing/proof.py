"""The proof of the ledger: everything that is stored twice is computed again from what cannot change, and compared."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    UUIDField,
    Value,
)
from django.db.models.functions import Abs, Coalesce, Left, Length

from billing import pricing
from billing.contracts import Books
from billing.models import (
    AccountKind,
    BudgetWindow,
    Hold,
    HoldState,
    Level,
    Lot,
    Rate,
    Transfer,
    TransferCode,
    UsageRecord,
    Wallet,
)
from billing.page import LATE
from billing.pricing import Tariff
from billing.statements import check


def books() -> Books:
    """Compute the books again. Has to be read from one snapshot: see `services.books`."""
    return Books(
        checks={
            "wallet balances = transfers": _balances(),
            "wallet holds = open holds": _difference(_stored(Wallet, "pk", "held_nano"), _sums(_open(), "wallet")),
            "lots = wallet balances": _lots(),
            "budget spending = captures": _difference(_stored(BudgetWindow, "pk", "spent_nano"), _spent()),
            "budget holds = open holds": _difference(_stored(BudgetWindow, "pk", "held_nano"), _held()),
            "usage = captures": _usage(),
            "usage = prices": _prices(),
            "holds = captures": _holds(),
            "statements = ledger": check.difference(),
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


def _held() -> "Counter[Any]":
    held: Counter[Any] = Counter()
    for level in Level.values if _open().exists() else ():
        held.update(_sums(_open(), f"{level}_window"))
    return held


def _spent() -> "Counter[Any]":
    """Return Σ usage, as it was corrected, by the counters in which its holds stand."""
    spent: Counter[Any] = Counter()
    late = Transfer.objects.filter(code=TransferCode.ADJUST, key__startswith="call:").annotate(
        hold=Left("key", Length("key") - len(LATE))
    )
    levels = set(BudgetWindow.objects.order_by().values_list("level", flat=True).distinct())
    for level in Level.values:
        if level in levels:
            spent.update(_by_window(UsageRecord.objects.all(), "key", level))
            spent.update(_by_window(late.filter(debit__kind=AccountKind.WALLET), "hold", level))
            spent.subtract(_by_window(late.filter(credit__kind=AccountKind.WALLET), "hold", level))
    return spent


def _by_window(rows: QuerySet[Any], key: str, level: str) -> "Counter[Any]":
    """Return Σ amount by the counter of a level in which the hold of this key stands."""
    stands_in = Subquery(Hold.objects.filter(key=OuterRef(key)).values(f"{level}_window"), output_field=UUIDField())
    return _sums(rows.annotate(stands_in=stands_in), "stands_in")


def _lots() -> int:
    """What is left of the credits of a wallet is its balance; nothing, when that is a debt."""
    left = Lot.objects.filter(remaining_nano__gt=0).order_by().values("wallet").annotate(left=Sum("remaining_nano"))
    balances = Counter({pk: max(nano, 0) for pk, nano in _stored(Wallet, "pk", "balance_nano").items()})
    return _difference(balances, Counter(dict(left.values_list("wallet", "left"))))


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


def _prices() -> int:
    """Price all usage again, card by card, with what the cards say now: a card never changes."""
    rates: dict[UUID, dict[tuple[str, int], int]] = {}
    used = UsageRecord.objects.order_by().values("rate_card").distinct()
    known = Rate.objects.filter(card__in=used)
    for card, meter, start, pico in known.values_list("card", "meter", "from_tokens", "pico_per_token"):
        rates.setdefault(card, {})[meter, start] = pico
    return sum(
        _priced(UsageRecord.objects.filter(rate_card=card), pricing.tariff_of_rates(prices))
        for card, prices in rates.items()
    )


def _priced(records: QuerySet[Any], tariff: Tariff) -> int:
    """Return Σ |what was charged and what was not − the price|. Integers divide without a rest in both databases."""
    into = F("input_tokens") + F("cache_read_tokens") + F("cache_write_tokens")
    starts, off = tariff.starts(), 0
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        prices = tariff.at(start).by_meter()
        pico = sum(
            (F(f"{meter}_tokens") * Value(price, BigIntegerField()) for meter, price in prices.items()), Value(500)
        )
        price = ExpressionWrapper(pico / Value(1000), BigIntegerField())
        some = records.alias(into=into).filter(into__gte=start)
        off += _total(
            some if end is None else some.filter(into__lt=end), Abs(F("amount_nano") + F("uncharged_nano") - price)
        )
    return off


def _holds() -> int:
    """Compare what each hold says that it was charged. What expired and was paid late stands in the usage alone; what
    was given back has nothing, and no usage is without its hold.
    """
    given_back = Hold.objects.exclude(state__in=[HoldState.CAPTURED, HoldState.EXPIRED])
    without = UsageRecord.objects.exclude(Exists(Hold.objects.filter(key=OuterRef("key"))))
    return (
        _apart(Hold.objects.exclude(state=HoldState.EXPIRED), "captured_nano")
        + _total(given_back, F("captured_nano"))
        + _total(without, F("amount_nano") + F("uncharged_nano"))
    )


def _apart(rows: QuerySet[Any], amount: str) -> int:
    """Return Σ |amount − transfer of the same key|."""
    booked = Subquery(_captures().filter(key=OuterRef("key")).values("amount_nano"))
    return _total(rows.annotate(booked=Coalesce(booked, 0)), Abs(F(amount) - F("booked")))


def _total(rows: QuerySet[Any], expression: Any) -> int:
    return int(rows.order_by().aggregate(total=Sum(expression))["total"] or 0)
