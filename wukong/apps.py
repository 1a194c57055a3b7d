"""The frame as Django apps: our commands, and the admin console with our own site class."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig

from wukong import celery, checks


class WukongConfig(AppConfig):
    name = "wukong"
    verbose_name = "Wukong"

    def ready(self) -> None:
        """Register our checks and our Celery app, which web processes send wake-ups with: importing them does it."""
        _ = checks.production_errors, celery.app


class AdminConfig(DjangoAdminConfig):
    default_site = "wukong.console.Console"
