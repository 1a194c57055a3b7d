"""What people may call themselves and their workspaces. Each function returns the clean value or raises Invalid."""

import re
from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.utils.text import slugify
from django.utils.translation import gettext as _

from workspaces.people.access import as_uuid
from wukong.kernel.errors import Invalid

_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})*")


def clean_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid(_("This is not an e-mail address."), {"email": [_("Not an e-mail address.")]}) from None
    return email


def clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 80:
        raise Invalid(_("A name has 1 to 80 characters."), {"name": [_("1 to 80 characters.")]})
    return name


def clean_slug(slug: str) -> str:
    try:
        validate_slug(slug)
    except ValidationError:
        slug = ""
    # What looks like an id would be taken for one.
    if not slug or len(slug) > 60 or slug != slug.lower() or as_uuid(slug):
        raise Invalid(
            _("An address has lower-case letters, digits and hyphens."), {"slug": [_("Letters a-z, digits, hyphens.")]}
        )
    return slug


def free_slug(name: str, taken_with: Callable[[str], set[str]]) -> str:
    """Return an unused slug made of `name`: adas-workspace, adas-workspace-2, … `taken_with(stem)` are those in use."""
    stem = slugify(name.replace("'", ""))[:50].strip("-") or "workspace"
    if as_uuid(stem):
        stem = f"workspace-{stem}"[:50]
    taken = taken_with(stem)
    number = 1
    while (slug := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return slug


@cache
def time_zones() -> frozenset[str]:
    """Return all names of time zones. Kept: finding them opens six hundred files (20 ms)."""
    return frozenset(available_timezones())


def clean_time_zone(name: str) -> str:
    if name not in time_zones():
        raise Invalid(_("Unknown time zone."), {"time_zone": [_("A name like Europe/Berlin.")]})
    return name


def clean_language(code: str) -> str:
    if not (_LANGUAGE.fullmatch(code) and len(code) <= 10):
        raise Invalid(_("Unknown language."), {"language": [_("A code like en or zh-hans.")]})
    return code


def clean_currency(code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise Invalid(_("A currency is three capital letters, like USD."), {"currency": [_("Three capital letters.")]})
    return code
