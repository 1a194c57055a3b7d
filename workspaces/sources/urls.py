"""URLs of the REST noun of sources."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from workspaces.sources import api

_router = SimpleRouter()
_router.register("sources", api.SourceViewSet, basename="sources")

api_urlpatterns: list[URLPattern | URLResolver] = [*_router.urls]
