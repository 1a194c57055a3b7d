"""Building a bill from the ledger: which entries of a period make which lines."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing import cards, periods, pricing
from billing.contracts import METERS
from billing.models import AccountKind, RateCard, Transfer, TransferCode, UsageRecord
from billing.statements import tax
from billing.statements.bill import Bill, Line, MeterKey, Moved, NotCharged, NotChargedKind, Opening, first_of_next
from workspaces.people.models import Workspace

SLACK = timedelta(days=1)
"""Usage is booked within a day of when it happened: how far to look for it by the index on when it happened."""
ALL_TOKENS = sum((F(name) for name in UsageRecord.METERS[1:]), F(UsageRecord.METERS[0]))


@dataclass(slots=True)
class _Sums:
    """The five meters of one model under one tier of a rate card."""

    tokens: list[int] = field(default_factory=lambda: [0] * len(METERS))
    calls: list[int] = field(default_factory=lambda: [0] * len(METERS))
    amounts: list[int] = field(default_factory=lambda: [0] * len(METERS))


def build(workspace: Workspace, opening: Opening) -> Bill:
    """Return the bill of the month that begins with `opening`, of what was booked until now or the end of the month.

    What a call was charged is shared out over its meters by what each alone would cost, so that the lines of a bill
    make up its captures to the nano-unit.
    """
    end = end_of(workspace, opening)
    transfers = booked(workspace.pk, opening.start, end)
    lines = _lines(charged(workspace.pk, opening.start, end), opening)
    bill = Bill(
        workspace_id=workspace.pk,
        issued_to=workspace.name,
        month=opening.month,
        currency=workspace.currency,
        time_zone=workspace.time_zone,
        period_start=opening.start,
        period_end=end,
        opening_nano=opening.balance_nano,
        carry_in_nano=opening.carry_nano,
        opening_reading=opening.reading,
        lines=lines,
        movements=_movements(transfers),
        not_charged=_not_charged(workspace.pk, opening.start, end),
        entries=transfers.count(),
        tax_percent="0",
        tax_nano=0,
    )
    return _taxed(bill)


def end_of(workspace: Workspace, opening: Opening) -> datetime:
    """Return where the month of an opening ends in the workspace's time zone."""
    return periods.midnight(first_of_next(opening.month), ZoneInfo(workspace.time_zone))


def booked(workspace_id: UUID, start: datetime, end: datetime) -> QuerySet[Transfer]:
    """Return the entries of a period [start, end): a period closes on when something was booked."""
    return Transfer.objects.filter(workspace_id=workspace_id, booked_at__gte=start, booked_at__lt=end)


def charged(workspace_id: UUID, start: datetime, end: datetime) -> QuerySet[Any]:
    """Return the usage that was charged in a period, by when its entry was booked; what cost nothing has none."""
    booked_at = Transfer.objects.filter(key=OuterRef("key"), code=TransferCode.CAPTURE).values("booked_at")[:1]
    found: QuerySet[Any] = (
        _around(workspace_id, start, end)
        .charged()
        .annotate(booked_at=Coalesce(Subquery(booked_at), F("created_at")))
        .filter(booked_at__gte=start, booked_at__lt=end)
    )
    return found


def _around(workspace_id: UUID, start: datetime, end: datetime) -> Any:
    return UsageRecord.objects.between(workspace_id, start - SLACK, end + SLACK)


def _lines(records: QuerySet[Any], opening: Opening) -> list[Line]:
    sums: dict[tuple[str, UUID, int], _Sums] = defaultdict(_Sums)
    rows = records.order_by().values_list("model", "rate_card_id", "amount_nano", *UsageRecord.METERS)
    for model, card, amount, *tokens in rows.iterator(chunk_size=5000):
        tier, parts = pricing.by_meter_nano(cards.tariff_of_card(card), tokens, amount)
        into = sums[model, card, tier]
        for place, part in enumerate(parts):
            if tokens[place]:
                into.tokens[place] += tokens[place]
                into.calls[place] += 1
            into.amounts[place] += part
    known = RateCard.objects.in_bulk({card for _model, card, _tier in sums})
    costs: Counter[str] = Counter()
    for (model, _card, _tier), into in sums.items():
        costs[model] += sum(into.amounts)
    # the dearest model first
    order = sorted(sums, key=lambda key: (-costs[key[0]], key[0], known[key[1]].version, key[2]))
    groups = ((model, known[card], tier, sums[model, card, tier]) for model, card, tier in order)
    return list(_read(groups, dict(opening.readings)))


