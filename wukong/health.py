"""/readyz: whether people can work. `degraded` is a 200: the site serves, a model is still on its way."""

import time
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from agents import metered

WORKER_BEAT = "worker-beat"
WORKER_SILENT_S = 15.0


def beat() -> None:
    """Say that a worker is alive (called by each `tick`)."""
    cache.set(WORKER_BEAT, time.time(), 60)


def checks() -> dict[str, dict[str, Any]]:
    """Return the state of each part that people depend on: {"ok": bool, "detail": …}."""
    return {"database": _database(), "broker": _broker(), "worker": _worker(), "model": metered.local_status()}


def ready(request: HttpRequest) -> JsonResponse:
    """Answer with the state of database, broker, worker and model; 503 when one of the first three is away."""
    found = checks()
    is_down = not all(found[name]["ok"] for name in ("database", "broker", "worker"))
    status = "down" if is_down else "ok" if found["model"]["ok"] else "degraded"
    return JsonResponse({"status": status, "checks": found}, status=503 if is_down else 200)


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return {"ok": False, "detail": type(error).__name__}
    return {"ok": True}


def _broker() -> dict[str, Any]:
    if not settings.REDIS_URL:
        return {"ok": True, "detail": "in process"}
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1).ping()
    except (redis.RedisError, OSError) as error:
        return {"ok": False, "detail": type(error).__name__}
    return {"ok": True}


def _worker() -> dict[str, Any]:
    last = cache.get(WORKER_BEAT)
    is_alive = last is not None and time.time() - last < WORKER_SILENT_S
    return {"ok": is_alive, "detail": "" if is_alive else "no worker has reported for 15 seconds"}
