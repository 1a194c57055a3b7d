"""`manage.py sync_prices [--provider ID] [--model NAME …]`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import services
from billing.prices import catalogue
from billing.prices.contracts import Proposed
from billing.prices.diff import in_percent, per_million
from wukong.kernel.clock import now
from wukong.kernel.errors import WukongError


class Command(BaseCommand):
    help = (
        "Propose the prices that the package genai-prices brings along (nothing is fetched) as rate cards in US "
        "dollars. An operator approves or rejects them in the console. The same data proposes nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", help="its name in genai-prices; by default the one at WUKONG_ENDPOINT_URL")
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            help="as calls name it, may be repeated; by default all of --provider, else WUKONG_ENDPOINT_MODEL",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            provider, models = _wanted(options["provider"], options["model"])
            listed, left = catalogue.read(provider, models, now())
            sync = services.propose_prices(listed, left)
        except WukongError as error:
            raise CommandError(error.message) from None
        for one in sync.left:
            self.stdout.write(f"{one.model}: left out, {one.why}")
        for proposed in sync.proposed:
            self._write(proposed)
        self.stdout.write(f"{len(sync.proposed)} proposed, {len(sync.known)} known, {len(sync.left)} left out")

    def _write(self, proposed: Proposed) -> None:
        self.stdout.write(f"{proposed.model}: USD per million tokens")
        for change in proposed.changes:
            old = "new" if change.old_pico is None else per_million(change.old_pico)
            tier = f" from {change.from_tokens:,} tokens in" if change.from_tokens else ""
            self.stdout.write(
                f"  {change.meter}{tier}: {old} -> {per_million(change.new_pico)} {in_percent(change)}".rstrip()
            )


def _wanted(provider: str | None, models: list[str]) -> tuple[str, list[str]]:
    """Return what was asked for, or the endpoint of the settings and its model."""
    if provider:
        return provider, models
    if not settings.WUKONG_ENDPOINT_URL:
        raise CommandError("Name a --provider: the settings name no endpoint.")
    own = [settings.WUKONG_ENDPOINT_MODEL] if settings.WUKONG_ENDPOINT_MODEL else []
    return catalogue.provider_at(settings.WUKONG_ENDPOINT_URL), models or own
