"""Who is asking: API keys for REST and for websockets, and what a key may do."""

import re
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from workspaces.people import access, services
from workspaces.people.models import ApiKey, User
from wukong.kernel.errors import Forbidden, Unauthenticated

KEY_SHAPE = re.compile(r"wk_[A-Za-z0-9_-]{40}")


def user_of_bearer(secret: str) -> User:
    """Return the person of an API key, `acting_key` set; raises Unauthenticated for an unknown or revoked one.

    Blocks on the database. The key's use is noted at most once a minute.
    """
    key = access.key_of(secret) if KEY_SHAPE.fullmatch(secret) else None
    if key is None:
        raise Unauthenticated(_("This API key is unknown or was revoked."))
    services.note_use(key=key)
    return key.user


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer wk_…`. Its refusal is final: a request with a wrong key is not tried as a session."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey | None] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            user = user_of_bearer(secret.strip())
        except Unauthenticated as error:
            raise AuthenticationFailed(error.message) from None
        return user, user.acting_key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Names the key in the OpenAPI document."""

    target_class = BearerAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "wk_…"}


class HasScope(BasePermission):
    """Keys need the scope of the view; signed-in people have all.

    A view says `required_scope = "runs"` (then reading needs runs:read, all else runs:write), or a whole scope, or
    None when any key will do. A view that says nothing is closed to keys.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        key = request.auth
        if not isinstance(key, ApiKey):
            return True
        needed = scope_of(view, request.method or "")
        if needed is not None and needed not in key.scopes:
            raise Forbidden(
                _("This key lacks the scope %(scope)s.") % {"scope": needed}, {"scope": needed} if needed else None
            )
        return True


def scope_of(view: Any, method: str) -> str | None:
    """Return the scope that `method` of `view` needs; None means any key, "" means no key."""
    scope: str | None = getattr(view, "required_scope", "")
    if not scope or ":" in scope:
        return scope
    return f"{scope}:{'read' if method in SAFE_METHODS else 'write'}"
