"""Who opens a socket, and whether they are still who they were: session with an allowed Origin, or an API key.

A key comes as `Authorization: Bearer` or, from browsers and stock clients, as the subprotocol `wukong.bearer.<key>`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.utils.translation import gettext as _

from workspaces.people.access import live_key
from workspaces.people.auth import user_of_bearer
from workspaces.people.models import User
from wukong.kernel.errors import Forbidden, Unauthenticated

Protocol = Literal["wukong.v1", "wukong.sync"]
PROTOCOLS: Final[tuple[Protocol, ...]] = ("wukong.v1", "wukong.sync")
_BEARER: Final = "wukong.bearer."
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Caller:
    """A person at a socket. `session` is the key of their session; None: they came with `user.acting_key`."""

    user: User
    session: str | None

    @property
    def session_hash(self) -> str | None:
        """What a sign-out says of the session that has ended."""
        return hashlib.sha256(self.session.encode()).hexdigest() if self.session else None

    def may(self, scope: str) -> bool:
        """Return whether the key allows `scope`; a signed-in person may use all."""
        key = self.user.acting_key
        return key is None or scope in key.scopes


def chosen_protocol(scope: Mapping[str, Any]) -> Protocol | None:
    """Return the first subprotocol offered that we speak. The one with a key never is: it would be echoed."""
    return next((cast("Protocol", name) for name in scope.get("subprotocols", ()) if name in PROTOCOLS), None)


def authenticate(scope: Mapping[str, Any]) -> Caller:
    """Return who opens the socket; raises Unauthenticated, Forbidden for a foreign Origin. Blocks on the database."""
    headers = {name.lower(): value.decode("latin1") for name, value in scope["headers"]}
    if (secret := _bearer(headers, scope.get("subprotocols", ()))) is not None:
        return Caller(user_of_bearer(secret), None)
    session = scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME)
    if not session:
        raise Unauthenticated(_("Sign in first."))
    if not _is_allowed(headers.get(b"origin", ""), headers.get(b"host", "")):
        raise Forbidden(_("Pages of other sites may not open sockets here."))
    return Caller(_user_of(session), session)


def verify(caller: Caller) -> Caller:
    """Return the caller as they are now; raises Unauthenticated when the session or the key has ended. Blocks."""
    if caller.session is not None:
        return Caller(_user_of(caller.session), caller.session)
    key = caller.user.acting_key
    fresh = live_key(key.pk) if key is not None else None
    if fresh is None:
        raise Unauthenticated(_("This API key is unknown or was revoked."))
    return Caller(fresh.user, None)


def _bearer(headers: Mapping[bytes, str], offered: list[str]) -> str | None:
    scheme, _space, secret = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    return next((name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)), None)


def _user_of(session: str) -> User:
    """Return the person of a session. Django compares the hash in it, so a changed password ends it."""
    user = get_user(cast("HttpRequest", SimpleNamespace(session=SessionStore(session))))
    if not isinstance(user, User) or not user.is_active:
        raise Unauthenticated(_("Sign in first."))
    return user


def _is_allowed(origin: str, host: str) -> bool:
    """Return whether a page of `origin` may use the cookie: the site itself, under any of its names, on its port.

    The port counts because a cookie does not know it: another program on this machine is another site.
    """
    if origin == settings.WUKONG_URL.rstrip("/"):
        return True
    found = urlsplit(origin)
    if found.scheme not in _DEFAULT_PORTS or not found.hostname:
        return False
    ports = {_port(settings.WUKONG_URL), _port(f"{found.scheme}://{host}")}
    name, _rest = split_domain_port(found.netloc)
    return validate_host(name, settings.ALLOWED_HOSTS) and _port(origin) in ports


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    try:
        return parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
