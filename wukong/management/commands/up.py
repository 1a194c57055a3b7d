"""`manage.py up`: site, worker and model in one process, in the foreground."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from wukong.embedded import server


class Command(BaseCommand):
    help = "Run the whole product in one process on SQLite."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.WUKONG_PRODUCTION:  # it would take the steps of living workers for those of a dead process
            raise CommandError(
                "`up` is the embedded size; with DATABASE_URL and REDIS_URL start daphne, a worker and beat instead "
                "(docs/operations.md), or unset both."
            )
        server.leave(server.serve())
