"""The report of waste: the usage of a workspace, sorted. Reads; and keeps what was rejected."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from billing import cards
from billing.contracts import Rejected
from billing.models import Rejection, UsageRecord
from billing.truth import sorting
from billing.truth.contracts import WasteReport
from billing.truth.sorting import Used
from workspaces.people.models import Workspace


def report(workspace: Workspace, start: datetime, end: datetime) -> WasteReport:
    """Return what a workspace has wasted in [start, end)."""
    words = Rejection.objects.filter(call=OuterRef("call")).order_by().values("call").annotate(n=Sum("tokens"))
    rows = UsageRecord.objects.between(workspace.pk, start, end).order_by("id")
    rows = rows.annotate(rejected=Coalesce(Subquery(words.values("n")), 0))
    calls = [_used(row) for row in rows.iterator(chunk_size=5000)]
    return WasteReport(
        currency=workspace.currency,
        charged_nano=sum(call.charge_nano for call in calls),
        runs=sorting.by_run(sorting.sort(calls)),
    )


def _used(row: Any) -> Used:
    fresh, cached = row.input_tokens + row.cache_write_tokens, row.cache_read_tokens
    prices = cards.tariff_of_card(row.rate_card_id).at(fresh + cached)
    return Used(
        run=row.run,
        project=row.project,
        agent=row.agent,
        step=row.step,
        question=row.question,
        is_failed=bool(row.not_charged),
        charge_nano=row.amount_nano,
        saved_nano=row.uncharged_nano,
        input_tokens=fresh,
        cached_tokens=cached,
        output_tokens=row.output_tokens + row.reasoning_tokens,
        input_pico=prices.input,
        output_pico=prices.output,
        repeated_tokens=row.repeated_tokens or 0,
        rejected_tokens=row.rejected,
    )


def keep(workspace_id: UUID, words: Sequence[Rejected]) -> None:
    """Write down what was rejected, each once. A job of the committer."""
    Rejection.objects.bulk_create(
        [
            Rejection(workspace_id=workspace_id, key=one.key[:200], call=one.call, tokens=one.tokens, by=one.by)
            for one in words
        ],
        ignore_conflicts=True,
    )
