"""One writer thread per process (on PostgreSQL a second one for money). On SQLite many jobs share one transaction, and
so one fsync.

A job is a plain function that uses the ORM. It runs in a savepoint of its batch (a batch of one needs none), so a job
that fails never fails its neighbours. Its result is handed out after the COMMIT: who waits for a job knows that it is
durable.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from django.db import connection, transaction

from wukong.kernel.errors import Unavailable

T = TypeVar("T")
MAX_BATCH = 256
mode: Literal["thread", "inline"] = "thread"
_log = logging.getLogger("wukong.committer")


def most_jobs(vendor: str) -> int:
    """Return how many jobs may share a transaction.

    SQLite has one writer, so nobody can lock what a batch wants next. With several writers a batch would hold the rows
    of one job while it asks for those of another, in an order that no other transaction keeps: they would stop each
    other. There the server groups commits of its own.
    """
    return MAX_BATCH if vendor == "sqlite" else 1


class _Committer(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="committer", daemon=True)
        self.jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        while (batch := self._gather()) is not None:
            self._commit(batch)
        connection.close()

    def _gather(self) -> list[tuple[Callable[[], Any], Future[Any]]] | None:
        first = self.jobs.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < most_jobs(connection.vendor):
            try:
                job = self.jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self.jobs.put(None)
                break
            batch.append(job)
        return batch

    def _commit(self, batch: list[tuple[Callable[[], Any], Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection.close_at = None  # CONN_MAX_AGE is for requests: this thread would connect anew for every batch
            connection.close_if_unusable_or_obsolete()
            with transaction.atomic():
                for job, future in batch:
                    outcomes.append(self._perform(job, future, alone=len(batch) == 1))
        except BaseException as error:  # noqa: BLE001 - whatever broke the batch, each caller has to hear of it
            if len(batch) > 1:
                # One job may have poisoned the transaction (a deferred constraint, a lost connection): try each alone.
                for entry in batch:
                    self._commit([entry])
                return
            outcomes = [(future, None, error) for _, future in batch]
            if connection.connection is not None and not connection.is_usable():
                connection.close()
        for future, result, failure in outcomes:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)

    @staticmethod
    def _perform(
        job: Callable[[], T], future: Future[T], *, alone: bool
    ) -> tuple[Future[T], T | None, BaseException | None]:
        if alone:
            return future, job(), None
        try:
            with transaction.atomic():
                return future, job(), None
        except Exception as error:  # noqa: BLE001 - a failing job must not fail its neighbours
            return future, None, error


_lock = threading.Lock()
_committers: dict[str, _Committer] = {}
_closed = False


def submit(job: Callable[[], T], *, is_money: bool = False) -> Future[T]:
    """Queue `job` and return its future; it resolves after the commit, or with the error of the job.

    Jobs that lock wallets (`is_money`) never share a transaction with jobs that lock documents and steps where a
    database has several writers: two processes whose batches lock both in different order would stop each other. SQLite
    has one writer, so there they may share its fsync.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # a caller that gives up must not trip the thread
    if mode == "inline":
        try:
            with transaction.atomic():
                result = job()
            future.set_result(result)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            future.set_exception(error)
        return future
    with _lock:
        if _closed:
            raise Unavailable("The server is shutting down.")
        lane = "money" if is_money and connection.vendor == "postgresql" else "rows"
        if lane not in _committers or not _committers[lane].is_alive():
            _committers[lane] = _Committer()
        _committers[lane].jobs.put((job, future))
    return future


def run(job: Callable[[], T]) -> T:
    """Run `job` on the writer thread; returns its result once durable. Never call it from a job or an event loop."""
    if isinstance(threading.current_thread(), _Committer):
        raise RuntimeError("a job may not wait for another job: it would wait for ever")
    return submit(job).result()


async def arun(job: Callable[[], T]) -> T:
    """Run `job` on the writer thread without blocking the loop. A cancelled caller undoes no job that has begun."""
    return await asyncio.wrap_future(submit(job))


def close(timeout: float = 5.0) -> None:
    """Finish what is queued and end the threads; later jobs are refused until `reopen`."""
    global _closed
    with _lock:
        _closed = True
        ending = list(_committers.values())
        _committers.clear()
    for committer in ending:
        committer.jobs.put(None)
    for committer in ending:
        committer.join(timeout)


def reopen() -> None:
    """Accept jobs again (tests, and a process that forks)."""
    global _closed
    with _lock:
        _closed = False
