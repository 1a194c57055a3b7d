"""Pages of the meter."""

from django.urls import path

from billing.pages import views

app_name = "billing"
urlpatterns = [
    path("w/<slug:slug>/usage/", views.usage, name="usage"),
    path("w/<slug:slug>/usage/balance/", views.balance, name="balance"),
    path("w/<slug:slug>/usage/month/", views.month, name="month"),
]
