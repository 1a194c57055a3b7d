"""Processes of servers: on a core of their own, gone at the end whatever happens."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SERVER_CORE, GENERATOR_CORE = 0, 1
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class CannotStart(Exception):
    """A sentence why a server is not measured here."""


def has_two_cores() -> bool:
    return (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity")


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started in the block runs on `core`: a child inherits the core of its parent."""
    if not has_two_cores():
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


@contextmanager
def running(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server on its core, in a group of its own; kill the group at the end."""
    with log.open("ab") as out, on_core(SERVER_CORE):
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=_die_with_parent,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 30.0) -> None:
    """Wait until a server listens. Raises CannotStart when it ends or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    last = " ".join(log.read_text(errors="replace").split())[-300:]
    raise CannotStart(f"it did not start: {last or 'it says nothing'}")
