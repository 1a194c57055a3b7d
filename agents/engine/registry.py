"""Who is at work in this process. Touched on the agents' loop only, except `interrupt`."""

from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from agents.engine import loop


class Worker(Protocol):
    """An attempt that runs in this process."""

    run_id: UUID

    def interrupt(self) -> None:
        """Stop soon: somebody has paused or stopped the run. Called on the loop."""


_workers: set[Worker] = set()


def add(worker: Worker) -> None:
    _workers.add(worker)


def remove(worker: Worker) -> None:
    _workers.discard(worker)


def runs() -> set[UUID]:
    """Return the runs that somebody in this process works on."""
    return {worker.run_id for worker in _workers}


def of_run(run_id: UUID) -> Iterator[Worker]:
    return (worker for worker in list(_workers) if worker.run_id == run_id)


def interrupt(run_id: UUID) -> None:
    """Stop the run's workers of this process at once.

    Those of other processes read the run's state. From any thread.
    """
    loop.call(_interrupt, run_id)


def _interrupt(run_id: UUID) -> None:
    for worker in of_run(run_id):
        worker.interrupt()
