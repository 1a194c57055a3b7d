"""URLs of the REST nouns of documents."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from workspaces.documents import api

_router = SimpleRouter()
_router.register("projects", api.ProjectViewSet, basename="projects")
_router.register("documents", api.DocumentViewSet, basename="documents")

api_urlpatterns: list[URLPattern | URLResolver] = [
    *_router.urls,
    path("documents/<str:pk>/content/", api.ContentView.as_view(), name="document-content"),
]
