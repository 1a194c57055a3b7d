"""The exception tree. Services raise, only edges translate.

WukongError
├── Invalid              400 invalid                a field or a value is wrong; details {field: [text]}
├── Unauthenticated      401 unauthenticated        nobody is signed in, or the key is unknown
├── InsufficientFunds    402 insufficient_funds     a hold was refused; details say what is missing
├── Forbidden            403 forbidden              a member without the right
├── NotFound             404 not_found              not there, or not for this person
├── Conflict             409 conflict               the state does not allow it
│   └── IdempotencyMismatch  409 idempotency_mismatch   same key, other arguments
├── Stale                412 stale                  based on something that has changed
├── TooLarge             413 too_large
├── UnsupportedType      415 unsupported_type
├── Throttled            429 throttled              details {"retry_after": seconds}
└── Unavailable          503 unavailable            a service that we need is away; try again
"""

from collections.abc import Mapping
from typing import Any


class WukongError(Exception):
    """Base of all errors that a user may see: `message` is a sentence for people, `details` is for programs."""

    code = "error"
    status = 500

    def __init__(self, message: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = str(message) or self.code.replace("_", " ").capitalize() + "."
        self.details: dict[str, Any] = dict(details or {})


class Invalid(WukongError):
    code, status = "invalid", 400


class Unauthenticated(WukongError):
    code, status = "unauthenticated", 401


class InsufficientFunds(WukongError):
    code, status = "insufficient_funds", 402


class Forbidden(WukongError):
    code, status = "forbidden", 403


class NotFound(WukongError):
    code, status = "not_found", 404


class Conflict(WukongError):
    code, status = "conflict", 409


class IdempotencyMismatch(Conflict):
    code, status = "idempotency_mismatch", 409


class Stale(WukongError):
    code, status = "stale", 412


class TooLarge(WukongError):
    code, status = "too_large", 413


class UnsupportedType(WukongError):
    code, status = "unsupported_type", 415


class Throttled(WukongError):
    code, status = "throttled", 429


class Unavailable(WukongError):
    code, status = "unavailable", 503
