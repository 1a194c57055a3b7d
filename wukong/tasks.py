"""What Celery beat sends from time to time in the production size, and any worker performs."""

from celery import shared_task

from agents.engine import tick as sweep
from workspaces.documents import services as documents
from wukong import checks, health

checks.refuse_unsafe()  # workers and beat import this module first of all


@shared_task(name="wukong.tasks.tick", ignore_result=True, acks_late=False, max_retries=0)
def tick() -> None:
    """Say that a worker is alive, then sweep: send again, expire, settle, finish."""
    health.beat()
    sweep.tick()


@shared_task(name="wukong.tasks.tidy", ignore_result=True, acks_late=False, max_retries=0)
def tidy() -> None:
    """Take snapshots of documents that agents or programs have written while nobody had them open."""
    documents.tidy_overdue()
