"""Sites that are killed: the embedded size in one process, and two web processes beside a worker on PostgreSQL."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.killing import rows
from tests import machine, servers
from tests.rest import Rest

LAUNCH: Final = str(Path(__file__).with_name("launch.py"))
FIRST_REDIS: Final = 10  # tests use 9
LONGEST_START_S: Final = 90.0
PEOPLE: Final = 3

_SEED = """
from workspaces.documents import services as documents
from workspaces.people import access, services as people
from workspaces.people.models import Role
ada, workspace = access.user_by_email("demo@example.com"), access.workspace_by_slug("northwind")
print(documents.create_project(workspace=workspace, name="Storm", actor=ada).pk)
for name in ("Bob", "Carl"):
    person = people.create_user(email=name.lower() + "@example.com", password=None, name=name)
    people.add_member(workspace=workspace, user=person, role=Role.EDITOR, actor=None)
for email in ("demo@example.com", "bob@example.com", "carl@example.com"):
    print(people.create_key(workspace=workspace, user=access.user_by_email(email), name="storm", scopes=None)[1])
"""
SEEDED: Final = {"content": {"format": "markdown", "text": "‹seed1›\n\n‹seed2›\n"}}


class Forked:
    """A process that the nursery has forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def is_gone(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    async def until_gone(self, seconds: float) -> None:
        """Wait until the process is gone, or so long."""
        end = time.monotonic() + seconds
        while not self.is_gone and time.monotonic() < end:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL the process and its group, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while not self.is_gone:
            if time.monotonic() > end:
                raise AssertionError("a killed process does not go away")
            time.sleep(0.002)


class Target:
    """A site with a document, a few people's keys, and processes that can be killed one by one."""

    name = ""

    def __init__(self, site: servers.Site, compiled: Path) -> None:
        self.site = site
        site.env |= {"PYTHONPYCACHEPREFIX": str(compiled / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
        self.document = self.project = ""
        self.keys: list[str] = []
        self.running: dict[str, Forked] = {}
        self.listening_at: dict[str, float] = {}
        self._nursery: subprocess.Popen[str] | None = None

    def ports(self) -> dict[str, int]:
        """Return the port of each process that people connect to."""
        raise NotImplementedError

    def command(self, part: str) -> list[str]:
        """Return what the nursery has to be."""
        raise NotImplementedError

    def stored(self) -> rows.Stored:
        raise NotImplementedError

    def load(self) -> None:
        """Load the program once; every process is a fork of this one."""
        with self.site.log.open("ab") as errors:
            self._nursery = subprocess.Popen(
                [sys.executable, LAUNCH],
                cwd=servers.ROOT,
                env=self.site.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        if self._answer() != "loaded":
            raise AssertionError(f"the program could not be loaded: {self.site.tail()}")

    def manage(self, *argv: str) -> str:
        """Return what a command prints."""
        path = self.site.log.with_name("said.out")
        path.unlink(missing_ok=True)
        command = self._fork({"argv": argv, "env": {}, "out": str(path)})
        end = time.monotonic() + LONGEST_START_S
        while not command.is_gone and time.monotonic() < end:
            time.sleep(0.01)
        return path.read_text()

    def seed(self) -> None:
        """Make a project and a few people with keys."""
        said = self.manage("shell", "-v", "0", "-c", _SEED)
        self.project, *self.keys = said.split()
        if len(self.keys) != PEOPLE:
            raise AssertionError(f"the people could not be made: {said}")

    def _answer(self) -> str:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().strip()

    def close(self) -> None:
        for part in list(self.running):
            self.kill(part)
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()

    def rest(self) -> list[Rest]:
        """Return a client for each process that listens."""
        ports = [port for part, port in self.ports().items() if part in self.listening_at]
        return [Rest(f"http://127.0.0.1:{port}", self.keys[0]) for port in ports]

    def new_document(self) -> None:
        """Make the document that people connect to from now on."""
        body = {"project": self.project, "title": "Storm", **SEEDED}
        self.document = str(self.rest()[0].post("documents/", body)["id"])

    def cold(self) -> Any:
        """Return [head, blocks] as a fresh process reads the document."""
        return json.loads(self.manage("read", self.document))

    def address(self, moments: random.Random) -> str:
        """Return where to connect next: as a proxy, to a process that listens if there is one."""
        ports = self.ports()
        open_ports = [port for part, port in ports.items() if part in self.listening_at] or list(ports.values())
        return f"ws://127.0.0.1:{moments.choice(open_ports)}/ws/documents/{self.document}"

    # --- processes ---------------------------------------------------------------------------------------------------
    def spawn(self, part: str, *, is_hurried: bool = False, dies: int = 0) -> None:
        """Start a process; `dies`: it kills itself in the middle of a snapshot."""
        env = {"WUKONG_BENCH_HURRY": "1"} if is_hurried else {}
        env |= {"WUKONG_BENCH_DIES": str(dies)} if dies else {}
        order = {"argv": self.command(part), "env": env, "out": str(self.out(part))}
        self.running[part] = self._fork(order)

    def _fork(self, order: dict[str, Any]) -> Forked:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(order) + "\n")
        self._nursery.stdin.flush()
        return Forked(int(self._answer()))

    def out(self, part: str) -> Path:
        return self.site.log

    async def listen(self, part: str) -> None:
        """Wait until a process takes connections; returns early when it is killed meanwhile."""
        process, port = self.running[part], self.ports()[part]
        end = time.monotonic() + LONGEST_START_S
        while process is self.running.get(part):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                self.listening_at[part] = time.monotonic()
                return
            if process.is_gone or time.monotonic() > end:
                raise AssertionError(f"{part} did not start: {self.site.tail()}")
            await asyncio.sleep(0.02)

    def kill(self, part: str) -> None:
        """SIGKILL one process; it may have died before."""
        self.listening_at.pop(part, None)
        self.running.pop(part).kill()


class Embedded(Target):
    """`manage.py up` on SQLite."""

    name = "sqlite"

    def ports(self) -> dict[str, int]:
        return {"server": self.site.port}

    def command(self, part: str) -> list[str]:
        return ["up"]

    def stored(self) -> rows.Stored:
        return rows.of_sqlite(Path(self.site.env["WUKONG_DATA_DIR"]), self.document)


class Pair(Target):
    """Two `daphne` on PostgreSQL and Redis, and a worker that writes as an agent."""

    name = "postgresql"

    def __init__(self, site: servers.Production, compiled: Path) -> None:
        super().__init__(site, compiled)
        self.production = site
        self._pause = Path(site.env["WUKONG_DATA_DIR"]) / "pause"

    def ports(self) -> dict[str, int]:
        return {f"web{number}": port for number, port in enumerate(self.production.ports, 1)}

    def command(self, part: str) -> list[str]:
        if part == "agent":
            return ["agent", self.document, "agent"]
        return ["daphne", *self.production.commands()[part][1:]]

    def out(self, part: str) -> Path:
        return self.site.log.with_name("agent.out") if part == "agent" else self.site.log

    def stored(self) -> rows.Stored:
        return rows.of_postgres(self.site.env["DATABASE_URL"], self.document)

    def said(self) -> list[str]:
        """Return the tokens that workers have said to be committed, of this document and earlier ones."""
        path = self.out("agent")
        return [line for line in path.read_text().splitlines() if line.startswith("agent")] if path.exists() else []

    async def rest_agent(self) -> None:
        """Have the worker stop writing, and wait until it does."""
        self._pause.touch()
        path, end = self.out("agent"), time.monotonic() + LONGEST_START_S
        before = path.stat().st_size if path.exists() else 0
        while not self.running["agent"].is_gone:
            if path.exists() and b"paused\n" in path.read_bytes()[before:]:
                return
            if time.monotonic() > end:
                raise AssertionError(f"the worker does not pause: {path.read_text()[-2000:]}")
            await asyncio.sleep(0.02)

    def wake_agent(self) -> None:
        self._pause.unlink(missing_ok=True)


@contextlib.contextmanager
def embedded(folder: Path, compiled: Path) -> Iterator[Embedded]:
    """Yield an embedded site with people; it does not run."""
    target = Embedded(servers.embedded(folder), compiled)
    try:
        target.load()
        target.manage("migrate", "--verbosity", "0")
        target.manage("seed_demo")
        target.seed()
        yield target
    finally:
        target.close()


@contextlib.contextmanager
def pair(folder: Path, compiled: Path, number: int) -> Iterator[Pair]:
    """Yield a production site with a database of its own; it does not run."""
    redis = f"{machine.REDIS.rpartition('/')[0]}/{FIRST_REDIS + number}"
    with servers.production(folder, redis) as site:
        target = Pair(site, compiled)
        try:
            target.load()
            target.seed()
            yield target
        finally:
            target.close()
