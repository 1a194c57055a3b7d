"""Pages of the meter."""

from django.urls import path

from billing.pages import statements, views

app_name = "billing"
urlpatterns = [
    path("w/<slug:slug>/usage/", views.usage, name="usage"),
    path("w/<slug:slug>/usage/balance/", views.balance, name="balance"),
    path("w/<slug:slug>/usage/month/", views.month, name="month"),
    path("w/<slug:slug>/limits/", views.limits, name="limits"),
    path("w/<slug:slug>/limits/drop/", views.drop_limit, name="drop-limit"),
    path("w/<slug:slug>/prices/", views.prices, name="prices"),
    path("w/<slug:slug>/statements/", statements.statements, name="statements"),
    path("w/<slug:slug>/statements/<str:month>/", statements.statement, name="statement"),
    path("w/<slug:slug>/statements/<str:month>/lines/<int:place>/", statements.line, name="statement-line"),
]
