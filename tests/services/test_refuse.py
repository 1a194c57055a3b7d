"""An unsafe configuration is refused: by `check --deploy`, by commands, and by every server and worker at its start."""

import subprocess
import sys

import pytest

from tests import servers

pytestmark = pytest.mark.slow

SAFE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "WUKONG_SECRET_KEY": "k7Q-long-and-random-enough-for-a-test-of-the-settings-x9Zb",
    "WUKONG_URL": "https://wukong.example.org",
    "WUKONG_ALLOWED_HOSTS": "wukong.example.org",
    "WUKONG_TRUST_PROXY": "on",
}
UNSAFE = {
    "sqlite with redis": ({"DATABASE_URL": ""}, "Production needs both DATABASE_URL (PostgreSQL) and REDIS_URL."),
    "postgresql without redis": ({"REDIS_URL": ""}, "Production needs both DATABASE_URL (PostgreSQL) and REDIS_URL."),
    "debug": ({"WUKONG_DEBUG": "on"}, "WUKONG_DEBUG is on in production."),
    "no secret": ({"WUKONG_SECRET_KEY": ""}, "WUKONG_SECRET_KEY is not set."),
    "short secret": ({"WUKONG_SECRET_KEY": "short"}, "WUKONG_SECRET_KEY is shorter than 32 characters."),
}
NOT_DEPLOYED = {
    "embedded": ({"DATABASE_URL": "", "REDIS_URL": ""}, "This is the embedded size: SQLite in one process."),
    "no tls": ({"WUKONG_URL": "http://wukong.example.org"}, "WUKONG_URL is not an https:// address."),
    "local hosts": (
        {"WUKONG_ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]"},
        "WUKONG_ALLOWED_HOSTS names only this machine.",
    ),
}


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command under SAFE settings with some of them changed."""

    def started(changes: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
        env = servers.embedded(tmp_path, **SAFE | changes).env
        return subprocess.run(command, cwd=servers.ROOT, env=env, capture_output=True, text=True, timeout=60)

    return started


def _manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *words)


def test_a_safe_configuration_passes_without_a_warning(run):
    done = run({}, *_manage("check", "--deploy", "--fail-level", "WARNING"))

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(("changes", "sentence"), [*UNSAFE.values(), *NOT_DEPLOYED.values()])
def test_a_deployment_is_refused_with_its_sentence(run, changes, sentence):
    done = run(changes, *_manage("check", "--deploy"))

    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        (str(servers.BIN / "daphne"), "-p", "0", "wukong.asgi:application"),
        (str(servers.BIN / "celery"), "-A", "wukong", "worker", "-P", "threads"),
        (str(servers.BIN / "celery"), "-A", "wukong", "beat", "-s", "/dev/null"),
        _manage("migrate"),
    ],
    ids=["web", "worker", "beat", "command"],
)
def test_nothing_starts_with_an_unsafe_configuration(run, command):
    changes, sentence = UNSAFE["sqlite with redis"]

    done = run(changes, *command)

    assert done.returncode != 0
    assert sentence in done.stderr


def test_the_embedded_server_does_not_run_on_the_databases_of_the_production_size(run):
    done = run({}, *_manage("up"))

    assert done.returncode == 1
    assert "`up` is the embedded size" in done.stderr
