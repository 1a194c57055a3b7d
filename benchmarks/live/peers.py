"""Servers of others, from their packages, installed on demand beside this file's folder in benchmarks/peers/."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.live import frames
from benchmarks.live.crowd import Door
from benchmarks.live.processes import CannotStart, running, wait_for_port
from tests.servers import free_port

FOLDER = Path(__file__).resolve().parent.parent / "peers"
_VENV = FOLDER / ".venv"
_INSTALL_S = 300
NAMES = ("hocuspocus", "hocuspocus-store", "y-websocket", "pycrdt-websocket")


@dataclass
class PeerServer:
    """A running server of others. A document is a name; it begins empty."""

    name: str
    pids: list[int]
    port: int
    rooms: int = 0

    def documents(self, count: int) -> list[str]:
        """Return names of documents that are empty."""
        self.rooms += count
        return [f"room{number}" for number in range(self.rooms - count, self.rooms)]

    def door(self, document: str, place: int) -> Door:
        """Return how client number `place` enters."""
        if self.name.startswith("hocuspocus"):
            name = frames.var_bytes(document.encode())
            token = bytes((frames.AUTH, 0)) + frames.var_bytes(b"token")
            return Door(self.port, "/", prefix=name, first=(token,))
        return Door(self.port, f"/{document}")


def versions() -> dict[str, str]:
    """Return what is measured, in which version."""
    packages = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    pinned = dict(line.split("==") for line in (FOLDER / "requirements.txt").read_text().split())
    node = shutil.which("node")
    found = {name: packages[name] for name in ("@hocuspocus/server", "y-websocket", "yjs")}
    found["pycrdt-websocket"] = pinned["pycrdt-websocket"]
    found |= {name: metadata.version(name) for name in ("daphne", "uvicorn", "uvloop", "pycrdt")}
    if node is not None:
        found["node"] = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return found


def install(name: str) -> None:
    """Install what `name` needs, once. Raises CannotStart with a sentence."""
    try:
        if name == "pycrdt-websocket":
            _install_python()
        else:
            _install_node()
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.split())[-300:]
        raise CannotStart(f"its packages could not be installed: {said or error}") from error
    except (subprocess.SubprocessError, OSError) as error:
        raise CannotStart(f"its packages could not be installed: {error}") from error


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd=FOLDER, timeout=_INSTALL_S, capture_output=True, text=True)


def _install_node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise CannotStart("no Node.js on the path: install Node.js 20 or newer")
    done = FOLDER / "node_modules" / ".package-lock.json"
    lock = FOLDER / "package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        print("installing Hocuspocus and y-websocket …", flush=True)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
        _run(command)
        os.utime(done)


def _install_python() -> None:
    wanted = (FOLDER / "requirements.txt").read_text()
    done = _VENV / "installed"
    if not done.exists() or done.read_text() != wanted:
        print("installing pycrdt-websocket …", flush=True)
        _run([sys.executable, "-m", "venv", str(_VENV)])
        command = [str(_VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        constraints = FOLDER.parent.parent / "constraints.txt"
        command += ["-r", str(FOLDER / "requirements.txt"), "-c", str(constraints)]
        _run(command)
        done.write_text(wanted)


@contextmanager
def start(name: str, folder: Path) -> Iterator[PeerServer]:
    """Run a server of others. Raises CannotStart with a sentence."""
    install(name)
    port = free_port()
    env = {"PATH": os.environ.get("PATH", ""), "HOST": "127.0.0.1", "PORT": str(port), "NODE_ENV": "production"}
    if name == "pycrdt-websocket":
        command = [str(_VENV / "bin" / "python"), str(FOLDER / "pycrdt_server.py")]
    elif name == "y-websocket":
        command = ["node", str(FOLDER / "node_modules" / "y-websocket" / "bin" / "server.cjs")]
    else:
        command = ["node", str(FOLDER / "hocuspocus.mjs")]
        if name == "hocuspocus-store":
            env["STORE"] = str(folder)
    log = folder / f"{name}.log"
    with running(command, FOLDER, env, log) as process:
        wait_for_port(port, process, log)
        yield PeerServer(name, [process.pid], port)
