"""What operators can book on a wallet: a form, a page that says what it will do, and then the ledger, once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import periods, services
from billing.console import audit, forms
from billing.contracts import Balance
from billing.models import Wallet
from wukong.kernel.errors import WukongError
from wukong.kernel.ids import new_id
from wukong.kernel.money import format_amount

Words = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one booking hands to a service: whose wallet, under which key, by whom."""

    wallet: Wallet
    key: str
    actor: str

    @property
    def common(self) -> Words:
        return {"workspace_id": self.wallet.workspace_id, "key": self.key, "actor": self.actor}


class Booking(ABC):
    """One thing to book. `name` is that of the console's action."""

    name: ClassVar[str]
    title: ClassVar[str | Promise]
    form: ClassVar[type[forms.BookingForm]]
    is_for_many: ClassVar[bool] = False
    is_confirmed: ClassVar[bool] = True
    """Whether a page shows what will be booked before it is."""

    @abstractmethod
    def in_words(self, wallet: Wallet, given: Words) -> str:
        """Return what is booked, with its amount and its reason, for the page and for the log."""

    @abstractmethod
    def book(self, wish: Wish, given: Words) -> Balance:
        """Call the service; it does it once for its key. Raises WukongError."""


class Grant(Booking):
    name, title, form, is_for_many, is_confirmed = (
        "grant_credit",
        gettext_lazy("Grant credit"),
        forms.GrantForm,
        True,
        False,
    )

    def in_words(self, wallet: Wallet, given: Words) -> str:
        return _because(_("Credit of %(amount)s.") % {"amount": _money(given["amount"], wallet)}, given)

    def book(self, wish: Wish, given: Words) -> Balance:
        return services.grant(**wish.common, amount_nano=given["amount"], note=given["reason"])


class Promo(Booking):
    name, title, form, is_for_many = "promo_credit", gettext_lazy("Grant promotional credit"), forms.PromoForm, True

    def in_words(self, wallet: Wallet, given: Words) -> str:
        words = {
            "amount": _money(given["amount"], wallet),
            "priority": given["priority"],
            "day": date_format(given["last_day"], "j F Y"),
            "zone": wallet.workspace.time_zone,
        }
        text = (
            _("Promotional credit of %(amount)s, priority %(priority)s, until the end of %(day)s (%(zone)s).") % words
        )
        return _because(text, given)

    def book(self, wish: Wish, given: Words) -> Balance:
        ends = periods.midnight(given["last_day"] + timedelta(days=1), ZoneInfo(wish.wallet.workspace.time_zone))
        terms = {"priority": given["priority"], "expires_at": ends, "note": given["reason"]}
        return services.grant(**wish.common, amount_nano=given["amount"], **terms)


class Adjust(Booking):
    name, title, form = "adjust", gettext_lazy("Adjust the balance"), forms.AdjustForm

    def in_words(self, wallet: Wallet, given: Words) -> str:
        words = {"amount": _money(abs(given["amount"]), wallet), "call": given["call"]}
        text = (
            _("Adjustment: %(amount)s back to the wallet.")
            if given["amount"] > 0
            else _("Adjustment: %(amount)s out of the wallet.")
        )
        if given["call"]:
            text += " " + _("Call %(call)s.")
        return _because(text % words, given)

    def book(self, wish: Wish, given: Words) -> Balance:
        return services.adjust(**wish.common, signed_nano=given["amount"], note=given["reason"], call=given["call"])


class Refund(Booking):
    name, title, form = "refund_topup", gettext_lazy("Refund a top-up"), forms.RefundForm

    def in_words(self, wallet: Wallet, given: Words) -> str:
        words = {"amount": _money(given["amount"], wallet), "topup": given["topup"]}
        return _because(_("Refund of %(amount)s of the top-up %(topup)s.") % words, given)

    def book(self, wish: Wish, given: Words) -> Balance:
        return services.refund(**wish.common, topup=given["topup"], amount_nano=given["amount"], note=given["reason"])


