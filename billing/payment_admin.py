"""The console's tables of payments: to look at. Money moves by services and webhooks alone."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import AutoTopUp, StripeEvent, TopUp, TopUpReturn
from wukong.kernel.http.console import InWords, OperatorsOnly
from wukong.kernel.money import format_amount


class _Table(OperatorsOnly, InWords, admin.ModelAdmin):  # type: ignore[type-arg]
    show_full_result_count = False
    ordering = ["-id"]
    list_per_page = 50


@admin.register(TopUp)
class TopUpAdmin(_Table):
    list_display = ["created_at", "workspace", "amount", "currency", "state", "is_auto", "payment_intent", "failure"]
    list_filter = ["state", "is_auto", "currency"]
    list_select_related = ["workspace"]
    search_fields = ["key", "session", "payment_intent", "workspace__slug"]

    @admin.display(description=_("Amount"))
    def amount(self, topup: TopUp) -> str:
        return format_amount(topup.amount_nano)


@admin.register(TopUpReturn)
class TopUpReturnAdmin(_Table):
    list_display = ["created_at", "topup", "kind", "state", "amount", "taken", "provider_id", "failure"]
    list_filter = ["kind", "state"]
    list_select_related = ["topup"]
    search_fields = ["key", "topup__payment_intent", "provider_id"]

    @admin.display(description=_("Amount"))
    def amount(self, row: TopUpReturn) -> str:
        return format_amount(row.amount_nano)

    @admin.display(description=_("Taken"))
    def taken(self, row: TopUpReturn) -> str:
        return format_amount(row.taken_nano)


@admin.register(StripeEvent)
class StripeEventAdmin(_Table):
    list_display = ["created_at", "type", "event_id", "object_id", "occurred_at"]
    list_filter = ["type"]
    search_fields = ["event_id", "object_id"]


@admin.register(AutoTopUp)
class AutoTopUpAdmin(_Table):
    list_display = ["workspace", "is_on", "below", "amount", "daily_most", "method_label", "failures", "not_before"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__slug"]
    ordering = ["workspace__name"]

    @admin.display(description=_("Below"))
    def below(self, auto: AutoTopUp) -> str:
        return format_amount(auto.below_nano)

    @admin.display(description=_("Amount"))
    def amount(self, auto: AutoTopUp) -> str:
        return format_amount(auto.amount_nano)

    @admin.display(description=_("In a day at most"))
    def daily_most(self, auto: AutoTopUp) -> str:
        return format_amount(auto.daily_most_nano)
