"""URLs of the REST nouns of people."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from workspaces.people import api

_router = SimpleRouter()
_router.register("workspaces", api.WorkspaceViewSet, basename="workspaces")
_router.register("members", api.MemberViewSet, basename="members")
_router.register("invitations", api.InvitationViewSet, basename="invitations")
_router.register("keys", api.KeyViewSet, basename="keys")

api_urlpatterns: list[URLPattern | URLResolver] = [*_router.urls, path("me/", api.MeView.as_view(), name="me")]
