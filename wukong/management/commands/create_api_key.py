"""`manage.py create_api_key EMAIL SLUG [--scope S …]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.people import access, services
from wukong.kernel.errors import WukongError


class Command(BaseCommand):
    help = "Make an API key of a member and print it, once and nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("slug")
        parser.add_argument(
            "--scope", action="extend", nargs="+", choices=access.SCOPES, metavar="S", help="all by default"
        )
        parser.add_argument("--name", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = access.user_by_email(options["email"])
            workspace = access.workspace_by_slug(options["slug"])
            _key, secret = services.create_key(
                workspace=workspace, user=user, name=options["name"], scopes=options["scope"]
            )
        except WukongError as error:
            raise CommandError(error.message) from None
        self.stdout.write(secret)
