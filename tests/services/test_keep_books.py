"""PostgreSQL as the production size finds it: migrated without a rest, guarded, and exact with several processes."""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from tests import servers

pytestmark = pytest.mark.services

PROCESSES, CALLS, THREADS = 4, 120, 8
CREDIT = "0.100000000"
PRICE_NANO = 1000 * 2_000 + 60 * 8_000
HOLD_NANO = 1000 * 2_000 + 100 * 8_000
APPEND_ONLY = ("billing_transfer", "billing_usagerecord", "billing_ratecard", "billing_rate")


@pytest.fixture(scope="module")
def cold(tmp_path_factory) -> Iterator[servers.Production]:
    """A migrated and seeded site of which nothing runs, with little money."""
    folder = tmp_path_factory.mktemp("cold")
    with servers.database(folder) as url:
        env = servers.embedded(
            folder,
            DATABASE_URL=url,
            REDIS_URL="redis://127.0.0.1:1/0",
            WUKONG_SECRET_KEY="a secret for tests only, and it is long enough",
            WUKONG_WELCOME_CREDIT=CREDIT,
        ).env
        site = servers.Production(env=env, port=1, log=folder / "server.log")
        site.manage("migrate", "--verbosity", "0")
        site.manage("seed_demo")
        yield site


def test_migrations_leave_nothing_to_do(cold):
    assert "No changes detected" in cold.manage("makemigrations", "--check", "--dry-run")
    cold.manage("migrate", "--check")
    assert "No migrations to apply" in cold.manage("migrate")


def test_calls_that_several_processes_make_at_once_are_charged_once_and_never_overspend(cold):
    command = [sys.executable, "-m", "tests.services.spender", "northwind", str(CALLS), str(THREADS)]
    spenders = [
        subprocess.Popen(command, cwd=servers.ROOT, env=cold.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    told = []
    for spender in spenders:
        out, err = spender.communicate(timeout=120)
        assert spender.returncode == 0, err.decode()[-2000:]
        told.append(json.loads(out))

    with psycopg.connect(cold.env["DATABASE_URL"]) as connection:
        charged, distinct = _row(
            connection, "SELECT count(*), count(DISTINCT call) FROM billing_transfer WHERE code = 'capture'"
        )
        balance, held = _row(connection, "SELECT balance_nano, held_nano FROM billing_wallet")
        (open_holds,) = _row(connection, "SELECT count(*) FROM billing_hold WHERE state = 'pending'")
    credit = int(CREDIT.replace(".", ""))
    assert charged == distinct
    assert balance == credit - charged * PRICE_NANO
    assert 0 <= balance < HOLD_NANO  # spent as far as it goes, and not further
    assert (held, open_holds) == (0, 0)
    assert all(one["charged"] + one["refused"] == CALLS for one in told)
    assert max(one["charged"] for one in told) <= charged
    assert cold.manage("books").endswith("difference 0 nano")


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_booked_stays_whatever_sql_says(cold, table):
    with psycopg.connect(cold.env["DATABASE_URL"], autocommit=True) as connection:
        (before,) = _row(connection, f"SELECT count(*) FROM {table}")
        for statement in (
            f"UPDATE {table} SET created_at = now()",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
        (after,) = _row(connection, f"SELECT count(*) FROM {table}")
    assert before == after > 0


def _row(connection: "psycopg.Connection[tuple[int, ...]]", query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