class CreditLimit(Booking):
    name, title, form = "set_credit_limit", gettext_lazy("Set the credit limit"), forms.CreditLimitForm

    def in_words(self, wallet: Wallet, given: Words) -> str:
        words = {"limit": _money(given["limit"], wallet), "old": _money(wallet.credit_limit_nano, wallet)}
        return _because(_("Credit limit of %(limit)s, it was %(old)s.") % words, given)

    def book(self, wish: Wish, given: Words) -> Balance:
        if audit.is_noted(wish.wallet, wish.key):  # the ledger moves nothing here and so knows no key
            return services.balance_of(wish.wallet.workspace_id)
        return services.set_credit_limit(workspace_id=wish.wallet.workspace_id, limit_nano=given["limit"])


def perform(
    owner: "admin.ModelAdmin[Wallet]", request: HttpRequest, wallets: Sequence[Wallet], booking: Booking
) -> HttpResponse | None:
    """Ask, show, book: one action of the table of wallets, whichever page of it was sent. None: it is done."""
    if len(wallets) != 1 and not booking.is_for_many:
        owner.message_user(request, _("Choose one wallet for this."), messages.ERROR)
        return None
    if "key" not in request.POST:
        return ask(owner, request, wallets, booking)
    form = booking.form(request.POST, wallets=wallets)
    context = _context(owner, request, wallets, booking) | {"form": form}
    if not form.is_valid() or "change" in request.POST:
        return TemplateResponse(request, "admin/booking.html", context)
    given = form.cleaned_data
    if booking.is_confirmed and "confirmed" not in request.POST:
        context["said"] = [(wallet, booking.in_words(wallet, given)) for wallet in wallets]
        return TemplateResponse(request, "admin/booking_confirm.html", context)
    for wallet in wallets:
        _book(owner, request, booking, wallet, given)
    return None


def ask(
    owner: "admin.ModelAdmin[Wallet]",
    request: HttpRequest,
    wallets: Sequence[Wallet],
    booking: Booking,
    filled: Words | None = None,
    sent_to: str = "",
) -> HttpResponse:
    """Show the empty form of a booking, but for what is `filled` in; it goes to this page, or where it is `sent_to`."""
    form = booking.form(None, wallets=wallets, initial={"key": str(new_id()), **(filled or {})})
    context = _context(owner, request, wallets, booking) | {"form": form, "sent_to": sent_to}
    return TemplateResponse(request, "admin/booking.html", context)


def _context(
    owner: "admin.ModelAdmin[Wallet]", request: HttpRequest, wallets: Sequence[Wallet], booking: Booking
) -> Words:
    return {
        **owner.admin_site.each_context(request),
        "title": booking.title,
        "name": booking.name,
        "wallets": wallets,
        "opts": owner.opts,
    }


def _book(
    owner: "admin.ModelAdmin[Wallet]", request: HttpRequest, booking: Booking, wallet: Wallet, given: Words
) -> None:
    wish = Wish(wallet=wallet, key=f"{given['key']}:{wallet.workspace_id}", actor=f"person:{request.user.pk}")
    text = booking.in_words(wallet, given)
    try:
        balance = booking.book(wish, given)
    except WukongError as error:
        owner.message_user(request, f"{wallet.workspace}: {error.message}", messages.ERROR)
        return
    is_new = audit.note(request.user.pk, wallet, wish.key, text)
    words = {
        "name": wallet.workspace.name,
        "amount": format_amount(balance.balance_nano),
        "in": balance.currency,
        "limit": format_amount(balance.credit_limit_nano),
    }
    told = _("%(name)s now has %(amount)s %(in)s.") % words
    if balance.credit_limit_nano:
        told += " " + _("Its credit limit is %(limit)s %(in)s.") % words
    if not is_new:
        told = _("This was booked before and is not booked again.") + " " + told
    owner.message_user(request, told, messages.SUCCESS if is_new else messages.WARNING)


def _because(text: str, given: Words) -> str:
    return f"{text} {given['reason']}".strip()


def _money(nano: int, wallet: Wallet) -> str:
    return f"{format_amount(nano)} {wallet.currency}"
