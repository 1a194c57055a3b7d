"""Celery's worker and the tick as threads of the server process (the embedded size)."""

import logging
import threading
import time
from typing import Any

from django.db import connection

from agents.engine import tick as engine_tick
from agents.engine import wake
from wukong import health
from wukong.celery import app

_log = logging.getLogger("wukong.worker")
_is_closing = threading.Event()
_heard = threading.Event()
SELF_TEST_S = 15.0
TICK_S = 1.0
QUIET_TICK_S = 5.0  # a third of what /readyz waits for a sign of life


@app.task(name="wukong.embedded.self_test")
def self_test() -> None:
    """Prove that the worker consumes: a deaf worker is otherwise silent."""
    _heard.set()


class Worker:
    """One worker controller with a thread pool, one thread that ticks."""

    def __init__(self, concurrency: int) -> None:
        # Without finalize() and a host name the controller was seen to start and consume nothing.
        app.finalize()
        self.controller: Any = app.WorkController(
            app=app,
            hostname="embedded@wukong",
            pool="threads",
            concurrency=concurrency,
            loglevel="WARNING",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def start(self) -> float:
        """Start consuming and ticking; returns the seconds until the self-test came through.

        Raises RuntimeError when the worker does not consume.
        """
        began = time.perf_counter()
        threading.Thread(target=self.controller.start, name="worker", daemon=True).start()
        self_test.delay()
        if not _heard.wait(SELF_TEST_S):
            raise RuntimeError("the embedded worker does not consume its queue")
        threading.Thread(target=_tick, name="tick", daemon=True).start()
        return time.perf_counter() - began

    def stop(self) -> None:
        """Take no more work; running tasks have been cancelled on the agents' loop before."""
        _is_closing.set()
        wake.stirred.set()
        self.controller.terminate()


def _tick() -> None:
    """Tick until the process ends: every second while a run needs it, else seldom, and at once when a run moves."""
    # The thread keeps its connection: to open one a second would cost as much as all that a tick looks at.
    while not _is_closing.is_set():
        wake.stirred.clear()  # before the look, so that no move comes unheard between the two
        health.beat()
        is_needed = True
        try:
            engine_tick.tick()
            is_needed = engine_tick.is_needed()
        except Exception:  # noqa: BLE001 - the next tick tries again; a tick that ends would leave runs without care
            _log.exception("tick failed")
            connection.close()
        if is_needed:
            _is_closing.wait(TICK_S)
        else:
            wake.stirred.wait(QUIET_TICK_S)
    connection.close()
