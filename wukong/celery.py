"""Celery carries wake-ups alone: early acknowledgement, no results, no retries; the truth is in the database."""

import os
from typing import Any

from celery import Celery, bootsteps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

from django.conf import settings

from agents.engine import loop
from wukong.kernel.broker import Transport


class Farewell(bootsteps.StartStopStep):
    """A worker that is told to end puts its steps back at once, for others to take up."""

    requires = ("celery.worker.components:Pool",)  # stopped before the pool, which would wait for steps to be done

    def stop(self, worker: Any) -> None:
        loop.close()


app = Celery("wukong", broker=settings.REDIS_URL or "memory://", backend=None)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=bool(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_transport=None if settings.REDIS_URL else Transport,
    task_default_queue="steps",
    beat_schedule={
        "tick": {"task": "wukong.tasks.tick", "schedule": 1.0, "options": {"expires": 2}},
        "tidy": {"task": "wukong.tasks.tidy", "schedule": 60.0, "options": {"expires": 60}},
    },
)
app.steps["worker"].add(Farewell)
app.autodiscover_tasks(["agents", "wukong"])
