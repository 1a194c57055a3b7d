"""Three people, any order, any loss: all see what the log alone makes. Through the real consumer, gate and room."""

import os

import pytest

from tests.workspaces.documents.schedules import STEPS, World, log_in_memory
from tests.workspaces.documents.scribes import Scribe

FEW, MANY = 200, 10_000


async def schedules(count: int, first: int) -> tuple[int, int, int]:
    """Run so many schedules; returns how many rows, refusals for a gap, and undone edits there were."""
    rows = gaps = undone = 0
    with log_in_memory():
        for seed in range(first, first + count):
            world = World(seed, [Scribe] * 3)
            try:
                await world.live(STEPS)
                await world.come_to_rest()
                world.judge()
            except Exception as error:
                raise AssertionError(f"schedule {seed}") from error
            rows += len(world.log.rows)
            gaps += world.gaps
            undone += sum(replica.undone for replica in world.replicas)  # type: ignore[attr-defined]
    return rows, gaps, undone


@pytest.mark.slow
async def test_a_few_hundred_schedules_end_alike():
    rows, gaps, undone = await schedules(FEW, 0)

    assert rows > FEW * 4  # otherwise little has happened
    assert gaps > 0
    assert undone > 0


@pytest.mark.slow
async def test_ten_thousand_schedules_end_alike():
    count = MANY if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else MANY // 10
    rows, gaps, undone = await schedules(count, 0)

    assert rows > count * 4
    assert gaps > count / 100
    assert undone > count / 10
