"""`manage.py check --deploy` and every start refuse what would be unsafe, with a sentence that says what to do."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


def production_errors() -> list[CheckMessage]:
    """Return what forbids this configuration in production."""
    found: list[CheckMessage] = []
    if bool(settings.DATABASE_URL) != bool(settings.REDIS_URL):
        found.append(
            Error(
                "Production needs both DATABASE_URL (PostgreSQL) and REDIS_URL.",
                hint="SQLite serves one process only; several processes need PostgreSQL and Redis. "
                "Unset both for the embedded size.",
                id="wukong.E001",
            )
        )
    if settings.WUKONG_PRODUCTION and settings.DEBUG:
        found.append(Error("WUKONG_DEBUG is on in production.", hint="Unset WUKONG_DEBUG.", id="wukong.E002"))
    if settings.WUKONG_PRODUCTION and settings.SECRET_IS_GENERATED:
        found.append(
            Error(
                "WUKONG_SECRET_KEY is not set.",
                hint="Give every process the same long random secret (WUKONG_SECRET_KEY or WUKONG_SECRET_KEY_FILE).",
                id="wukong.E003",
            )
        )
    if len(settings.SECRET_KEY) < 32:
        found.append(Error("WUKONG_SECRET_KEY is shorter than 32 characters.", id="wukong.E004"))
    if bool(settings.WUKONG_STRIPE_KEY) != bool(settings.WUKONG_STRIPE_WEBHOOK_SECRET):
        found.append(
            Error(
                "WUKONG_STRIPE_KEY and WUKONG_STRIPE_WEBHOOK_SECRET belong together.",
                hint="Without both nobody can pay in the browser. Set both, or neither.",
                id="wukong.E008",
            )
        )
    return found


def refuse_unsafe() -> None:
    """End the process, exit code 1, with the sentences of what forbids this configuration.

    Servers and workers call it themselves: only commands run Django's checks.
    """
    if found := production_errors():
        raise SystemExit("\n".join(f"{error.msg} {error.hint or ''}".strip() for error in found))


@register(Tags.security)
def every_command(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse DEBUG, a default secret, or SQLite with several processes in production."""
    return production_errors()


@register(Tags.security, deploy=True)
def before_deploying(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to call an embedded or unencrypted configuration a deployment."""
    found: list[CheckMessage] = []
    if not settings.WUKONG_PRODUCTION:
        found.append(
            Error(
                "This is the embedded size: SQLite in one process.",
                hint="Set DATABASE_URL and REDIS_URL for a deployment.",
                id="wukong.E005",
            )
        )
    if not settings.WUKONG_URL.startswith("https://"):
        found.append(
            Error("WUKONG_URL is not an https:// address.", hint="Put a proxy with TLS in front.", id="wukong.E006")
        )
    if settings.WUKONG_PRODUCTION and set(settings.ALLOWED_HOSTS) <= {"127.0.0.1", "localhost", "[::1]"}:
        found.append(
            Error("WUKONG_ALLOWED_HOSTS names only this machine.", hint="Name the site's host.", id="wukong.E007")
        )
    return found
