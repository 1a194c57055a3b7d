"""URLs of the REST nouns of agents."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from agents import api

_router = SimpleRouter()
_router.register("runs", api.RunViewSet, basename="runs")
_router.register("templates", api.TemplateViewSet, basename="templates")
_router.register("models", api.ModelViewSet, basename="models")

api_urlpatterns: list[URLPattern | URLResolver] = [
    *_router.urls,
    path("documents/<str:pk>/authorship/", api.AuthorshipView.as_view(), name="document-authorship"),
]
