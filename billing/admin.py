"""The console's tables of the meter: to look at. What operators may do is an action that a service carries out."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing import payment_admin
from billing.console import tables
from billing.console.holds import EndsHolds
from billing.console.table import Table
from billing.console.wallets import BooksOnWallets
from billing.models import BudgetWindow, Hold, Rate, RateCard, Transfer, UsageRecord, Wallet
from billing.price_admin import PinsPrices
from billing.prices.margin import in_percent
from billing.truth_admin import CorrectsCharges
from wukong.kernel.http.console import OperatorsOnly
from wukong.kernel.money import format_amount

__all__ = ["payment_admin", "tables"]  # registered by being imported


@admin.register(Wallet)
class WalletAdmin(BooksOnWallets, PinsPrices, Table):
    list_display = ["workspace", "currency", "balance", "held", "available", "credit_limit"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__slug", "workspace__name"]
    ordering = ["workspace__name"]
    actions = ["grant_credit", "promo_credit", "adjust", "refund_topup", "set_credit_limit", "pin_prices"]

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


@admin.register(Transfer)
class TransferAdmin(Table):
    list_display = ["booked_at", "workspace", "code", "debit", "credit", "amount", "currency", "agent", "model", "run"]
    list_filter = ["code", "currency", "model"]
    list_select_related = ["workspace", "debit", "credit"]
    search_fields = ["key", "workspace__slug"]

    @admin.display(description=_("Amount"))
    def amount(self, transfer: Transfer) -> str:
        return format_amount(transfer.amount_nano)


@admin.register(Hold)
class HoldAdmin(EndsHolds, Table):
    list_display = ["created_at", "workspace", "state", "amount", "captured", "agent", "model", "run", "expires_at"]
    list_filter = ["state", "model"]
    list_select_related = ["workspace"]
    search_fields = ["key", "workspace__slug"]
    actions = ["end_now"]

    @admin.display(description=_("Amount"))
    def amount(self, hold: Hold) -> str:
        return format_amount(hold.amount_nano)

    @admin.display(description=_("Charged"))
    def captured(self, hold: Hold) -> str:
        return format_amount(hold.captured_nano)


@admin.register(UsageRecord)
class UsageRecordAdmin(CorrectsCharges, Table):
    list_display = [
        "occurred_at",
        "workspace",
        "agent",
        "model",
        "tokens",
        "amount",
        "not_charged",
        "source",
        "correction",
    ]
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
class BudgetWindowAdmin(Table):
    list_display = ["level", "name", "period", "wallet", "limit", "spent", "held"]
    list_select_related = ["wallet__workspace"]
    search_fields = ["key"]

    @admin.display(description=_("Limit"))
    def limit(self, window: BudgetWindow) -> str:
        return "" if window.meant_nano is None else format_amount(window.meant_nano)

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
class RateCardAdmin(Table):
    list_display = ["model", "currency", "version", "effective_from", "source", "margin"]
    list_filter = ["currency", "model"]
    inlines = [RatesOfCard]

    @admin.display(description=_("Margin"))
    def margin(self, card: RateCard) -> str:
        return in_percent(card.margin_bp)
