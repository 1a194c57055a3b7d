"""Three ways beside each other: what providers counted, what we counted, what the ledger moved. Reads, and tells."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Abs, Coalesce, TruncDate

from billing.models import DriftAlert, Transfer, TransferCode, UsageRecord
from billing.truth.contracts import WHOLE_BP, Compared, Counted, Exported, Reconciliation
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.ids import first_id
from wukong.kernel.money import NANO, parse_amount

LEAST_TOKENS = 1_000
"""Of fewer tokens of a model a day no drift is told: rounding would decide."""
LATE = timedelta(hours=1)  # ids are made a little before or after the moment that is written beside them
_ALL = sum((F(meter) for meter in UsageRecord.METERS[1:]), F(UsageRecord.METERS[0]))
_OWN = F("own_input_tokens") + F("own_output_tokens")
_BOTH = Q(source="provider", own_input_tokens__isnull=False, own_output_tokens__isnull=False)
_log = logging.getLogger("wukong.billing")


def limit_bp() -> int:
    """Return how far counts may lie apart, in hundredths of a per cent (the setting WUKONG_DRIFT_PERCENT)."""
    try:
        nano = parse_amount(settings.WUKONG_DRIFT_PERCENT)
    except Invalid as error:
        raise ValueError(f"WUKONG_DRIFT_PERCENT: {error.message}") from None
    return nano * WHOLE_BP // 100 // NANO


def read(first: date, last: date, exported: Sequence[Exported] = ()) -> Reconciliation:
    """Return the reconciliation of the days from `first` to `last` (of UTC, both count)."""
    rows, limit = _counted(first, last), limit_bp()
    return Reconciliation(
        first=first,
        last=last,
        limit_bp=limit,
        least_tokens=LEAST_TOKENS,
        rows=rows,
        compared=[_compared(one, rows, limit) for one in exported if first <= one.day <= last],
        stray_nano=_stray(first, last),
    )


def _moments(first: date, last: date) -> tuple[datetime, datetime]:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return start, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def _within(rows: QuerySet[Any], moment: str, first: date, last: date) -> QuerySet[Any]:
    """Return the rows of these days: ids rise with time, so the primary key is the index."""
    start, end = _moments(first, last)
    some: QuerySet[Any] = rows.filter(
        id__gte=first_id(start - LATE), id__lt=first_id(end + LATE), **{f"{moment}__gte": start, f"{moment}__lt": end}
    )
    return some


def _counted(first: date, last: date) -> list[Counted]:
    captures = Transfer.objects.filter(key=OuterRef("key"), code=TransferCode.CAPTURE)
    records = _within(UsageRecord.objects.order_by(), "occurred_at", first, last).annotate(
        day=TruncDate("occurred_at", tzinfo=UTC), booked=Coalesce(Subquery(captures.values("amount_nano")), 0)
    )
    sums = records.values("day", "model", "currency").annotate(
        calls=Count("id"),
        counted=Count("id", filter=_BOTH),
        own=Coalesce(Sum(_OWN, filter=_BOTH), 0),
        provider=Coalesce(Sum(_ALL, filter=_BOTH), 0),
        tokens=Sum(_ALL),
        amount=Sum("amount_nano"),
        moved=Sum("booked"),
        apart=Sum(Abs(F("amount_nano") - F("booked"))),
    )
    return [
        Counted(
            day=row["day"],
            model=row["model"],
            currency=row["currency"],
            calls=row["calls"],
            counted=row["counted"],
            own_tokens=row["own"],
            provider_tokens=row["provider"],
            all_tokens=row["tokens"],
            amount_nano=int(row["amount"]),
            booked_nano=int(row["moved"]),
            apart_nano=int(row["apart"]),
        )
        for row in sums.order_by("day", "model", "currency")
    ]


def _stray(first: date, last: date) -> int:
    """Return what was moved for calls of which there is no usage."""
    captures = _within(Transfer.objects.order_by(), "booked_at", first, last).filter(code=TransferCode.CAPTURE)
    without = captures.exclude(Exists(UsageRecord.objects.filter(key=OuterRef("key"))))
    return int(without.aggregate(total=Sum("amount_nano"))["total"] or 0)


def _compared(one: Exported, rows: Sequence[Counted], limit: int) -> Compared:
    same = [row for row in rows if (row.day, row.model) == (one.day, one.model)]
    return Compared(
        exported=one,
        recorded_tokens=sum(row.all_tokens for row in same),
        calls=sum(row.calls for row in same),
        limit_bp=limit,
    )


def watch() -> int:
    """Tell of drift of yesterday and today, once for each model and day; returns how many alerts that were."""
    today = now().astimezone(UTC).date()
    found = read(today - timedelta(days=1), today)
    wanted = [
        DriftAlert(
            day=row.day,
            model=row.model,
            calls=row.counted,
            own_tokens=row.own_tokens,
            provider_tokens=row.provider_tokens,
            limit_bp=found.limit_bp,
        )
        for row in found.drifting
    ]
    told = [alert for alert in wanted if committer.run(partial(_tell, alert))]
    for alert in told:
        _log.warning(
            "counts of %s drift apart on %s: %s tokens by our count, %s by the provider's, in %s calls",
            *(alert.model, alert.day, alert.own_tokens, alert.provider_tokens, alert.calls),
        )
    return len(told)


def _tell(alert: DriftAlert) -> bool:
    if DriftAlert.objects.filter(day=alert.day, model=alert.model).exists():
        return False
    DriftAlert.objects.bulk_create([alert], ignore_conflicts=True)
    return DriftAlert.objects.filter(pk=alert.pk).exists()  # another process may have been first
