"""A migrated SQLite database, kept for the code as it is: to migrate takes seconds, in each process of each run."""

import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from unittest import mock

from django.apps import apps
from django.core.management.commands import migrate
from django.db import connection

ROOT = Path(__file__).parent.parent
PACKAGES = ("wukong", "workspaces", "billing", "agents")
NOT_OF_THE_RUN = {"WUKONG_DATA_DIR"}  # where the database lies; nothing of it is in the database


def today() -> str:
    return str(datetime.now(UTC).date())


def key() -> str:
    """Return a hash of all that a migrated database is made from: with any change the kept one is not found."""
    made = hashlib.sha256()
    folders = [ROOT / name for name in PACKAGES] + [Path(app.path) / "migrations" for app in apps.get_app_configs()]
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            made.update(f"\n{path}\n".encode() + path.read_bytes())
    told = {name: text for name, text in os.environ.items() if name.startswith("WUKONG_")}
    for name in sorted(told.keys() - NOT_OF_THE_RUN):
        made.update(f"\n{name}={told[name]}".encode())
    for name, version in sorted((str(found.name), found.version) for found in metadata.distributions()):
        made.update(f"\n{name}=={version}".encode())
    made.update(f"\n{sys.version} {sqlite3.sqlite_version} {today()}".encode())
    return made.hexdigest()


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Let the migration of the test database copy what the same code has migrated before; None: migrate."""
    if folder is None or connection.vendor != "sqlite":
        yield
        return
    path = folder / f"{key()}.sqlite3"
    handle = migrate.Command.handle

    def copy_or_migrate(self: migrate.Command, *args: object, **options: object) -> None:
        connection.ensure_connection()
        if not _copied(path):
            handle(self, *args, **options)
            _keep(path)

    with mock.patch.object(migrate.Command, "handle", copy_or_migrate):
        yield


def _copied(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as kept:
            kept.backup(connection.connection)
    except sqlite3.OperationalError:  # there is none
        return False
    return True


def _keep(path: Path) -> None:
    """Put a copy into its place, whole or not at all; copies of other code go."""
    for other in path.parent.glob("*.sqlite3"):
        other.unlink(missing_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(unfinished)) as copy:
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    unfinished.replace(path)
