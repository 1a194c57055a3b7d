"""The actions of the table of wallets that book something."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse

from billing.console import booking
from billing.models import Wallet


class BooksOnWallets:
    """Mixin for the table of wallets; each action asks, shows what it will do, and does it once."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page by which other tables lead to an adjustment."""
        owner: Any = self
        page = owner.admin_site.admin_view(self.adjust_call)
        return [path("adjust/", page, name="billing_wallet_adjust"), *super().get_urls()]  # type: ignore[misc]

    def adjust_call(self, request: HttpRequest) -> HttpResponse:
        """Ask for an adjustment of the wallet of a `workspace` about its `call`; then it is the action of the table."""
        owner: Any = self
        try:
            wallet = Wallet.objects.select_related("workspace").get(workspace=UUID(request.GET.get("workspace", "")))
        except (Wallet.DoesNotExist, ValueError):
            raise Http404 from None
        table, filled = reverse("admin:billing_wallet_changelist"), {"call": request.GET.get("call", "")}
        return booking.ask(owner, request, [wallet], booking.Adjust(), filled, table)

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
