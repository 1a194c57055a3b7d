"""The console's tables of the meter: to look at. The one thing to do is to grant credit, and a service does it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from billing import payment_admin, services
from billing.forms import GrantForm
from billing.models import BudgetWindow, Hold, Rate, RateCard, Transfer, UsageRecord, Wallet
from billing.price_admin import PinsPrices
from billing.prices.margin import in_percent
from wukong.kernel.errors import WukongError
from wukong.kernel.http.console import InWords, OperatorsOnly
from wukong.kernel.ids import new_id
from wukong.kernel.money import format_amount

__all__ = ["payment_admin"]  # its tables register themselves when they are imported


class _Table(OperatorsOnly, InWords, admin.ModelAdmin):  # type: ignore[type-arg]
    """A table to look at: newest first, counted only as far as a page goes."""

    show_full_result_count = False
    ordering = ["-id"]
    list_per_page = 50


@admin.register(Wallet)
class WalletAdmin(PinsPrices, _Table):
    list_display = ["workspace", "currency", "balance", "held", "available", "credit_limit"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__slug", "workspace__name"]
    ordering = ["workspace__name"]
    actions = ["grant_credit", "pin_prices"]

    @admin.display(description=_("Balance"))
    def balance(self, wallet: Wallet) -> str:
        return format_amount(wallet.balance_nano)

    @admin.display(description=_("Held"))
    def held(self, wallet: Wallet) -> str:
        return format_amount(wallet.held_nano)

    @admin.display(description=_("Available"))
    def available(self, wallet: Wallet) -> str:
        return format_amount(wallet.available_nano)

    @admin.display(description=_("Credit limit"))
    def credit_limit(self, wallet: Wallet) -> str:
        return format_amount(wallet.credit_limit_nano)

    @admin.action(description=_("Grant credit"))
    def grant_credit(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """Ask for the amount, then add it to each chosen wallet."""
        wallets = list(chosen.select_related("workspace"))
        form = GrantForm(request.POST if "amount" in request.POST else None, initial={"key": str(new_id())})
        if not form.is_valid():
            context: dict[str, Any] = {
                **self.admin_site.each_context(request),
                "title": _("Grant credit"),
                "form": form,
                "wallets": wallets,
                "opts": self.opts,
            }
            return TemplateResponse(request, "admin/grant_credit.html", context)
        for wallet in wallets:
            self._grant(request, wallet, form.cleaned_data["amount"], form.cleaned_data["key"])
        return None

    def _grant(self, request: HttpRequest, wallet: Wallet, nano: int, key: str) -> None:
        try:
            balance = services.grant(
                workspace_id=wallet.workspace_id,
                amount_nano=nano,
                key=f"{key}:{wallet.workspace_id}",
                actor=f"person:{request.user.pk}",
            )
        except WukongError as error:
            self.message_user(request, f"{wallet.workspace}: {error.message}", messages.ERROR)
            return
        words = {"name": wallet.workspace.name, "amount": format_amount(balance.balance_nano), "in": balance.currency}
        self.message_user(request, _("%(name)s now has %(amount)s %(in)s.") % words, messages.SUCCESS)


@admin.register(Transfer)
class TransferAdmin(_Table):
    list_display = ["booked_at", "workspace", "code", "debit", "credit", "amount", "currency", "agent", "model", "run"]
    list_filter = ["code", "currency", "model"]
    list_select_related = ["workspace", "debit", "credit"]
    search_fields = ["key", "workspace__slug"]

    @admin.display(description=_("Amount"))
    def amount(self, transfer: Transfer) -> str:
        return format_amount(transfer.amount_nano)


@admin.register(Hold)
class HoldAdmin(_Table):
    list_display = ["created_at", "workspace", "state", "amount", "captured", "agent", "model", "run", "expires_at"]
    list_filter = ["state", "model"]
    list_select_related = ["workspace"]
    search_fields = ["key", "workspace__slug"]

    @admin.display(description=_("Amount"))
    def amount(self, hold: Hold) -> str:
        return format_amount(hold.amount_nano)

    @admin.display(description=_("Charged"))
    def captured(self, hold: Hold) -> str:
        return format_amount(hold.captured_nano)


@admin.register(UsageRecord)
class UsageRecordAdmin(_Table):
    list_display = ["occurred_at", "workspace", "agent", "model", "tokens", "amount", "not_charged", "source"]
    list_filter = ["model", "source"]
    list_select_related = ["workspace"]
    search_fields = ["key", "workspace__slug"]

    @admin.display(description=_("Tokens"))
    def tokens(self, record: UsageRecord) -> int:
        return sum(getattr(record, meter) for meter in UsageRecord.METERS)

    @admin.display(description=_("Amount"))
    def amount(self, record: UsageRecord) -> str:
        return format_amount(record.amount_nano)


@admin.register(BudgetWindow)
class BudgetWindowAdmin(_Table):
    list_display = ["level", "name", "period", "wallet", "limit", "spent", "held"]
    list_select_related = ["wallet__workspace"]
    search_fields = ["key"]

    @admin.display(description=_("Limit"))
    def limit(self, window: BudgetWindow) -> str:
        return "" if window.limit_nano is None else format_amount(window.limit_nano)

    @admin.display(description=_("Spent"))
    def spent(self, window: BudgetWindow) -> str:
        return format_amount(window.spent_nano)

    @admin.display(description=_("Held"))
    def held(self, window: BudgetWindow) -> str:
        return format_amount(window.held_nano)


class RatesOfCard(OperatorsOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Rate
    extra = 0
    can_delete = False
    fields = readonly_fields = ("meter", "from_tokens", "cost_pico", "pico_per_token")


@admin.register(RateCard)
class RateCardAdmin(_Table):
    list_display = ["model", "currency", "version", "effective_from", "source", "margin"]
    list_filter = ["currency", "model"]
    inlines = [RatesOfCard]

    @admin.display(description=_("Margin"))
    def margin(self, card: RateCard) -> str:
        return in_percent(card.margin_bp)
