"""Empty databases at full durability, and processes of ours that work on them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import ROOT
from tests import machine, servers

KINDS: Final = ("sqlite", "postgresql")
LONGEST_S: Final = 900.0
MODEL: Final = "priced"
PRICES: Final = "3.00,15.00,0.30,3.75"
"""Per million tokens, as large hosted models are sold: no built-in price of ours is as dear."""

Env = dict[str, str]
Child = subprocess.Popen[str]


def kinds(only: str | None) -> list[str]:
    """Return the databases to measure on this machine, and say which one is missing."""
    found = [only] if only else list(KINDS)
    if "postgresql" in found and (why := machine.missing("services")):
        print(f"without PostgreSQL: {why}")
        found.remove("postgresql")
    return found


@contextmanager
def fresh(kind: str, folder: Path, **more: str) -> Iterator[Env]:
    """Yield the environment of processes on an empty database, migrated; it is dropped afterwards.

    SQLite has `synchronous=FULL`, PostgreSQL its default `synchronous_commit=on`. The scripted model is there, and
    MODEL at PRICES.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WUKONG_", "DJANGO_"))}
    env = clean | {
        "DJANGO_SETTINGS_MODULE": "wukong.settings",
        "PYTHONPATH": str(ROOT),
        "WUKONG_DATA_DIR": str(folder),
        "WUKONG_SCRIPTED": "on",
        "WUKONG_LOCAL_MODEL": "off",
        "WUKONG_WELCOME_CREDIT": "0",
        "WUKONG_ENDPOINT_MODEL": MODEL,
        "WUKONG_ENDPOINT_PRICES": PRICES,
        "DATABASE_URL": "",
        "REDIS_URL": "",
        **more,
    }
    if kind == "sqlite":
        _migrate(env)
        yield env
    else:
        with servers.database(folder) as url:
            env["DATABASE_URL"] = url
            _migrate(env)
            yield env


def _migrate(env: Env) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
    subprocess.run(command, cwd=ROOT, env=env, check=True)


def spawn(env: Env, script: str, *argv: str) -> Child:
    """Start `script` as a child; its last line is its result. It ends when its standard input does."""
    command = [sys.executable, script, "--child", *argv]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(child: Child) -> str:
    """Wait for the first line of a child, and return it."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def result(child: Child) -> dict[str, Any]:
    """Return what a child has found out; raises RuntimeError when it failed."""
    out, _ = child.communicate(timeout=LONGEST_S)
    if child.returncode:
        raise RuntimeError(f"a measurement failed with exit code {child.returncode}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def results(children: Sequence[Child]) -> list[dict[str, Any]]:
    """Return what each child has found out; when one fails, none is left behind."""
    try:
        return [result(child) for child in children]
    finally:
        for child in children:
            child.kill()
