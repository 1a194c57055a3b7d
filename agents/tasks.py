"""What Celery carries: wake-ups. No results, no retries; the rows know what is to be done."""

from uuid import UUID

from celery import shared_task

from agents.engine import loop, perform


@shared_task(name="agents.tasks.run_step", ignore_result=True, acks_late=False, max_retries=0)
def run_step(step_id: str) -> None:
    """Perform a step if it is ready. The thread only waits; the work is on the agents' loop."""
    loop.run(perform.execute(UUID(step_id)))
