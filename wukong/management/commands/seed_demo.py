"""`manage.py seed_demo`: somebody to sign in as, and a workspace to look at. Idempotent."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from billing import services as billing
from workspaces.people import access, services
from wukong.kernel.errors import NotFound

EMAIL = "demo@example.com"
SLUG = "northwind"


def demo_password() -> str:
    """Return the demo's password: of the settings, else made once into the data folder (mode 600)."""
    if settings.WUKONG_DEMO_PASSWORD:
        return str(settings.WUKONG_DEMO_PASSWORD)
    path = settings.WUKONG_DATA_DIR / "demo_password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9))
    return str(path.read_text().strip())


class Command(BaseCommand):
    help = "Make demo@example.com with the workspace northwind, unless they are there."

    def handle(self, *args: Any, **options: Any) -> str:
        password = demo_password()
        try:
            user = access.user_by_email(EMAIL)
            if not user.check_password(password):
                services.set_password(user=user, password=password)
        except NotFound:
            user = services.create_user(email=EMAIL, password=password, name="Demo Person", is_operator=True)
        try:
            workspace = access.workspace_by_slug(SLUG)
        except NotFound:
            workspace = services.create_workspace(name="Northwind Studio", slug=SLUG, owner=user)
        billing.publish_builtin_cards()
        billing.balance_of(workspace.pk)  # opens the wallet with its welcome credit
        return password
