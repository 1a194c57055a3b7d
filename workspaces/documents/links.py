"""Which addresses a link may lead to when a document leaves the editor."""

import re
from typing import Final

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_KNOWN: Final = frozenset({"http", "https", "mailto", "tel"})
_IGNORED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]")  # browsers skip some of these


def is_safe(href: str) -> bool:
    """Return whether an address is relative to this site or its scheme runs nothing (http, https, mailto, tel)."""
    bare = _IGNORED.sub("", href)
    scheme = _SCHEME.match(bare)
    if scheme is not None:
        return scheme[1].lower() in _KNOWN
    return bool(bare) and ":" not in re.split(r"[/?#]", bare, maxsplit=1)[0] and not re.match(r"[/\\]{2}", bare)
