"""Tables of what stands beside the ledger: credits, limits, alerts, statements, readings. To look at."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.console.table import Table
from billing.models import Alert, Budget, Lot, MeterReading, Statement, StatementLine
from wukong.kernel.http.console import OperatorsOnly
from wukong.kernel.money import format_amount


@admin.register(Lot)
class LotAdmin(Table):
    list_display = ["created_at", "wallet", "key", "category", "priority", "amount", "remaining", "expires_at"]
    list_filter = ["category", ("expires_at", admin.EmptyFieldListFilter)]
    list_select_related = ["wallet__workspace"]
    search_fields = ["key", "wallet__workspace__slug"]

    @admin.display(description=_("Amount"))
    def amount(self, lot: Lot) -> str:
        return format_amount(lot.amount_nano)

    @admin.display(description=_("Left"))
    def remaining(self, lot: Lot) -> str:
        return format_amount(lot.remaining_nano)


@admin.register(Budget)
class BudgetAdmin(Table):
    list_display = ["workspace", "level", "name", "period", "limit", "is_hard", "set_by", "changed_at"]
    list_filter = ["level", "period", "is_hard"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__slug", "name"]

    @admin.display(description=_("Limit"))
    def limit(self, budget: Budget) -> str:
        return format_amount(budget.limit_nano)

    @admin.display(description=_("Set by"))
    def set_by(self, budget: Budget) -> str:
        return services.name_of_actor(budget.actor)


@admin.register(Alert)
class AlertAdmin(Table):
    list_display = ["created_at", "workspace", "window", "threshold", "spent", "limit", "mailed_at"]
    list_filter = ["threshold", ("mailed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "window"]
    search_fields = ["workspace__slug", "window__key"]

    @admin.display(description=_("Spent"))
    def spent(self, alert: Alert) -> str:
        return format_amount(alert.spent_nano)

    @admin.display(description=_("Limit"))
    def limit(self, alert: Alert) -> str:
        return format_amount(alert.limit_nano)


class LinesOfStatement(OperatorsOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = StatementLine
    extra = 0
    can_delete = False
    fields = readonly_fields = ("place", "model", "meter", "opening_reading", "closing_reading", "tokens", "amount")

    @admin.display(description=_("Amount"))
    def amount(self, line: StatementLine) -> str:
        return format_amount(line.amount_nano)


@admin.register(Statement)
class StatementAdmin(Table):
    list_display = ["number", "workspace", "month", "total", "opening", "closing", "currency", "issued_at"]
    list_filter = ["currency"]
    list_select_related = ["workspace"]
    search_fields = ["number", "workspace__slug"]
    exclude = ["movements", "not_charged"]
    inlines = [LinesOfStatement]

    @admin.display(description=_("Total"))
    def total(self, statement: Statement) -> str:
        return format_amount(statement.total_nano)

    @admin.display(description=_("Opening balance"))
    def opening(self, statement: Statement) -> str:
        return format_amount(statement.opening_nano)

    @admin.display(description=_("Closing balance"))
    def closing(self, statement: Statement) -> str:
        return format_amount(statement.closing_nano)


@admin.register(MeterReading)
class MeterReadingAdmin(Table):
    list_display = ["at", "workspace", "model", "meter", "reading"]
    list_filter = ["meter"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__slug", "model"]
