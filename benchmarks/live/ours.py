"""Our own server: an installation with people, keys and documents, and each way to serve it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.live.crowd import Door
from benchmarks.live.processes import CannotStart, running, wait_for_port
from benchmarks.live.serve import daphne_arguments, uvicorn_arguments
from tests import servers
from tests.servers import BIN, ROOT, free_port

SOCKETS = {"WUKONG_SOCKETS_OF_A_DOCUMENT": "1000", "WUKONG_SOCKETS_OF_A_PERSON": "1000"}
"""More than the product lets in by default: for the scenes with more than 100 clients at a document."""
NAMES = ("ours-daphne", "ours-uvicorn", "ours-daphne-no-commits", "ours-uvicorn-no-commits")
_FURNISH_S = 120


class Installation:
    """A data folder, or a database of its own, with what `furnish` has put into it."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.folder = env, folder
        self.has: dict[str, Any] = {}
        self._used = 0

    @classmethod
    def on_sqlite(cls, folder: Path) -> "Installation":
        return cls(servers.embedded(folder).env, folder)

    def furnish(self, documents: int, *, with_large: bool = False) -> None:
        """Fill it. Raises CannotStart."""
        command = [sys.executable, "-m", "benchmarks.live.furnish", "--documents", str(documents)]
        command += ["--with-large"] if with_large else []
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=_FURNISH_S, check=False
        )
        if done.returncode:
            raise CannotStart(f"our own server has no people: {done.stderr.strip()[-300:]}")
        self.has = json.loads(done.stdout.splitlines()[-1])

    def take(self, count: int) -> list[str]:
        """Return documents that nobody has used; of many, the same ones again."""
        names: list[str] = self.has["documents"]
        if self._used + count > len(names):
            self._used = 0
        self._used += count
        return names[self._used - count : self._used]


@dataclass
class OurServer:
    """A running server of ours."""

    name: str
    pids: list[int]
    port: int
    installation: Installation

    def documents(self, count: int) -> list[str]:
        return self.installation.take(count)

    def door(self, document: str, place: int) -> Door:
        """Return how client number `place` enters: a stock client with the key of one of the people, in turn."""
        keys: list[str] = self.installation.has["keys"]
        return self.door_with(document, keys[place % len(keys)])

    def door_with(self, document: str, key: str) -> Door:
        return Door(self.port, f"/ws/documents/{document}", protocols=("wukong.sync", f"wukong.bearer.{key}"))


def command_of(name: str, port: int, agents: Path | None = None) -> list[str]:
    """Return the production command of a server, or the benchmark's own start where that can not do it."""
    server = name.split("-")[1]
    options = ["--no-commits"] if name.endswith("no-commits") else []
    options += ["--agents", str(agents)] if agents is not None else []
    if options:
        return [sys.executable, "-m", "benchmarks.live.serve", server, str(port), *options]
    arguments = daphne_arguments(port) if server == "daphne" else uvicorn_arguments(port)
    return [str(BIN / server), *arguments]


@contextmanager
def start(
    name: str, installation: Installation, *, many: bool = False, agents: Path | None = None
) -> Iterator[OurServer]:
    """Run a server of ours. Raises CannotStart."""
    port = free_port()
    log = installation.folder / f"{name}.log"
    env = installation.env | (SOCKETS if many else {})
    with running(command_of(name, port, agents), ROOT, env, log) as process:
        wait_for_port(port, process, log)
        yield OurServer(name, [process.pid], port, installation)
