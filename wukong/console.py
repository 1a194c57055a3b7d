"""The operators' console: Django's admin with our tokens, and pages about the system itself and its books."""

import shutil
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _


class Console(AdminSite):
    site_header = _("Wukong console")
    site_title = _("Wukong console")
    index_title = _("Operations")
    site_url = "/"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("system/", self.admin_view(self.system), name="system"),
            path("books/", self.admin_view(self.books), name="books"),
            *super().get_urls(),
        ]

    def books(self, request: HttpRequest) -> HttpResponse:
        """Whether the ledger closes: every check with its difference, computed now."""
        from billing.console import books  # noqa: PLC0415 - as in `system`

        context = {**self.each_context(request), "title": _("Books"), **books.context()}
        return TemplateResponse(request, "admin/books.html", context)

    def system(self, request: HttpRequest) -> HttpResponse:
        """Queue, leases, broker, worker, model, disk: what an operator looks at first."""
        # Imported here: the site class is loaded while the apps still are.
        from agents import access as agents_access  # noqa: PLC0415
        from wukong import health  # noqa: PLC0415

        disk = shutil.disk_usage(settings.WUKONG_DATA_DIR)
        context: dict[str, Any] = {
            **self.each_context(request),
            "title": _("System"),
            "checks": health.checks(),
            "work": agents_access.queue(),
            "disk": {"free": disk.free, "total": disk.total, "used": disk.used},
            "size": _("production") if settings.WUKONG_PRODUCTION else _("one process"),
        }
        return TemplateResponse(request, "admin/system.html", context)
