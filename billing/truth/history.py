"""What steps of an agent have cost with a model: the past that a quote is made of."""

from collections.abc import Sequence
from uuid import UUID

from billing import cards
from billing.contracts import Likely
from billing.models import UsageRecord
from billing.truth import likely
from billing.truth.likely import Past

LOOKS_BACK = 200
"""Captures of one agent and model that are looked at, the latest ones."""


def likely_cost(workspace_id: UUID, model: str, agents: Sequence[str]) -> Likely | None:
    """Return what runs with a step of each of these agents cost; None while one of them has too little history here."""
    name = cards.price_name(model)
    found = likely.forecast(agents, {agent: past(workspace_id, name, agent) for agent in set(agents)})
    return None if found is None else Likely(about_nano=found[0], most_nano=found[1])


def past(workspace_id: UUID, model: str, agent: str) -> list[Past]:
    """Return what the latest steps of an agent have cost with a model, without the one that the look back cuts."""
    rows = list(
        UsageRecord.objects.charged()
        .filter(workspace_id=workspace_id, model=model, agent=agent, step__isnull=False)
        .order_by("-id")
        .values_list("run", "step", "amount_nano")[:LOOKS_BACK]
    )
    sums: dict[UUID | None, Past] = {}
    for run, step, nano in rows:
        sums[step] = Past(run, nano + (sums[step].nano if step in sums else 0))
    if len(rows) == LOOKS_BACK and len(sums) > 1:
        del sums[rows[-1][1]]
    return list(sums.values())
