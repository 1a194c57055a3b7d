"""The console's tables of truth: drift that was told with the reconciliation, and the way to correct a charge."""

from datetime import UTC, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import services
from billing.models import DriftAlert, UsageRecord
from billing.truth.contracts import Counted, Reconciliation, drift_bp
from wukong.kernel.clock import now
from wukong.kernel.http.console import OperatorsOnly
from wukong.kernel.money import format_amount

DAYS = 7


def in_percent(basis_points: int | None) -> str:
    """Return hundredths of a per cent as people read them, a dash of nothing."""
    return "–" if basis_points is None else f"{basis_points // 100}.{basis_points % 100:02d} %"


@admin.register(DriftAlert)
class DriftAlertAdmin(OperatorsOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["day", "model", "calls", "own_tokens", "provider_tokens", "drift", "limit", "created_at"]
    list_filter = ["model"]
    fields = ("day", "model", "calls", "own_tokens", "provider_tokens", "drift", "limit", "created_at")
    ordering = ["-id"]
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/reconciliation.html"

    @admin.display(description=gettext_lazy("Drift"))
    def drift(self, alert: DriftAlert) -> str:
        return in_percent(drift_bp(alert.own_tokens, alert.provider_tokens))

    @admin.display(description=gettext_lazy("Allowed"))
    def limit(self, alert: DriftAlert) -> str:
        return in_percent(alert.limit_bp)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the reconciliation of the last days above what was told."""
        last = now().astimezone(UTC).date()
        found = services.reconcile(last - timedelta(days=DAYS - 1), last)
        context = {
            "reconciled": [_line(found, row) for row in reversed(found.rows)],
            "stray": format_amount(found.stray_nano) if found.stray_nano else "",
            "allowed": in_percent(found.limit_bp),
            "days": DAYS,
        }
        return super().changelist_view(request, context | (extra_context or {}))


def _line(found: Reconciliation, row: Counted) -> dict[str, Any]:
    return {
        "row": row,
        "drift": in_percent(row.drift_bp) if row.counted else "–",
        "is_drifting": row in found.drifting,
        "amount": format_amount(row.amount_nano),
        "booked": format_amount(row.booked_nano),
    }


class CorrectsCharges:
    """Mixin for the table of usage: the way to correct a charge in the open period. Nothing does so by itself."""

    @admin.display(description=gettext_lazy("Correction"))
    def correction(self, record: UsageRecord) -> str:
        """Lead to the adjustment of the wallet that paid for the call."""
        wanted = urlencode({"workspace": str(record.workspace_id), "call": str(record.call or "")})
        return format_html(
            '<a href="{}?{}">{}</a>', reverse("admin:billing_wallet_adjust"), wanted, _("Correct the charge")
        )
