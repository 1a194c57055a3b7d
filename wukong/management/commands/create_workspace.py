"""`manage.py create_workspace SLUG OWNER_EMAIL [--credit AMOUNT]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import services as billing
from workspaces.people import access, services
from wukong.kernel.errors import WukongError
from wukong.kernel.money import parse_amount


class Command(BaseCommand):
    help = "Create a workspace and print the id; --credit adds money on top of the welcome credit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("owner_email")
        parser.add_argument("--credit", metavar="AMOUNT")

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str = options["slug"]
        try:
            credit_nano = parse_amount(options["credit"]) if options["credit"] else 0
            owner = access.user_by_email(options["owner_email"])
            name = slug.replace("-", " ").title()
            workspace = services.create_workspace(name=name, slug=slug, owner=owner)
            if credit_nano:
                billing.top_up(
                    workspace_id=workspace.pk, amount_nano=credit_nano, key=f"credit:{workspace.pk}", actor="system"
                )
        except WukongError as error:
            raise CommandError(error.message) from None
        self.stdout.write(str(workspace.pk))