def _read(groups: Iterable[tuple[str, RateCard, int, _Sums]], readings: dict[MeterKey, int]) -> Iterator[Line]:
    """Yield the lines, each meter reading on from where the line before it ended."""
    for model, card, tier, sums in groups:
        prices = cards.tariff_of_card(card.pk).at(tier).by_meter()
        for place, meter in enumerate(METERS):
            if not (sums.tokens[place] or sums.amounts[place]):
                continue
            line = Line(
                model=model,
                meter=meter,
                rate_card=card.pk,
                card_version=card.version,
                card_from=card.effective_from,
                from_tokens=tier,
                opening_reading=readings.get((model, meter), 0),
                tokens=sums.tokens[place],
                calls=sums.calls[place],
                pico_per_token=prices[meter],
                amount_nano=sums.amounts[place],
            )
            readings[model, meter] = line.closing_reading
            yield line


def _movements(transfers: QuerySet[Transfer]) -> list[Moved]:
    """Return all but usage. What moves between a wallet and our revenue is a correction of it.

    A capture without usage is none that a line could show: it stands here, as what it is.
    """
    has_usage = Exists(UsageRecord.objects.filter(key=OuterRef("key")))
    others = transfers.exclude(Q(code=TransferCode.CAPTURE) & has_usage)
    into = _grouped(others.filter(credit__kind=AccountKind.WALLET), "debit__kind", 1)
    out = _grouped(others.filter(debit__kind=AccountKind.WALLET), "credit__kind", -1)
    return sorted([*into, *out], key=lambda moved: (moved.first_at, moved.code))


def _grouped(transfers: QuerySet[Transfer], other: str, sign: int) -> list[Moved]:
    found = (
        transfers.order_by()
        .values("code", other)
        .annotate(n=Count("pk"), sum=Sum("amount_nano"), first=Min("booked_at"), last=Max("booked_at"))
    )
    return [
        Moved(
            code=row["code"],
            is_charge=row[other] == AccountKind.REVENUE,
            entries=row["n"],
            amount_nano=sign * row["sum"],
            first_at=row["first"],
            last_at=row["last"],
        )
        for row in found
    ]


def _not_charged(workspace_id: UUID, start: datetime, end: datetime) -> list[NotCharged]:
    records = _around(workspace_id, start, end).filter(created_at__gte=start, created_at__lt=end)
    restart = Q(not_charged__in=["wasted", _("Interrupted by a restart.")])
    kinds: list[tuple[NotChargedKind, Any]] = [
        ("failed", records.exclude(not_charged="").exclude(restart)),
        ("restart", records.filter(restart)),
        ("above_hold", records.filter(not_charged="", uncharged_nano__gt=0)),
    ]
    found = []
    for kind, rows in kinds:
        sums = rows.aggregate(
            calls=Count("pk"), runs=Count("run", distinct=True), tokens=Sum(ALL_TOKENS), worth=Sum("uncharged_nano")
        )
        if sums["calls"]:
            tokens = 0 if kind == "above_hold" else sums["tokens"]  # those of the last kind are in the lines
            found.append(
                NotCharged(kind=kind, calls=sums["calls"], runs=sums["runs"], tokens=tokens, worth_nano=sums["worth"])
            )
    return found


def _taxed(bill: Bill) -> Bill:
    rate = tax.percent()
    return replace(bill, tax_percent=rate, tax_nano=tax.tax_of(bill.total_nano, rate, bill.cent))
