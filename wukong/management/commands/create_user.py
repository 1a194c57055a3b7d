"""`manage.py create_user EMAIL [--password P] [--name N]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.people import services
from wukong.kernel.errors import WukongError


class Command(BaseCommand):
    help = "Create a person and print the id. Without a password they set one by “forgot the password”."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--password")
        parser.add_argument("--name", default="")
        parser.add_argument("--operator", action="store_true", help="may use the console")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = services.create_user(
                email=options["email"],
                password=options["password"],
                name=options["name"],
                is_operator=options["operator"],
            )
        except WukongError as error:
            raise CommandError(error.message) from None
        self.stdout.write(str(user.pk))
