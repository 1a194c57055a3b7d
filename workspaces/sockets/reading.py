"""Database reads of sockets: a thread with a connection that stays, because a new one costs more than the query."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from django.db import connection

T = TypeVar("T")
_PATIENCE_S: Final = 1.0  # with the job that runs while the process ends


class _Lane:
    """One thread, started with its first job."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pool: ThreadPoolExecutor | None = None
        self.jobs: set[Future[Any]] = set()

    async def run(self, job: Callable[[], T]) -> T:
        if self.pool is None:
            self.pool = ThreadPoolExecutor(1, self.name)
        future = self.pool.submit(_perform, job)
        self.jobs.add(future)
        try:
            return await asyncio.wrap_future(future)
        finally:
            self.jobs.discard(future)

    async def close(self) -> None:
        """Cancel what has not begun, and close the connection once the thread is free, which is not awaited long."""
        pool, self.pool = self.pool, None
        if pool is None:
            return
        for future in self.jobs:
            future.cancel()
        closed = pool.submit(lambda: connection.close())
        pool.shutdown(wait=False)
        await asyncio.wait([asyncio.wrap_future(closed)], timeout=_PATIENCE_S)


def _perform(job: Callable[[], T]) -> T:
    connection.close_at = None  # CONN_MAX_AGE is for requests
    connection.close_if_unusable_or_obsolete()
    return job()


_quick = _Lane("sockets-read")
_large = _Lane("sockets-load")
_slow = _Lane("sockets-tidy")
_aside: ThreadPoolExecutor | None = None


async def read(job: Callable[[], T]) -> T:
    """Run a short `job` that reads the database, in line with the other reads of this process's sockets."""
    return await _quick.run(job)


async def load(job: Callable[[], T]) -> T:
    """Run a `job` that reads a whole document; those who type elsewhere do not wait in line behind it."""
    return await _large.run(job)


async def tidy(job: Callable[[], T]) -> T:
    """Run a `job` that may take long and nobody waits for. Its connection does not stay: it keeps what it has read."""

    def then_close() -> T:
        try:
            return job()
        finally:
            connection.close()

    return await _slow.run(then_close)


def aside(job: Callable[[], object]) -> None:
    """Run a `job` that must not hold up the loop and whose end nobody awaits, after those before it. No database."""
    global _aside
    if _aside is None:
        _aside = ThreadPoolExecutor(1, "sockets-aside")
    _aside.submit(job)


async def close() -> None:
    """End the threads and their connections; the next job starts them again."""
    global _aside
    pool, _aside = _aside, None
    if pool is not None:
        pool.shutdown(wait=False, cancel_futures=True)
    await asyncio.gather(*(lane.close() for lane in (_quick, _large, _slow)))
