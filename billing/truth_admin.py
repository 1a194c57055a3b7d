"""The console's tables of truth: drift that was told with the reconciliation, and corrections by an operator's hand."""

from datetime import UTC, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import services
from billing.forms import AdjustForm
from billing.models import DriftAlert, UsageRecord
from billing.truth.contracts import Counted, Reconciliation, drift_bp
from wukong.kernel.clock import now
from wukong.kernel.errors import WukongError
from wukong.kernel.http.console import OperatorsOnly
from wukong.kernel.ids import new_id
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
    """Mixin for the table of usage: the action that corrects charges in the open period. Nothing does so by itself."""

    @admin.action(description=gettext_lazy("Correct the charge"))
    def correct(self, request: HttpRequest, chosen: QuerySet[UsageRecord]) -> HttpResponse | None:
        """Ask for amount and reason, then adjust the wallet of each chosen call."""
        records = list(chosen.select_related("workspace"))
        form = AdjustForm(request.POST if "amount" in request.POST else None, initial={"key": str(new_id())})
        if not form.is_valid():
            site: admin.AdminSite = self.admin_site  # type: ignore[attr-defined]
            context = {
                **site.each_context(request),
                "title": _("Correct the charge"),
                "form": form,
                "records": [(record, format_amount(record.amount_nano)) for record in records],
                "opts": self.opts,  # type: ignore[attr-defined]
            }
            return TemplateResponse(request, "admin/correct_charge.html", context)
        for record in records:
            self._correct(request, record, form.cleaned_data)
        return None

    def _correct(self, request: HttpRequest, record: UsageRecord, wanted: dict[str, Any]) -> None:
        try:
            services.adjust(
                workspace_id=record.workspace_id,
                signed_nano=wanted["amount"],
                key=f"{wanted['key']}:{record.pk}",
                actor=f"person:{request.user.pk}",
                note=wanted["note"],
                call=record.call,
            )
        except WukongError as error:
            self.message_user(request, f"{record.key}: {error.message}", messages.ERROR)  # type: ignore[attr-defined]
            return
        words = {"call": record.key, "amount": format_amount(wanted["amount"]), "in": record.currency}
        text = _("%(call)s is corrected by %(amount)s %(in)s.") % words
        self.log_change(request, record, text)  # type: ignore[attr-defined]
        self.message_user(request, text, messages.SUCCESS)  # type: ignore[attr-defined]
