"""What the console asks before it books: amounts, reasons, and a key that makes the booking once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.forms import nano_of
from billing.models import Hold, Lot, LotCategory, Wallet
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import format_amount, parse_amount

TOPUP = "topup:"


class BookingForm(forms.Form):
    """The base of all: `wallets` are those that were chosen. `key` makes it once, however often a button is pressed."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, data: Any, *, wallets: Sequence[Wallet], **options: Any) -> None:
        super().__init__(data, **options)
        self.wallets = wallets


class _Amount(BookingForm):
    amount = forms.CharField(label=gettext_lazy("Amount for each wallet"), max_length=20)

    def clean_amount(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["amount"], 1)


class _Reason(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("People of the workspace read it, too.")
    )


class GrantForm(_Amount):
    """Credit that is used last and does not expire."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)


class PromoForm(_Reason, _Amount):
    """Credit for a time."""

    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        min_value=0,
        max_value=100,
        initial=20,
        help_text=gettext_lazy("From 0 to 100; what has less is used first. Credit that was paid has 50."),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("In the workspace's time zone; what is left then expires."),
    )
    field_order = ["amount", "priority", "last_day", "reason", "key"]

    def clean_last_day(self) -> date:
        """Refuse a day that is over everywhere."""
        day: date = self.cleaned_data["last_day"]
        if day < now().date():
            raise forms.ValidationError(_("This day is over."))
        return day


class AdjustForm(_Reason, BookingForm):
    """A correction, back to the wallet or out of it."""

    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        max_length=20,
        help_text=gettext_lazy("2.50 goes back to the wallet, -2.50 out of it."),
    )
    call = forms.UUIDField(label=gettext_lazy("Call"), required=False, help_text=gettext_lazy("If it is about one."))
    field_order = ["amount", "reason", "call", "key"]

    def clean_amount(self) -> int:
        """Return the signed nano-units; they are not 0."""
        try:
            nano = parse_amount(self.cleaned_data["amount"].replace("−", "-").removeprefix("+"))
        except Invalid as error:
            raise forms.ValidationError(error.message) from None
        if nano == 0:
            raise forms.ValidationError(_("An adjustment is not 0."))
        return nano

    def clean_call(self) -> UUID | None:
        """Refuse a call that is not one of the wallet's."""
        call: UUID | None = self.cleaned_data["call"]
        if call is not None and not Hold.objects.filter(key=f"call:{call}", wallet=self.wallets[0]).exists():
            raise forms.ValidationError(_("This workspace has no such call."))
        return call


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """A top-up of which something is left; at most `most_nano` can be paid back now."""

    topup: str
    at: datetime
    amount_nano: int
    most_nano: int


def refundable(wallet: Wallet, asked: str = "") -> list[Refundable]:
    """Return the top-ups of a wallet of which something is left, oldest first, and `asked`: a form that is sent again
    has to find its own, whatever it has left of it.
    """
    free = max(wallet.balance_nano - wallet.held_nano, 0)
    paid = Lot.objects.filter(wallet=wallet, category=LotCategory.PAID, key__startswith=TOPUP)
    return [
        Refundable(
            topup=lot.key.removeprefix(TOPUP),
            at=lot.created_at,
            amount_nano=lot.amount_nano,
            most_nano=min(lot.remaining_nano, free),
        )
        for lot in paid.filter(Q(remaining_nano__gt=0) | Q(key=f"{TOPUP}{asked}")).order_by("pk")
    ]


class RefundForm(_Reason, BookingForm):
    """Money that is paid back of one top-up. What the payment provider brought, it pays back."""

    topup = forms.ChoiceField(label=gettext_lazy("Top-up"))
    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=20)
    field_order = ["topup", "amount", "reason", "key"]

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, **options)
        found = refundable(self.wallets[0], (data or {}).get("topup", ""))
        self.fields["topup"].choices = [(one.topup, self._label(one)) for one in found]  # type: ignore[attr-defined]
        self.fields["amount"].help_text = _(
            "A payment of the provider is paid back by it; other money you pay back yourself."
        )

    def _label(self, one: Refundable) -> str:
        return _("%(day)s, %(amount)s %(currency)s (%(key)s): at most %(most)s") % {
            "day": date_format(one.at, "j M Y"),
            "amount": format_amount(one.amount_nano),
            "currency": self.wallets[0].currency,
            "key": one.topup,
            "most": format_amount(one.most_nano),
        }

    def clean_amount(self) -> int:
        """Return the nano-units. What is too much is the ledger's to judge: a repeated form is none."""
        return nano_of(self.cleaned_data["amount"], 1)


class CreditLimitForm(_Reason, BookingForm):
    """How far a wallet may go below nothing."""

    limit = forms.CharField(label=gettext_lazy("Credit limit"), max_length=20)
    field_order = ["limit", "reason", "key"]

    def clean_limit(self) -> int:
        """Return the nano-units."""
        return nano_of(self.cleaned_data["limit"], 0)
