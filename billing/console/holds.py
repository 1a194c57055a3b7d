"""Ending holds of calls that nobody hears of, as the sweep of `tick` does, when an operator does not want to wait."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import cards, pricing, rules, services
from billing.console import audit
from billing.models import Hold, HoldState
from wukong.kernel.clock import now
from wukong.kernel.errors import WukongError
from wukong.kernel.money import format_amount


class EndsHolds:
    """Mixin for the table of holds."""

    @admin.action(description=gettext_lazy("End now: no sign of life"))
    def end_now(self, request: HttpRequest, chosen: QuerySet[Hold]) -> HttpResponse | None:
        """Show what each hold would be charged, then end those that have given no sign of life."""
        owner: Any = self
        holds = list(chosen.select_related("workspace").order_by("pk"))
        if "confirmed" in request.POST:
            for hold in holds:
                _end(owner, request, hold)
            return None
        context: dict[str, Any] = {
            **owner.admin_site.each_context(request),
            "title": _("End holds without a sign of life"),
            "holds": [(hold, _will(hold)) for hold in holds],
            "opts": owner.opts,
        }
        return TemplateResponse(request, "admin/end_holds.html", context)


def _will(hold: Hold) -> str:
    """Return what ending a hold now would do."""
    if hold.state != HoldState.PENDING:
        return _("It has ended already.")
    if hold.expires_at > now():
        return _("It is alive: its call gave a sign of life at %(at)s.") % {"at": f"{hold.heartbeat_at:%H:%M:%S} UTC"}
    price = pricing.charge_nano(cards.tariff_of_card(hold.rate_card_id), rules.last_known(hold))
    charged = min(price, hold.amount_nano)
    words = {
        "charged": format_amount(charged),
        "back": format_amount(hold.amount_nano - charged),
        "n": f"{hold.checkpoint_tokens:,}",
    }
    return _("%(charged)s is charged (%(n)s tokens written by its last sign of life), %(back)s goes back.") % words


def _end(owner: "admin.ModelAdmin[Hold]", request: HttpRequest, hold: Hold) -> None:
    try:
        if hold.call is None:
            return
        charge = services.end_hold(call=hold.call)
    except WukongError as error:
        owner.message_user(request, f"{hold}: {error.message}", messages.ERROR)
        return
    words = {
        "held": format_amount(hold.amount_nano),
        "charged": format_amount(charge.amount_nano),
        "at": f"{hold.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    text = _("Ended: no sign of life since %(at)s. %(charged)s of %(held)s was charged.") % words
    audit.note(request.user.pk, hold, "end", text)
    owner.message_user(request, f"{hold}: {text}", messages.SUCCESS)
