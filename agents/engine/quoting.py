"""What a run costs and will cost: the ledger's figures, and the open tasks' estimated tokens at today's prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from agents import metered
from agents.models import CLOSED, Run, RunSource, Step, StepKind
from billing import services as billing
from wukong.kernel.errors import Invalid

_THOUSAND = 1_000  # below every provider's first tier: estimates are of ordinary calls


class Prices:
    """Prices by model, each looked up once. Pico-units per token, so that an estimate rounds once, up."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, UUID], tuple[int, int]] = {}

    def nano(self, run: Run, input_tokens: int, output_tokens: int) -> int:
        """Return nano-units of the run's currency; 0 without a model or a price (the hold will refuse, and say so)."""
        key = (run.model, run.workspace_id)
        if key not in self._known:
            self._known[key] = self._look_up(run)
        into, out = self._known[key]
        return -(-(input_tokens * into + output_tokens * out) // 1000)

    @staticmethod
    def _look_up(run: Run) -> tuple[int, int]:
        currency, payer = run.workspace.currency, run.workspace_id
        try:
            name = metered.profile(run.model).id
            # nano-units of a thousand tokens are the pico-units of one
            into = billing.quote(name, _THOUSAND, 0, currency, payer)
            return into, billing.quote(name, 0, _THOUSAND, currency, payer)
        except Invalid:
            return 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Nano-units of `currency`. `about` is what is spent and what the open tasks are likely to cost.

    Before the start it is the middle of what runs like it have cost here, and `most` what nine of ten of them stayed
    within; with too little history `most` is None and `about` the plan's own estimate. The run never costs more than
    `limit`, because every call is held against it first. `steps` has each task's estimate.
    """

    currency: str
    about_nano: int
    limit_nano: int
    most_nano: int | None = None
    steps: Mapping[int, int] = field(default_factory=dict)

    def step_nano(self, number: int) -> int:
        """Return the estimate of one task, 0 for an unknown one."""
        return self.steps.get(number, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A run with its figures, as lists and the API show it."""

    run: Run
    sources: Sequence[UUID]
    tasks: Sequence[Step]
    figures: "billing.RunFigures"
    quote: Quote
    budget_nano: int


def limit_room(run: Run, agent: str = "") -> tuple[int, str] | None:
    """Return what people's limits leave to the run and one of its agents, and the nearest one's level."""
    return billing.room_of(workspace_id=run.workspace_id, project=run.project_id, swarm=run.template, agent=agent)


def available_nano(run: Run, agent: str = "") -> int:
    """Return what the run (and one of its agents) may still spend: the wallet, within every limit and its own budget.

    Whoever left a limit out would try again and again what the ledger refuses.
    """
    available = billing.balance_of(run.workspace_id).available_nano
    if (room := limit_room(run, agent)) is not None:
        available = min(available, room[0])
    if run.budget_nano is None:
        return available
    return min(available, run.budget_nano - billing.run_counted_nano(run.pk))


def quote_of(run: Run) -> Quote:
    """Return the quote for the run's plan as it stands."""
    return pictures([run])[0].quote


def pictures(runs: Sequence[Run]) -> list[Picture]:
    """Return the runs with their figures, in the same order; a handful of queries for any number of runs."""
    ids = [run.pk for run in runs]
    figures = billing.runs_figures(ids)
    sources: dict[UUID, list[UUID]] = {}
    for row in RunSource.objects.filter(run__in=ids).order_by("position"):
        sources.setdefault(row.run_id, []).append(row.source_id)
    tasks: dict[UUID, list[Step]] = {}
    for step in Step.objects.filter(run__in=ids).exclude(kind=StepKind.PLAN).order_by("number"):
        tasks.setdefault(step.run_id, []).append(step)
    balances = {run.workspace_id: billing.balance_of(run.workspace_id).available_nano for run in runs}
    prices = Prices()
    found = []
    for run in runs:
        own, cost = tasks.get(run.pk, []), figures[run.pk]
        spendable = max(0, balances[run.workspace_id]) + cost.cost_nano + cost.held_nano
        limit = spendable if run.budget_nano is None else run.budget_nano
        quote = _quote(run, own, cost.cost_nano, limit, prices)
        found.append(
            Picture(
                run=run,
                sources=sources.get(run.pk, []),
                tasks=own,
                figures=cost,
                quote=quote,
                budget_nano=limit if not run.is_settled or run.budget_nano is not None else cost.cost_nano,
            )
        )
    return found


def _quote(run: Run, tasks: Sequence[Step], cost_nano: int, limit_nano: int, prices: Prices) -> Quote:
    currency, steps = run.workspace.currency, {}
    for task in tasks:
        into, out = int(task.spec.get("estimate_input", 0)), int(task.spec.get("estimate_output", 0))
        steps[task.number] = prices.nano(run, into, out)
    is_open = [task.number for task in tasks if task.state not in CLOSED]
    likely = _likely(run, [task for task in tasks if steps[task.number]])
    if likely is None:
        about, most = cost_nano + sum(steps[number] for number in is_open), None
    else:
        about, most = (min(cost_nano + nano, limit_nano) for nano in (likely.about_nano, likely.most_nano))
    return Quote(currency=currency, about_nano=about, limit_nano=limit_nano, most_nano=most, steps=steps)


def _likely(run: Run, tasks: Sequence[Step]) -> "billing.Likely | None":
    """Return what these tasks have cost before, of a run that has not started; None with too little history.

    Tasks that code does alone have no estimate, and no history.
    """
    if run.started_at is not None or not tasks:
        return None
    try:
        model = metered.profile(run.model).id
    except Invalid:
        return None
    return billing.likely_cost(workspace_id=run.workspace_id, model=model, agents=[task.agent for task in tasks])
