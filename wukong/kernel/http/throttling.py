"""How often one person, key or address may ask: a counter per window, so that any number of processes agree."""

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from wukong.kernel.http.address import client_address

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_rate(rate: str) -> tuple[int, int]:
    """Return (requests, seconds) of a rate.

    >>> parse_rate("300/min")
    (300, 60)
    """
    count, _, unit = rate.partition("/")
    return int(count), _SECONDS[unit.strip()[0]]


class _Rate(BaseThrottle):
    scope: str
    _wait_s = 0.0

    def rate(self) -> str:
        return str(getattr(settings, f"WUKONG_RATE_{self.scope.upper()}"))

    def identity(self, request: Request) -> str | None:
        """Return whom the counter is for; None when this rate does not concern the request."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        who = self.identity(request)
        if who is None:
            return True
        limit, seconds = parse_rate(self.rate())
        now = time.time()
        window = int(now // seconds)
        self._wait_s = (window + 1) * seconds - now
        key = f"rate:{self.scope}:{who}:{window}"
        cache.add(key, 0, seconds + 1)
        try:
            return bool(cache.incr(key) <= limit)
        except ValueError:
            return True  # the window ended between the two calls

    def wait(self) -> float:
        return self._wait_s


def _caller(request: Request) -> str | None:
    if not request.user.is_authenticated:
        return None
    return f"key:{request.auth.pk}" if request.auth is not None else f"person:{request.user.pk}"


class ReadRate(_Rate):
    """GET, HEAD and OPTIONS of a person or key."""

    scope = "read"

    def identity(self, request: Request) -> str | None:
        return _caller(request) if request.method in SAFE_METHODS else None


class WriteRate(_Rate):
    """Everything else of a person or key."""

    scope = "write"

    def identity(self, request: Request) -> str | None:
        return None if request.method in SAFE_METHODS else _caller(request)


class AnonymousRate(_Rate):
    """Requests without an identity, also those with a wrong key: per address."""

    scope = "anonymous"

    def identity(self, request: Request) -> str | None:
        return None if request.user.is_authenticated else client_address(request)
