"""`manage.py books`: prove that the books close."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from billing import services


class Command(BaseCommand):
    help = "Compute the books again; the last line is `difference 0 nano`, and the exit code 1 if it is not."

    def handle(self, *args: Any, **options: Any) -> None:
        books = services.books()
        self.stdout.write(f"{books.transfers} transfers, {books.holds} holds")
        for check, difference in books.checks.items():
            self.stdout.write(f"{check}: {'ok' if difference == 0 else f'{difference} nano apart'}")
        self.stdout.write(f"difference {books.difference_nano} nano")
        if books.difference_nano:
            sys.exit(1)
