"""What a line of a bill is made of: runs, their steps, their calls, each with its part of the amount."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing import cards, pricing
from billing.contracts import METERS
from billing.models import UsageRecord
from billing.statements import building
from billing.statements.bill import Bill, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPart:
    """What one call used on the line's meter, and the part of its charge that stands in the line."""

    call: UUID | None
    run: UUID | None
    step: UUID | None
    project: UUID | None
    agent: str
    tokens: int
    amount_nano: int
    booked_at: datetime


@dataclass(slots=True, kw_only=True)
class Part:
    """The calls of one run, or of one step of it, together."""

    id: UUID | None
    project: UUID | None
    agents: list[str]
    calls: int = 0
    tokens: int = 0
    amount_nano: int = 0
    last_at: datetime | None = None

    def add(self, call: CallPart) -> None:
        """Count a call in."""
        self.calls += 1
        self.tokens += call.tokens
        self.amount_nano += call.amount_nano
        self.last_at = max(self.last_at or call.booked_at, call.booked_at)
        if call.agent and call.agent not in self.agents:
            self.agents.append(call.agent)


def of_line(bill: Bill, line: Line) -> Iterator[CallPart]:
    """Yield the calls of a line in the order in which they were booked; their parts make it up exactly."""
    place, tariff = METERS.index(line.meter), cards.tariff_of_card(line.rate_card)
    rows = (
        building.charged(bill.workspace_id, bill.period_start, bill.period_end)
        .filter(model=line.model, rate_card=line.rate_card)
        .order_by("booked_at", "id")
        .values_list(
            "call", "run", "step", "project", "agent", "booked_at", "amount_nano", *UsageRecord.METERS, named=False
        )
    )
    for call, run, step, project, agent, booked_at, amount, *tokens in rows.iterator(chunk_size=5000):
        tier, parts = pricing.by_meter_nano(tariff, tokens, amount)
        part = parts[place]
        if tier == line.from_tokens and (tokens[place] or part):
            yield CallPart(
                call=call,
                run=run,
                step=step,
                project=project,
                agent=agent,
                tokens=tokens[place],
                amount_nano=part,
                booked_at=booked_at,
            )


def by_run(calls: Iterator[CallPart]) -> list[Part]:
    """Return the runs of a line, the dearest first; calls without a run are one part."""
    parts: dict[UUID | None, Part] = {}
    for call in calls:
        parts.setdefault(call.run, Part(id=call.run, project=call.project, agents=[])).add(call)
    return sorted(parts.values(), key=lambda part: (-part.amount_nano, -part.tokens, str(part.id)))


def by_step(calls: Sequence[CallPart]) -> list[tuple[Part, list[CallPart]]]:
    """Return the steps among calls of a run, in their order, each with its calls."""
    steps: dict[UUID | None, tuple[Part, list[CallPart]]] = {}
    for call in calls:
        part, rows = steps.setdefault(call.step, (Part(id=call.step, project=call.project, agents=[]), []))
        part.add(call)
        rows.append(call)
    return list(steps.values())
