"""Every error of the API in one form: {"error": {"code", "message", "details"}}."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response

from wukong.kernel.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedType,
    WukongError,
)

_log = logging.getLogger("wukong.http")
RETRY_AFTER_S = 2
MAX_ECHO = 100


class MethodNotAllowed(WukongError):
    code, status = "method_not_allowed", 405


class NotAcceptable(WukongError):
    code, status = "not_acceptable", 406


def body_of(error: WukongError) -> dict[str, Any]:
    """Return the JSON body of an error answer."""
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


def answer(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None means a bug of ours: Django logs it and answers 500."""
    error = translate(exc)
    if error is None:
        return None
    response = Response(body_of(error), status=error.status)
    if challenge := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    for name, value in headers_of(error).items():
        response[name] = value
    return response


def headers_of(error: WukongError) -> dict[str, str]:
    """Return `Retry-After` where trying again makes sense."""
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.details.get("retry_after", RETRY_AFTER_S))}
    return {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, Unavailable) else {}


def translate(exc: Exception) -> WukongError | None:
    """Return the error of our tree that says the same as `exc`; None when it is nobody's fault but ours."""
    if isinstance(exc, WukongError):
        return exc
    if isinstance(exc, exceptions.APIException):
        return _from_rest(exc)
    return _from_django(exc)


def _from_rest(exc: exceptions.APIException) -> WukongError:
    text = _text(exc.detail)
    if isinstance(exc, exceptions.ValidationError):
        return invalid(exc.detail)
    if isinstance(exc, exceptions.Throttled):
        wait = max(1, math.ceil(getattr(exc, "wait", None) or 1))
        return Throttled(_("Too many requests. Please wait a moment."), {"retry_after": wait})
    kinds: dict[int, type[WukongError]] = {
        status.HTTP_400_BAD_REQUEST: Invalid,
        status.HTTP_401_UNAUTHORIZED: Unauthenticated,
        status.HTTP_403_FORBIDDEN: Forbidden,
        status.HTTP_404_NOT_FOUND: NotFound,
        status.HTTP_405_METHOD_NOT_ALLOWED: MethodNotAllowed,
        status.HTTP_406_NOT_ACCEPTABLE: NotAcceptable,
        status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: UnsupportedType,
    }
    return kinds.get(exc.status_code, Unavailable)(text)


def _from_django(exc: Exception) -> WukongError | None:
    if isinstance(exc, DjangoValidationError):
        return invalid(exc.message_dict if hasattr(exc, "error_dict") else exc.messages)
    if isinstance(exc, Http404):
        return NotFound(_("There is nothing here, or it is not for you."))
    if isinstance(exc, PermissionDenied):
        return Forbidden(_("You may not do this."))
    if isinstance(exc, RequestDataTooBig):
        return TooLarge(_("The request is too large."))
    if isinstance(exc, SuspiciousOperation):
        return Invalid(_("The request could not be understood."))
    if isinstance(exc, OperationalError):  # locked, full or away: nothing was written, trying again is right
        _log.error("the database refused: %s", exc)
        return Unavailable(_("The database is busy. Nothing was changed; please try again."))
    return None


def invalid(detail: Any) -> Invalid:
    """Return Invalid with `details` {field: [text]}; nested fields are joined by dots ("content.format")."""
    details: dict[str, list[str]] = {}
    for field, text in _flatten(detail, ""):
        details.setdefault(field, []).append(text)
    texts = [text for found in details.values() for text in found]
    return Invalid(texts[0] if len(texts) == 1 else _("Some fields need another look."), details)


def _flatten(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _flatten(inner, here)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for number, inner in enumerate(detail):
            here = f"{path}.{number}" if isinstance(inner, Mapping) and path else path
            yield from _flatten(inner, here)
    else:
        yield _shown(path) or "request", _shown(str(detail), MAX_ECHO * 5)


def _shown(text: str, most: int = MAX_ECHO) -> str:
    """Return what of a client's words may go back to it: not all of a long one, no halves of characters."""
    return text[:most].encode("utf-8", "replace").decode()


def _text(detail: Any) -> str:
    return next((text for _field, text in _flatten(detail, "")), "")
