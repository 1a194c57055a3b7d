"""Real servers for tests: the embedded size in one process, the production size as web, worker and beat processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from tests import machine

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PASSWORD = "demo password for tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, seconds: float = 30.0) -> float:
    """Return the seconds until `url` answered 200."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except (OSError, urllib.error.HTTPError):
            pass
        time.sleep(0.02)
    raise TimeoutError(url)


@dataclass
class Site:
    """A running installation: its environment, its processes (each the leader of its own group), its address."""

    env: dict[str, str]
    port: int
    ports: list[int] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    log: Path = Path("/dev/null")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *args], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise AssertionError(f"manage.py {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def spawn(self, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=env or self.env, stdout=out, stderr=out, start_new_session=True
            )
        self.processes.append(process)
        return process

    def start(self) -> float:
        """Start every process; returns the seconds until the site was ready to work."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL every process group at once, as a power cut of the software would."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.wait(10)
        self.processes.clear()

    def stop(self) -> list[int]:
        """SIGTERM every process; returns the exit codes."""
        for process in self.processes:
            process.terminate()
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(15))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                codes.append(process.wait())
        self.processes.clear()
        return codes

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Embedded(Site):
    """`manage.py up` on its own data folder."""

    def start(self) -> float:
        self.spawn(sys.executable, "manage.py", "up")
        try:
            return wait_for(f"{self.url}/readyz")
        except TimeoutError as error:
            raise AssertionError(self.tail()) from error


class Production(Site):
    """Two web processes, one worker, one beat on PostgreSQL and Redis."""

    def commands(self) -> dict[str, tuple[str, ...]]:
        """Return what each part runs: web1, web2, worker, beat."""
        celery = (str(BIN / "celery"), "-A", "wukong")
        daphne = (str(BIN / "daphne"), "-v", "0", "-b", "127.0.0.1")
        frames = ("--websocket-max-message-size", str(2 << 20), "--websocket-max-frame-size", str(2 << 20))
        web = {
            f"web{number}": (*daphne, "-p", str(port), *frames, "wukong.asgi:application")
            for number, port in enumerate(self.ports, 1)
        }
        schedule = str(Path(self.env["WUKONG_DATA_DIR"]) / "beat")
        return web | {
            "worker": (*celery, "worker", "-P", "threads", "-c", "16", "-Q", "steps", "-l", "WARNING"),
            "beat": (*celery, "beat", "-l", "WARNING", "-s", schedule),
        }

    def start(self) -> float:
        """Start the parts that do not run."""
        for name, command in self.commands().items():
            if name not in self.parts:
                self.parts[name] = self.spawn(*command)
        return self.wait()

    def wait(self) -> float:
        """Return the seconds until both web processes say that people can work."""
        try:
            return max(wait_for(f"http://127.0.0.1:{port}/readyz", 60) for port in self.ports)
        except TimeoutError as error:
            raise AssertionError(self.tail()) from error

    def kill(self) -> None:
        self.parts.clear()
        super().kill()

    def end_part(self, name: str) -> int:
        """SIGTERM one part alone; returns its exit code."""
        process = self.parts.pop(name)
        self.processes.remove(process)
        process.terminate()
        return process.wait(15)

    def kill_part(self, name: str) -> None:
        """SIGKILL one part alone."""
        process = self.parts.pop(name)
        self.processes.remove(process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _env(folder: Path, port: int, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WUKONG_", "DJANGO_"))}
    return (
        clean
        | {
            "WUKONG_DATA_DIR": str(folder),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "WUKONG_LOCAL_MODEL": "off",
            "WUKONG_SCRIPTED": "on",
            "WUKONG_DEMO_PASSWORD": PASSWORD,
            "WUKONG_WELCOME_CREDIT": "50.00",
            "WUKONG_LEASE_S": "3",
            "WUKONG_RATE_READ": "100000/min",
            "WUKONG_RATE_WRITE": "100000/min",
            "PYTHONUNBUFFERED": "1",
        }
        | more
    )


def embedded(folder: Path, **more: str) -> Embedded:
    """Return an embedded site that is not started yet."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    return Embedded(env=_env(folder, port, **more), port=port, log=folder / "server.log")


@contextlib.contextmanager
def database(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database of its own; it is dropped afterwards."""
    name = f"wukong_{os.getpid()}_{folder.name}".lower().replace("-", "_")[:60]
    with psycopg.connect(machine.POSTGRES, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{machine.POSTGRES.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(machine.POSTGRES, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def production(folder: Path, redis_url: str = machine.REDIS, **more: str) -> Iterator[Production]:
    """Yield a production site with a database of its own, migrated and seeded, not started yet.

    The Redis database at `redis_url` is emptied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with redis.Redis.from_url(redis_url) as cache:
        cache.flushdb()
    ports = [free_port(), free_port()]
    with database(folder) as url:
        env = _env(
            folder,
            ports[0],
            DATABASE_URL=url,
            REDIS_URL=redis_url,
            WUKONG_SECRET_KEY="a secret for tests only, and it is long enough",
            **more,
        )
        site = Production(env=env, port=ports[0], ports=ports, log=folder / "server.log")
        try:
            site.manage("migrate", "--verbosity", "0")
            site.manage("seed_demo")
            yield site
        finally:
            site.kill()
