"""`manage.py add_member SLUG EMAIL ROLE`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.people import access, services
from workspaces.people.models import Role
from wukong.kernel.errors import WukongError


class Command(BaseCommand):
    help = "Make somebody a member of a workspace, or give a member another role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("email")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            workspace = access.workspace_by_slug(options["slug"])
            user = access.user_by_email(options["email"])
            services.add_member(workspace=workspace, user=user, role=Role(options["role"]), actor=None)
        except WukongError as error:
            raise CommandError(error.message) from None
