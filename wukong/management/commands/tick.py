"""`manage.py tick`: one round of the engine's care, for operators without Celery beat."""

from typing import Any

from django.core.management.base import BaseCommand

from agents.engine import tick
from wukong import health


class Command(BaseCommand):
    help = "Re-send ready steps, expire leases, settle holds. Idempotent."

    def handle(self, *args: Any, **options: Any) -> None:
        health.beat()
        tick.tick()
