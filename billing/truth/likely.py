"""What a run will likely cost, from what runs like it have cost. Pure and repeatable.

A forecast draws a thousand runs: each takes one run of the past, and for each of its own steps the cost of a step of
the same agent in it, of any run where that one has none. What makes one run dearer in all of its steps (a long brief)
so stays together, as it does in life; therefore runs of the past that had all of the agents are preferred.

Of few runs the ninth of ten is not the one that covers nine of ten to come: as in conformal prediction, of n runs the
place (n + 1) / n further on is taken, of fewer than ten the dearest.
"""

import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

LEAST_STEPS = 5
LEAST_RUNS = 5
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Past:
    """What a step has cost, in nano-units, and of which run it was."""

    run: Hashable
    nano: int


def forecast(steps: Sequence[str], history: Mapping[str, Sequence[Past]]) -> tuple[int, int] | None:
    """Return what half, and what nine of ten runs with these steps cost at most, in nano-units.

    `steps` has the agent of each. None without a step, and where an agent has fewer than five steps in the past.
    """
    if not steps or any(len(history.get(agent, ())) < LEAST_STEPS for agent in steps):
        return None
    agents = sorted(set(steps))
    every = {agent: [one.nano for one in history[agent]] for agent in agents}
    by_run: dict[Hashable, dict[str, list[int]]] = {}
    for agent in agents:
        for one in history[agent]:
            by_run.setdefault(one.run, {}).setdefault(agent, []).append(one.nano)
    whole = [costs for costs in by_run.values() if len(costs) == len(agents)]
    runs = whole if len(whole) >= LEAST_RUNS else list(by_run.values())
    draw = random.Random(1)  # noqa: S311 - the same history gives the same forecast
    sums = sorted(_draw(steps, draw.choice(runs), every, draw) for _ in range(DRAWS))
    return sums[DRAWS // 2 - 1], sums[min(DRAWS * 9 * (len(runs) + 1) // (10 * len(runs)), DRAWS) - 1]


def _draw(
    steps: Sequence[str], run: Mapping[str, Sequence[int]], every: Mapping[str, Sequence[int]], draw: random.Random
) -> int:
    return sum(draw.choice(run.get(agent) or every[agent]) for agent in steps)
