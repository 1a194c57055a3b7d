"""`manage.py top_up SLUG AMOUNT [--key KEY]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import services
from workspaces.people import access
from wukong.kernel.errors import WukongError
from wukong.kernel.ids import new_id
from wukong.kernel.money import format_amount, parse_amount


class Command(BaseCommand):
    help = "Add money to a workspace's wallet and print the new balance. With --key, once for that key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("amount", help="in the workspace's currency, for example 25.00")
        parser.add_argument("--key", help="the payment's number: the same key again adds nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            balance = services.top_up(
                workspace_id=access.workspace_by_slug(options["slug"]).pk,
                amount_nano=parse_amount(options["amount"]),
                key=options["key"] or str(new_id()),
                actor="system",
            )
        except WukongError as error:
            raise CommandError(error.message) from None
        self.stdout.write(format_amount(balance.balance_nano))
