"""The frame as Django apps: our commands, and the admin console with our own site class."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig

from wukong import checks


class WukongConfig(AppConfig):
    name = "wukong"
    verbose_name = "Wukong"

    def ready(self) -> None:
        """Register our checks: importing them does it."""
        _ = checks.production_errors


class AdminConfig(DjangoAdminConfig):
    default_site = "wukong.console.Console"
