"""One look at the rows twice a second for all runs of this process: who has to stop, and what the meters read."""

import asyncio
import logging
from functools import partial
from typing import Any
from uuid import UUID

from agents.engine import loop, meter, registry, stopping
from agents.models import Run
from workspaces.events import services as events
from wukong.kernel import committer

EVERY_S = 0.5
_log = logging.getLogger("wukong.engine")
_task: asyncio.Task[None] | None = None


def ensure() -> None:
    """Watch as long as somebody in this process works. Called on the agents' loop."""
    global _task
    if _task is None or _task.done() or _task.get_loop() is not asyncio.get_running_loop():
        _task = asyncio.create_task(_watch())


async def _watch() -> None:
    readings: dict[UUID, dict[str, Any]] = {}
    while not loop.is_closing() and (runs := registry.runs()):
        await asyncio.sleep(EVERY_S)
        try:
            states, ticks = await committer.arun(partial(_look, runs))
        except Exception as error:  # noqa: BLE001 - a look that fails is repeated; each flush looks too
            _log.warning("could not look after the runs: %s", error)
            continue
        for run_id, (state, reason) in states.items():
            if stopping.is_to_stop(state, reason):
                for worker in registry.of_run(run_id):
                    worker.interrupt()
        for run_id, (workspace_id, reading) in ticks.items():
            data = meter.with_speed(reading, readings.get(run_id), EVERY_S)
            if data != readings.get(run_id):
                events.tick(workspace_id, data)
            readings[run_id] = data


def _look(runs: set[UUID]) -> tuple[dict[UUID, tuple[str, str]], dict[UUID, tuple[UUID, dict[str, Any]]]]:
    rows = list(Run.objects.filter(pk__in=runs))
    states = {run.pk: (run.state, run.pause_reason) for run in rows}
    return states, {run.pk: (run.workspace_id, meter.read(run)) for run in rows}
