"""The clock's stroke in the production size: Celery beat sends it every second, any worker performs it."""

from celery import shared_task

from agents.engine import tick as sweep
from wukong import checks, health

checks.refuse_unsafe()  # workers and beat import this module first of all


@shared_task(name="wukong.tasks.tick", ignore_result=True, acks_late=False, max_retries=0)
def tick() -> None:
    """Say that a worker is alive, then sweep: send again, expire, settle, finish."""
    health.beat()
    sweep.tick()
