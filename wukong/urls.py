"""The doors. A URL belongs to its noun, its code to the highest app that it needs."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from agents.urls import api_urlpatterns as agents_api
from billing.urls import api_urlpatterns as billing_api
from workspaces.documents.urls import api_urlpatterns as documents_api
from workspaces.people.urls import api_urlpatterns as people_api
from workspaces.sources.urls import api_urlpatterns as sources_api
from wukong import health

_api: list[URLPattern | URLResolver] = [
    *people_api,
    *documents_api,
    *sources_api,
    *billing_api,
    *agents_api,
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("readyz", health.ready, name="ready"),
    path("api/v1/", include((_api, "api"))),
    path("accounts/", include("allauth.account.urls")),
    path("console/", admin.site.urls),
    path("", include("workspaces.pages.urls")),
    path("", include("billing.pages.urls")),
    path("", include("agents.pages.urls")),
]

handler404 = "wukong.kernel.http.pages.not_found"
handler403 = "wukong.kernel.http.pages.forbidden"
handler500 = "wukong.kernel.http.pages.server_error"
