"""The console's tables of prices: proposals that operators judge, and workspaces that keep their prices.

Services decide and publish; who pressed the button, and when, is on the row and in the console's history.
"""

from collections.abc import Callable
from typing import Any, Protocol

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import services
from billing.forms import PinForm
from billing.models import PricePin, PriceProposal, Wallet
from billing.prices.contracts import PriceChange
from billing.prices.diff import in_percent, per_million
from billing.prices.margin import in_percent as percent_of_bp
from wukong.kernel.errors import WukongError
from wukong.kernel.http.console import OperatorsOnly


class _Operator(Protocol):
    """What these actions need of an admin class."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any: ...
    def message_user(self, request: HttpRequest, message: str, level: int) -> None: ...


def _actor(request: HttpRequest) -> str:
    return f"person:{request.user.pk}"


def _in_words(change: PriceChange) -> str:
    old = _("new") if change.old_pico is None else per_million(change.old_pico)
    tier = _(" from %(n)s tokens in") % {"n": f"{change.from_tokens:,}"} if change.from_tokens else ""
    return f"{change.meter}{tier}: {old} → {per_million(change.new_pico)} {in_percent(change)}".strip()


class _Prices(OperatorsOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    show_full_result_count = False
    ordering = ["-id"]
    list_per_page = 50


@admin.register(PriceProposal)
class PriceProposalAdmin(_Prices):
    list_display = [
        "model",
        "provider",
        "difference",
        "margin",
        "note",
        "state",
        "created_at",
        "decided_at",
        "decider",
    ]
    list_filter = ["state", "provider", "currency"]
    list_select_related = ["base", "card"]
    search_fields = ["model"]
    fields = (
        "model",
        "currency",
        "provider",
        "source",
        "base",
        "difference",
        "margin",
        "note",
        "state",
        "card",
        "decided_at",
        "decider",
    )
    actions = ["approve", "reject"]

    @admin.display(description=gettext_lazy("Price of a million tokens"))
    def difference(self, proposal: PriceProposal) -> SafeString:
        """Each price that changes, a line each: model, meter, old, new, percent."""
        return format_html_join("", "<div>{}</div>", ((_in_words(one),) for one in services.changes_of(proposal)))

    @admin.display(description=gettext_lazy("Margin"))
    def margin(self, proposal: PriceProposal) -> str:
        return percent_of_bp(proposal.margin_bp)

    @admin.display(description=gettext_lazy("Decided by"))
    def decider(self, proposal: PriceProposal) -> str:
        return services.name_of_actor(proposal.decided_by)

    @admin.action(description=gettext_lazy("Approve: publish as the next version"))
    def approve(self, request: HttpRequest, chosen: QuerySet[PriceProposal]) -> None:
        """Publish each chosen price list."""
        for proposal in chosen:
            self._decide(request, proposal, services.approve_prices, _("Published: %s."))

    @admin.action(description=gettext_lazy("Reject"))
    def reject(self, request: HttpRequest, chosen: QuerySet[PriceProposal]) -> None:
        """Decide that each chosen price list is not published."""
        for proposal in chosen:
            self._decide(request, proposal, services.reject_prices, _("Rejected: %s."))

    def _decide(self, request: HttpRequest, row: PriceProposal, verb: Callable[..., object], text: str) -> None:
        try:
            verb(proposal_id=row.pk, actor=_actor(request))
        except WukongError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        self.log_change(request, row, text % row)
        self.message_user(request, text % row, messages.SUCCESS)


@admin.register(PricePin)
class PricePinAdmin(_Prices):
    list_display = ["workspace", "model", "card", "moment", "created_at", "pinned_by", "lifted_at", "unpinned_by"]
    list_filter = ["model", ("lifted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "card"]
    search_fields = ["workspace__slug", "model"]
    fields = ("workspace", "model", "card", "moment", "created_at", "pinned_by", "lifted_at", "unpinned_by")
    actions = ["lift"]

    @admin.display(description=gettext_lazy("Pinned by"))
    def pinned_by(self, pin: PricePin) -> str:
        return services.name_of_actor(pin.actor)

    @admin.display(description=gettext_lazy("Lifted by"))
    def unpinned_by(self, pin: PricePin) -> str:
        return services.name_of_actor(pin.lifted_by)

    @admin.action(description=gettext_lazy("Lift: let them pay what counts now"))
    def lift(self, request: HttpRequest, chosen: QuerySet[PricePin]) -> None:
        """Lift each chosen pin that still stands."""
        rows = list(chosen.select_related("workspace", "card"))
        lifted = services.lift_pins(pin_ids=[row.pk for row in rows], actor=_actor(request))
        for row in rows:
            self.log_change(request, row, _("Lifted."))
        self.message_user(request, _("Lifted: %d.") % lifted, messages.SUCCESS)


class PinsPrices:
    """Mixin for the table of wallets: the action that lets workspaces keep the prices of a moment."""

    @admin.action(description=gettext_lazy("Keep the prices of a moment"))
    def pin_prices(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """Ask for the moment, then pin each chosen wallet's workspace to the cards that counted then."""
        wallets = list(chosen.select_related("workspace"))
        form = PinForm(request.POST if "moment" in request.POST else None)
        if not form.is_valid():
            site: admin.AdminSite = self.admin_site  # type: ignore[attr-defined]
            context = {
                **site.each_context(request),
                "title": _("Keep the prices of a moment"),
                "form": form,
                "wallets": wallets,
                "opts": self.opts,  # type: ignore[attr-defined]
            }
            return TemplateResponse(request, "admin/pin_prices.html", context)
        for wallet in wallets:
            _pin(self, request, wallet, form.cleaned_data)  # type: ignore[arg-type]
        return None


def _pin(operator: _Operator, request: HttpRequest, wallet: Wallet, wanted: dict[str, Any]) -> None:
    try:
        made = services.pin_prices(
            workspace_id=wallet.workspace_id, moment=wanted["moment"], models=wanted["models"], actor=_actor(request)
        )
    except WukongError as error:
        operator.message_user(request, f"{wallet.workspace}: {error.message}", messages.ERROR)
        return
    text = _("%(name)s keeps %(n)d prices.") % {"name": wallet.workspace, "n": len(made)}
    operator.log_change(request, wallet, text)
    operator.message_user(request, text, messages.SUCCESS)
