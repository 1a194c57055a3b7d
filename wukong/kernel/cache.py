"""The cache of the production size. A Redis that is away is an empty cache, not an error.

Only counters and signs of life are kept here, never truth; people can go on working without them.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

T = TypeVar("T")
_log = logging.getLogger("wukong.cache")


class _Client(RedisCacheClient):
    """Django's client, whose every call is answered as by a cache that has forgotten everything."""

    def add(self, *args: Any, **more: Any) -> bool:
        return _or(True, lambda: super(_Client, self).add(*args, **more))

    def get(self, key: Any, default: Any) -> Any:
        return _or(default, lambda: super(_Client, self).get(key, default))

    def set(self, *args: Any, **more: Any) -> None:
        _or(None, lambda: super(_Client, self).set(*args, **more))

    def touch(self, *args: Any, **more: Any) -> bool:
        return _or(False, lambda: super(_Client, self).touch(*args, **more))

    def delete(self, *args: Any, **more: Any) -> bool:
        return _or(False, lambda: super(_Client, self).delete(*args, **more))

    def get_many(self, *args: Any, **more: Any) -> dict[Any, Any]:
        return _or({}, lambda: super(_Client, self).get_many(*args, **more))

    def has_key(self, *args: Any, **more: Any) -> bool:
        return _or(False, lambda: super(_Client, self).has_key(*args, **more))

    def incr(self, *args: Any, **more: Any) -> int:
        """Raises ValueError, as for a key that is not there."""
        count: int | None = _or(None, lambda: super(_Client, self).incr(*args, **more))
        if count is None:
            raise ValueError("The key was not found.")
        return count

    def set_many(self, *args: Any, **more: Any) -> None:
        _or(None, lambda: super(_Client, self).set_many(*args, **more))

    def delete_many(self, *args: Any, **more: Any) -> None:
        _or(None, lambda: super(_Client, self).delete_many(*args, **more))


def _or(otherwise: T, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (redis.RedisError, OSError) as error:
        _log.warning("cache: %s", error)
        return otherwise


class Cache(RedisCache):
    """The backend that the settings name."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client
