"""What this machine can run: PostgreSQL, Redis, Chromium, Node.js. A missing part skips, and says how to have it."""

import functools
import os
import shutil
import socket
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

POSTGRES = os.environ.get("WUKONG_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("WUKONG_TEST_REDIS", "redis://127.0.0.1:6379/9")
CHROMIUM = os.environ.get("WUKONG_TEST_CHROMIUM", "/usr/bin/chromium")
REQUIRED = {part.strip() for part in os.environ.get("WUKONG_TEST_REQUIRE", "").split(",") if part.strip()}
AXE = Path(__file__).parents[1] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def _answers(url: str, port: int) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or port), timeout=1):
            return True
    except OSError:
        return False


@functools.cache
def missing(marker: str) -> str:
    """Return why tests with this marker cannot run here and how they could, or an empty string."""
    if marker == "services":
        if not _answers(POSTGRES, 5432):
            return f"no PostgreSQL at {POSTGRES}: start one or set WUKONG_TEST_POSTGRES"
        if not _answers(REDIS, 6379):
            return f"no Redis at {REDIS}: start one or set WUKONG_TEST_REDIS"
    if marker == "browser" and not Path(CHROMIUM).exists():
        return f"no Chromium at {CHROMIUM}: apt-get install chromium, or set WUKONG_TEST_CHROMIUM"
    if marker == "node" and shutil.which("node") is None:
        return "no Node.js on the path: install Node.js 20 or newer"
    return ""


def go_without(marker: str, why: str) -> NoReturn:
    """Skip the running test, or fail it where what the marker stands for is required."""
    if marker in REQUIRED:
        pytest.fail(why)
    pytest.skip(why)
