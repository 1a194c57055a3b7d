"""Wake-ups: "this step may be performed". They may be lost or come twice; `tick` sends again what nobody picked up."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction

TASK = "agents.tasks.run_step"
stirred = threading.Event()
"""Set when a run has been moved in this process: a tick that rests begins again."""
_log = logging.getLogger("wukong.engine")
# Its own thread: a broker that is away may block for seconds, and the committer must not wait for it.
_sender = ThreadPoolExecutor(1, thread_name_prefix="wake")


def _publish(step_id: UUID) -> None:
    try:
        current_app.send_task(TASK, args=[str(step_id)], ignore_result=True, retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker has, the step stays ready and tick sends it again
        _log.warning("a wake-up was lost: %s", error)


def _hand_over(step_id: UUID) -> None:
    with suppress(RuntimeError):  # the process goes down; the next one's tick sends it
        _sender.submit(_publish, step_id)


deliver: Callable[[UUID], None] = _hand_over


def send(step_ids: Iterable[UUID]) -> None:
    """Send a wake-up for each step once the running transaction has committed; at once outside of one. Never raises."""
    for step_id in step_ids:
        transaction.on_commit(partial(_deliver, step_id))


def _deliver(step_id: UUID) -> None:
    deliver(step_id)
