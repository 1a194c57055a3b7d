"""What the pages show of a run: one frozen picture of its rows and of the ledger, computed on read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents import access, metered, services
from agents.models import Run, RunState, Step, StepState
from agents.ports import ModelInfo
from agents.writing import templates
from agents.writing.templates import Role, Template
from billing import services as billing
from workspaces.people.models import Role as MemberRole
from workspaces.people.models import Workspace
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid
from wukong.kernel.money import NANO, short_amount
from wukong.templatetags.ui import exactly, money

_CENT = NANO // 100
# What the meter and the agents' lines show already, many times a minute.
_QUIET = ("balance.moved", "step.progressed")
PLANNER = Role(key="planner", name="Planner", icon="list-checks", hue="violet", instructions="")
LIVE = (RunState.PLANNING, RunState.RUNNING, RunState.FINISHING, RunState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One row of the board."""

    step: Step
    role: Role
    after: Sequence[int]
    label: str
    note: str
    cost_nano: int
    tokens: int
    quote_nano: int

    @property
    def is_now(self) -> bool:
        return self.step.state in (StepState.RUNNING, StepState.WAITING)

    @property
    def is_later(self) -> bool:
        return self.step.state in (StepState.PENDING, StepState.READY, StepState.QUEUED)

    @property
    def is_computed(self) -> bool:
        return self.step.kind == "analyse"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """One agent of the swarm: what it does now, what it has cost."""

    role: Role
    doing: str
    is_working: bool
    is_done: bool
    cost_nano: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneView:
    """One agent's work on the time line, in thousandths of the run."""

    role: Role
    bars: Sequence[tuple[float, float, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    who: str
    what: str
    detail: str
    hue: str
    at: datetime
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """A run as a line of a list; money in nano-units of `currency`."""

    run: Run
    template: Template
    currency: str
    cost_nano: int

    @property
    def clock_from(self) -> str:
        begin = self.run.started_at or self.run.created_at
        return begin.isoformat() if self.run.state in LIVE and self.run.state != RunState.PAUSED else ""

    @property
    def elapsed(self) -> float:
        begin = self.run.started_at or self.run.created_at
        return max(0.0, ((self.run.ended_at or now()) - begin).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView(RowView):
    """Everything that panel, run page, plan and cards show."""

    workspace: Workspace
    may_edit: bool
    takes_payments: bool
    may_pay: bool
    tasks: Sequence[TaskView]
    agents: Sequence[AgentView]
    lanes: Sequence[LaneView]
    events: Sequence[EventView]
    held_nano: int
    overhead_nano: int
    limit_nano: int
    available_nano: int
    tokens_in: int
    tokens_out: int
    tokens_all: int
    not_charged_tokens: int
    quote: services.Quote
    model_name: str
    model_note: str
    is_warming: bool

    @property
    def total(self) -> int:
        return len(self.tasks)

    @property
    def done(self) -> int:
        return sum(task.step.state == StepState.DONE for task in self.tasks)

    @property
    def working(self) -> Sequence[AgentView]:
        """At most three agents for a card: who works, then who is next; who is done only if all are."""
        busy = [agent for agent in self.agents if not agent.is_done]
        return sorted(busy or self.agents, key=lambda agent: not agent.is_working)[:3]

    @property
    def shares(self) -> Sequence[tuple[str, int]]:
        return [(agent.role.hue, agent.cost_nano) for agent in self.agents]

    @property
    def spent_label(self) -> str:
        return _("Share of each agent in what was spent")

    @property
    def is_planning(self) -> bool:
        return self.run.state == RunState.PLANNING

    @property
    def may_stop(self) -> bool:
        return self.run.state in (RunState.DRAFT, RunState.PLANNING, RunState.RUNNING, RunState.PAUSED)

    @property
    def missing_nano(self) -> int:
        return int(self.run.pause_details.get("missing_nano", 0))

    @property
    def is_limited(self) -> bool:
        """Whether the run waits under a limit of its workspace, project, swarm or agent."""
        details = self.run.pause_details
        return details.get("limit", details.get("scope", "wallet")) not in ("wallet", "run")

    @property
    def is_capped(self) -> bool:
        """Whether the run waits for a higher limit of its own: the wallet has what is missing."""
        return self.run.budget_nano is not None and self.available_nano >= self.missing_nano

    @property
    def raised_limit(self) -> str:
        """A limit with which the run should come to its end, in whole cents."""
        enough = max(self.limit_nano + self.missing_nano, self.cost_nano + self.quote.about_nano)
        return short_amount(-(-enough // _CENT) * _CENT)

    @property
    def limit_label(self) -> str:
        return (money if self.run.budget_nano is None else exactly)(self.limit_nano, self.currency)  # as typed

    @property
    def is_live(self) -> bool:
        return self.run.state in LIVE

    @property
    def bar_nano(self) -> int:
        """What a full bar of spend stands for: the run's own limit, else what it is expected to cost."""
        if not self.is_live:
            return 0
        return self.limit_nano if self.run.budget_nano is not None else self.quote.about_nano


def role_of(template: Template, key: str) -> Role:
    """Return the role of a step; the planner and roles that a template no longer has get the planner's look."""
    return template.roles.get(key) or PLANNER


def template_of(run: Run) -> Template:
    known = templates.load()
    return known.get(run.template) or next(iter(known.values()))


def rows_of(runs: Sequence[Run]) -> list[RowView]:
    """Return many runs as lines, in as many queries as for one."""
    figures = billing.runs_figures(run.pk for run in runs)
    return [
        RowView(
            run=run,
            template=template_of(run),
            currency=run.workspace.currency,
            cost_nano=figures[run.pk].cost_nano,
        )
        for run in runs
    ]


def view_of(run: Run, *, role: MemberRole, with_events: bool = False) -> RunView:
    """Return the picture of one run for a member with `role`."""
    template = template_of(run)
    figures = billing.run_figures(run.pk)
    by_step = billing.step_figures(run.pk)
    steps = list(access.steps_of(run))
    plan_step = [step for step in steps if step.kind == "plan"]
    quote = services.quote_of(run)
    tasks = [_task(template, step, by_step, quote) for step in steps if step.kind != "plan"]
    overhead = sum(by_step[step.pk].cost_nano for step in plan_step if step.pk in by_step)
    balance = billing.balance_of(run.workspace_id)
    usage = figures.usage
    limit = quote.limit_nano
    name, note, is_ready = _model_of(run)
    return RunView(
        run=run,
        workspace=run.workspace,
        template=template,
        currency=balance.currency,
        may_edit=role.includes(MemberRole.EDITOR),
        takes_payments=billing.takes_payments(),
        may_pay=billing.takes_payments() and role.includes(MemberRole.ADMIN),
        tasks=tasks,
        agents=_agents(template, tasks, plan_step, by_step),
        lanes=_lanes(run, tasks),
        events=_events(run, template) if with_events else (),
        cost_nano=figures.cost_nano,
        held_nano=figures.held_nano,
        overhead_nano=overhead,
        limit_nano=limit,
        available_nano=balance.available_nano,
        tokens_in=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        tokens_out=usage.output_tokens + usage.reasoning_tokens,
        tokens_all=usage.total_tokens,
        not_charged_tokens=figures.not_charged_tokens,
        quote=quote,
        model_name=name,
        model_note=note,
        is_warming=not is_ready,
    )


def _model_of(run: Run) -> tuple[str, str, bool]:
    """Return name, note and readiness of the run's model; a run outlives the model that it was made with."""
    try:
        info = metered.info(run.model)
    except Invalid:
        return run.model, _("This model is no longer offered here."), True
    return info.name, note_of(info), info.ready


def note_of(info: ModelInfo) -> str:
    """Return what people have to know of a model before they trust its words."""
    if info.provider == "scripted":
        return _("Scripted rehearsal: the words come from the template's script, not from a model.")
    if info.profile.small:
        return _("Built-in demo model: small, runs on this server. Check its suggestions before use.")
    return ""


def _task(
    template: Template, step: Step, by_step: Mapping[UUID, billing.StepFigures], quote: services.Quote
) -> TaskView:
    figures = by_step.get(step.pk)
    return TaskView(
        step=step,
        role=role_of(template, step.role),
        after=sorted(need.needs.number for need in step.needs.all() if need.needs.kind != "plan"),
        label=str(step.get_state_display()),
        note=_note(step),
        cost_nano=figures.cost_nano if figures else 0,
        tokens=figures.usage.total_tokens if figures else 0,
        quote_nano=quote.step_nano(step.number),
    )


def _note(step: Step) -> str:
    if step.error and step.state in (StepState.FAILED, StepState.READY):
        return step.error
    if step.detail:
        return step.detail
    if step.words:
        return ngettext("%(n)d word", "%(n)d words", step.words) % {"n": step.words}
    return ""


def _agents(
    template: Template,
    tasks: Iterable[TaskView],
    plan_steps: Sequence[Step],
    by_step: Mapping[UUID, billing.StepFigures],
) -> list[AgentView]:
    by_role: dict[str, list[TaskView]] = {}
    for task in tasks:
        by_role.setdefault(task.step.role, []).append(task)
    views = [_agent(own[0].role, own) for own in by_role.values()]
    if views or not plan_steps:
        return views
    costs = [by_step[step.pk] for step in plan_steps if step.pk in by_step]
    planning = AgentView(
        role=PLANNER,
        doing=_("Makes the plan"),
        is_working=True,
        is_done=False,
        cost_nano=sum(figures.cost_nano for figures in costs),
        tokens=sum(figures.usage.total_tokens for figures in costs),
    )
    return [planning]


def _agent(role: Role, own: Sequence[TaskView]) -> AgentView:
    now_at = [task for task in own if task.is_now]
    open_tasks = [task for task in own if task.is_later]
    if now_at:
        doing = now_at[0].step.detail or _("Writes “%(title)s”") % {"title": now_at[0].step.title}
    elif open_tasks:
        doing = _("Next: %(title)s") % {"title": open_tasks[0].step.title}
    else:
        doing = _("Done")
    return AgentView(
        role=role,
        doing=doing,
        is_working=bool(now_at),
        is_done=not now_at and not open_tasks,
        cost_nano=sum(task.cost_nano for task in own),
        tokens=sum(task.tokens for task in own),
    )


def _lanes(run: Run, tasks: Sequence[TaskView]) -> list[LaneView]:
    if run.started_at is None:
        return []
    whole = max(((run.ended_at or now()) - run.started_at).total_seconds(), 1.0)
    lanes: dict[str, tuple[Role, list[tuple[float, float, str]]]] = {}
    for task in tasks:
        if task.step.started_at is None:
            continue
        begin = max(0.0, (task.step.started_at - run.started_at).total_seconds() / whole * 1000)
        end = min(1000.0, ((task.step.ended_at or now()) - run.started_at).total_seconds() / whole * 1000)
        is_held = task.step.ended_at is None and not task.is_now
        kind = "wait" if is_held else "code" if task.is_computed and not task.tokens else ""
        lanes.setdefault(task.role.key, (task.role, []))[1].append((begin, max(end, begin), kind))
    return [LaneView(role=role, bars=bars) for role, bars in lanes.values()]


def _events(run: Run, template: Template) -> list[EventView]:
    begin = run.started_at or run.created_at
    views = []
    for event in access.events_of(run, limit=240):
        if event.type in _QUIET:
            continue
        kind, _colon, key = event.actor.partition(":")
        role = role_of(template, key) if kind == "agent" else None
        views.append(
            EventView(
                who=role.name if role else access.actor_name(event.actor),
                what=_sentence(event.type, event.payload),
                detail=str(event.payload.get("title", "") or event.payload.get("detail", "")),
                hue=role.hue if role else "person",
                at=event.at,
                offset=max(0.0, (event.at - begin).total_seconds()),
            )
        )
    return views


def _sentence(kind: str, data: Mapping[str, object]) -> str:
    state = str(data.get("state", ""))
    if kind == "run.moved":
        return _("moved the run: %(state)s") % {"state": dict(RunState.choices).get(state, state)}
    if kind == "step.moved":
        return _("task %(number)s: %(state)s") % {
            "number": data.get("number", ""),
            "state": dict(StepState.choices).get(state, state),
        }
    if kind == "document.created":
        return _("made a document")
    return kind.replace(".", " ")
