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
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from django.db import connection, transaction

from wukong.kernel.errors import Unavailable

T = TypeVar("T")
MAX_BATCH = 256
MAX_BATCH_S = 0.01
"""How long jobs are added to a transaction: who waits for the first of them waits for all."""
mode: Literal["thread", "inline"] = "thread"
_log = logging.getLogger("wukong.committer")


def most_jobs(vendor: str) -> int:
    """Return how many jobs may share a transaction.

    SQLite has one writer, so nobody can lock what a batch wants next. With several writers a batch would hold the rows
    of one job while it asks for those of another, in an order that no other transaction keeps: they would stop each
    other. There the server groups commits of its own.
    """
    return MAX_BATCH if vendor == "sqlite" else 1


_Job = tuple[Callable[[], Any], Future[Any]]


class _Line:
    """Jobs that wait; those that a person waits for go first."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()  # at least one for each job
        self._urgent: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        self._is_ended = False

    def put(self, job: _Job, *, is_urgent: bool) -> None:
        (self._urgent if is_urgent else self._others).append(job)
        self._calls.put(None)

    def put_back(self, jobs: list[_Job]) -> None:
        """Let jobs wait that were taken, before those that came later."""
        self._others.extendleft(reversed(jobs))
        for _job in jobs:
            self._calls.put(None)

    def end(self) -> None:
        """Let `take` return nothing once all jobs have been taken."""
        self._is_ended = True
        self._calls.put(None)

    def take(self, most: int) -> list[_Job]:
        """Return the next jobs, at most so many; wait for one. Nothing: it is the end."""
        while True:
            self._calls.get()
            taken = [job for job in (self._next() for _ in range(most)) if job is not None]
            if taken or self._is_ended:
                return taken

    def _next(self) -> _Job | None:
        for jobs in (self._urgent, self._others):
            if jobs:
                return jobs.popleft()
        return None


class _Committer(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="committer", daemon=True)
        self.jobs = _Line()
        self.cost = 0.0
        self.start()

    def run(self) -> None:
        while batch := self.jobs.take(most_jobs(connection.vendor)):
            began = time.thread_time()
            self._commit(batch)
            self.cost += 0.2 * (time.thread_time() - began - self.cost)
        connection.close()

    def _commit(self, batch: list[_Job]) -> None:
        """Commit jobs together; those that nobody has begun when it takes long wait for the next time."""
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection.close_at = None  # CONN_MAX_AGE is for requests: this thread would connect anew for every batch
            connection.close_if_unusable_or_obsolete()
            with transaction.atomic():
                began, is_alone = time.monotonic(), len(batch) == 1
                while batch[len(outcomes) :] and not (outcomes and time.monotonic() - began > MAX_BATCH_S):
                    outcomes.append(self._perform(*batch[len(outcomes)], alone=is_alone))
                self.jobs.put_back(batch[len(outcomes) :])
                del batch[len(outcomes) :]
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


def submit(job: Callable[[], T], *, is_money: bool = False, is_urgent: bool = False) -> Future[T]:
    """Queue `job` and return its future; it resolves after the commit, or with the error of the job.

    `is_urgent`: a person waits for it, it goes before the others that wait.

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
        _committers[lane].jobs.put((job, future), is_urgent=is_urgent)
    return future


def run(job: Callable[[], T]) -> T:
    """Run `job` on the writer thread; returns its result once durable. Never call it from a job or an event loop."""
    if isinstance(threading.current_thread(), _Committer):
        raise RuntimeError("a job may not wait for another job: it would wait for ever")
    return submit(job).result()


async def arun(job: Callable[[], T], *, is_urgent: bool = False) -> T:
    """Run `job` on the writer thread without blocking the loop. A cancelled caller undoes no job that has begun."""
    return await asyncio.wrap_future(submit(job, is_urgent=is_urgent))


def cost() -> float:
    """Return the seconds of CPU that a transaction of this process has cost lately."""
    committer = _committers.get("rows")
    return committer.cost if committer is not None else 0.0


def close(timeout: float = 5.0) -> None:
    """Finish what is queued and end the threads; later jobs are refused until `reopen`."""
    global _closed
    with _lock:
        _closed = True
        ending = list(_committers.values())
        _committers.clear()
    for committer in ending:
        committer.jobs.end()
    for committer in ending:
        committer.join(timeout)


def is_closed() -> bool:
    """Return whether the process is about to end: nothing is committed any more."""
    return _closed


def reopen() -> None:
    """Accept jobs again (tests, and a process that forks)."""
    global _closed
    with _lock:
        _closed = False
