"""`manage.py up`: site, worker and model in one process, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wukong.checks import production_errors
from wukong.embedded import server


class Command(BaseCommand):
    help = "Run the whole product in one process on SQLite."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if found := production_errors():
            raise CommandError("\n".join(f"{error.msg} {error.hint or ''}" for error in found))
        server.leave(server.serve())
