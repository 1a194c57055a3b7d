"""The actions of the table of wallets that book something."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from billing.console import booking
from billing.models import Wallet


class BooksOnWallets:
    """Mixin for the table of wallets; each action asks, shows what it will do, and does it once."""

    def _perform(self, request: HttpRequest, chosen: QuerySet[Wallet], what: booking.Booking) -> HttpResponse | None:
        owner: Any = self
        return booking.perform(owner, request, list(chosen.select_related("workspace").order_by("pk")), what)

    @admin.action(description=booking.Grant.title)
    def grant_credit(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """Credit without an end."""
        return self._perform(request, chosen, booking.Grant())

    @admin.action(description=booking.Promo.title)
    def promo_credit(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """Credit for a time."""
        return self._perform(request, chosen, booking.Promo())

    @admin.action(description=booking.Adjust.title)
    def adjust(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """A correction in the open period."""
        return self._perform(request, chosen, booking.Adjust())

    @admin.action(description=booking.Refund.title)
    def refund_topup(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """Money that goes back."""
        return self._perform(request, chosen, booking.Refund())

    @admin.action(description=booking.CreditLimit.title)
    def set_credit_limit(self, request: HttpRequest, chosen: QuerySet[Wallet]) -> HttpResponse | None:
        """How far a wallet may go below nothing."""
        return self._perform(request, chosen, booking.CreditLimit())
