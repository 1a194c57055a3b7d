"""Pages of the meter."""

from django.urls import path

from billing.pages import ledger, statements, top_up, views, waste

app_name = "billing"
urlpatterns = [
    path("w/<slug:slug>/usage/", views.usage, name="usage"),
    path("w/<slug:slug>/usage/balance/", views.balance, name="balance"),
    path("w/<slug:slug>/usage/month/", views.month, name="month"),
    path("w/<slug:slug>/ledger/", ledger.ledger, name="ledger"),
    path("w/<slug:slug>/ledger/<uuid:transfer_id>/", ledger.entry, name="ledger-entry"),
    path("w/<slug:slug>/limits/", views.limits, name="limits"),
    path("w/<slug:slug>/limits/drop/", views.drop_limit, name="drop-limit"),
    path("w/<slug:slug>/waste/", waste.waste, name="waste"),
    path("w/<slug:slug>/prices/", views.prices, name="prices"),
    path("w/<slug:slug>/statements/", statements.statements, name="statements"),
    path("w/<slug:slug>/statements/<str:month>/", statements.statement, name="statement"),
    path("w/<slug:slug>/statements/<str:month>/lines/<int:place>/", statements.line, name="statement-line"),
    path("w/<slug:slug>/top-up/", top_up.top_up, name="top-up"),
    path("w/<slug:slug>/top-up/auto/", top_up.auto_top_up, name="top-up-auto"),
    path("w/<slug:slug>/top-up/<uuid:topup_id>/", top_up.state, name="top-up-state"),
    path("billing/stripe/webhook/", top_up.webhook, name="stripe-webhook"),
]
