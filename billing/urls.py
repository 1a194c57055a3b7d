"""URLs of the REST nouns of the meter."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from billing import api, statement_api, topup_api

_router = SimpleRouter()
_router.register("billing/ledger", api.LedgerViewSet, basename="billing-ledger")
_router.register("billing/holds", api.HoldViewSet, basename="billing-holds")
_router.register("billing/budgets", api.BudgetViewSet, basename="billing-budgets")
_router.register("billing/rates", api.RateViewSet, basename="billing-rates")
_router.register("billing/statements", statement_api.StatementViewSet, basename="billing-statements")
_router.register("billing/topups", topup_api.TopUpViewSet, basename="billing-topups")

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("billing/balance/", api.BalanceView.as_view(), name="billing-balance"),
    path("billing/usage/", api.UsageView.as_view(), name="billing-usage"),
    *_router.urls,
]
