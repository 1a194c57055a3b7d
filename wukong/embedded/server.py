"""`manage.py up`: the whole product in one process. It listens first; everything heavy follows in a boot thread."""

import asyncio
import fcntl
import gc
import io
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import daphne.server  # noqa: F401 - installs the asyncio reactor: has to come before other users of Twisted
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from twisted.internet import reactor as _reactor

from agents import metered
from agents.engine import claim
from agents.engine import loop as agents_loop
from wukong.asgi import application
from wukong.embedded.worker import Worker
from wukong.handshake import Server
from wukong.kernel import bus, committer

reactor: Any = _reactor
_log = logging.getLogger("wukong.embedded")


class CannotStart(Exception):
    """A reason for people why the server does not start."""


def lock_data_folder(folder: Path) -> IO[str]:
    """Return the open lock file of the data folder; two processes on one SQLite file would not know of each other's
    rooms.

    Raises CannotStart when another instance holds it.
    """
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise CannotStart(f"Another Wukong is running on {folder}. Stop it, or set WUKONG_DATA_DIR.") from error
    return lock


def check_port(host: str, port: int) -> None:
    """Raise CannotStart when the port is taken: Daphne itself would end with exit code 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {host} is in use. Set PORT to another one. ({error.strerror})"
            ) from error


class Embedded:
    """The parts of the process in the order in which they start, and end."""

    def __init__(self, *, announce: Callable[[str], None]) -> None:
        self.announce = announce
        self.worker: Worker | None = None
        self.has_failed = False

    def prepare(self) -> str:
        """Migrate, take over a dead process's leases, seed the demo; returns the demo password."""
        call_command("migrate", verbosity=0, interactive=False)
        claim.take_over_all()
        password = str(call_command("seed_demo", verbosity=0, stdout=io.StringIO()))
        connections.close_all()
        return password

    def run(self, password: str) -> int:
        """Serve until a signal; returns the exit code."""
        self.line = f"Wukong is ready at http://{settings.HOST}:{settings.PORT}  demo@example.com / {password}"
        host = settings.HOST.replace(":", "\\:")
        server = Server(
            application=application,
            endpoints=[f"tcp:port={settings.PORT}:interface={host}"],
            signal_handlers=True,
            ready_callable=self._listening,
            server_name="wukong",
            websocket_max_message_size=2 << 20,
            websocket_max_frame_size=2 << 20,
        )
        server.run()
        # From here on a second Ctrl+C must not break the clean-up, which is short anyway.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._shut_down()
        return 1 if self.has_failed else 0

    def _listening(self) -> None:
        bus.attach(asyncio.get_event_loop())
        threading.Thread(target=self._boot, name="boot", daemon=True).start()

    def _boot(self) -> None:
        try:
            self.worker = Worker(settings.WUKONG_WORKER_THREADS)
            self.worker.start()
            self.announce(self.line)
            metered.start_local(self.announce)
            gc.freeze()  # as in wukong.asgi, for what was loaded since
        except Exception:  # noqa: BLE001 - whatever keeps the engine from starting has to end the process, loudly
            _log.exception("the embedded engine did not start")
            self.has_failed = True
            reactor.callFromThread(reactor.stop)
        finally:
            connections.close_all()

    def _shut_down(self) -> None:
        began = time.perf_counter()
        agents_loop.close()
        if self.worker is not None:
            self.worker.stop()
        committer.close()
        metered.stop_local()
        _log.debug("down in %.2f s", time.perf_counter() - began)


def serve() -> int:
    """Start everything; returns the exit code. Errors that people can mend are one line on stderr."""
    try:
        check_port(settings.HOST, settings.PORT)
        lock = lock_data_folder(settings.WUKONG_DATA_DIR)
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with lock:
        embedded = Embedded(announce=_say)
        return embedded.run(embedded.prepare())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def leave(code: int) -> None:
    """End at once: Celery's pool threads are not daemons and would be waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
