"""What people do with runs. Agents' own moves are in `agents.engine`."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from agents import metered
from agents.engine import moves, registry, scaffold, settle
from agents.engine.outbox import Outbox
from agents.engine.quoting import Picture, Quote, pictures, quote_of
from agents.models import PauseReason, Run, RunSource, RunState, Step, StepDep, StepKind, StepState
from agents.writing import templates
from agents.writing.plan import Plan
from billing import services as billing
from workspaces.documents.models import Document, Project
from workspaces.people.models import User, Workspace
from workspaces.sources import services as sources_services
from workspaces.sources.models import Source
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, Invalid
from wukong.kernel.money import short_amount

__all__ = [
    "Picture",
    "Quote",
    "create_run",
    "default_model",
    "pause_run",
    "pictures",
    "quote_of",
    "remove_task",
    "resume_run",
    "start_run",
    "step_figures",
    "stop_run",
]

MAX_GOAL = 4000


def create_run(
    *,
    project: Project,
    template: str,
    goal: str,
    actor: User | None,
    sources: Sequence[Source] = (),
    model: str = "",
    budget_nano: int | None = None,
    document: Document | None = None,
    start: bool = True,
) -> Run:
    """Create a run and let it plan. With `start` it goes on into the work, else it waits as a draft.

    `goal` is the brief, kept as a source that agents cite. `budget_nano` None means: what the wallet has.
    Raises Invalid for an unknown template or model, a model without a price, a budget above what is available;
    Conflict for an archived project.
    """
    model = model or default_model()
    _check(project, template, goal, model, budget_nano)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=project.workspace_id)
        number: int = Run.objects.filter(workspace=workspace).aggregate(last=Max("number"))["last"] or 0
        brief = sources_services.add_source(
            project=project, name=_("Brief of run %d") % (number + 1), data=goal.strip(), actor=actor, is_brief=True
        )
        run = Run.objects.create(
            workspace=workspace,
            project=project,
            number=number + 1,
            template=template,
            goal=goal.strip(),
            brief=brief,
            model=model,
            budget_nano=budget_nano,
            document=document,
            is_started=start,
            created_by=actor,
        )
        RunSource.objects.bulk_create(
            RunSource(run=run, source=source, position=place) for place, source in enumerate(sources)
        )
        step = Step.objects.create(
            run=run,
            number=0,
            kind=StepKind.PLAN,
            title=_("Make the plan"),
            role="planner",
            agent=_("Planner"),
            state=StepState.READY,
            sent_at=now(),
        )
        out = Outbox(run, _actor(actor))
        out.run_moved(run)
        out.step_moved(step)
        out.wake(step.pk)
        out.close()
    return run


def default_model() -> str:
    """Return the model of a run for which nobody chose one: the first that is ready, a real one before the scripted."""
    known = metered.models()
    ready = [model for model in known if model.ready]
    real = [model for model in ready if model.provider != "scripted"]
    for model in [*real, *ready, *known]:
        return model.id
    raise Invalid(_("This installation has no model."), {"model": [_("There is no model.")]})


def _check(project: Project, template: str, goal: str, model: str, budget_nano: int | None) -> None:
    if project.archived_at is not None:
        raise Conflict(_("This project is archived."))
    if template not in templates.load():
        raise Invalid(_("There is no such template."), {"template": [_("Unknown template.")]})
    if not 0 < len(goal.strip()) <= MAX_GOAL:
        text = _("A brief has 1 to %d characters.") % MAX_GOAL
        raise Invalid(text, {"goal": [text]})
    if not metered.is_known(model):
        raise Invalid(_("There is no such model."), {"model": [_("Unknown model.")]})
    billing.quote(metered.profile(model).id, 1, 1, project.workspace.currency)  # raises when it has no price
    check_budget(project.workspace, budget_nano)


def check_budget(workspace: Workspace, budget_nano: int | None, used_nano: int = 0) -> None:
    """Raise Invalid for a budget that leaves nothing to spend, or above what the workspace has available.

    `used_nano` of it are spent or held already.
    """
    if budget_nano is None:
        return
    most = used_nano + max(billing.balance_of(workspace.pk).available_nano, 0)
    if not used_nano < budget_nano <= most:
        text = _("The limit has to be more than %(least)s and at most what is available, %(amount)s %(currency)s.") % {
            "least": short_amount(used_nano) if used_nano else "0",
            "amount": short_amount(most),
            "currency": workspace.currency,
        }
        raise Invalid(text, {"budget": [text]})


@transaction.atomic
def start_run(*, run: Run, actor: User | None) -> Run:
    """Start a draft: its document is laid out, its first tasks go.

    A run that is on its way already is returned as it is.
    """
    row = moves.lock(run.pk)
    if row.state in (RunState.PLANNING, RunState.RUNNING) and row.is_started:
        return row
    out = Outbox(row, _actor(actor))
    if row.state == RunState.PLANNING:
        moves.set_run(row, out, is_started=True)
    elif row.state == RunState.DRAFT:
        if not Step.objects.of_run(row.pk).tasks().exists():
            raise Conflict(_("The plan has no tasks left."))
        scaffold.begin(row, out)
        moves.conclude(row, out)
    else:
        raise _not_now(row)
    out.close()
    return row


@transaction.atomic
def pause_run(*, run: Run, actor: User | None) -> Run:
    """Pause a run: agents stop within a second, what they have finished stays. Paused already: nothing changes."""
    row = moves.lock(run.pk)
    if row.state == RunState.PAUSED and row.pause_reason == PauseReason.USER:
        return row
    if row.state not in (RunState.PLANNING, RunState.RUNNING, RunState.PAUSED):
        raise _not_now(row)
    out = Outbox(row, _actor(actor))
    moves.set_run(row, out, state=RunState.PAUSED, pause_reason=PauseReason.USER, pause_details={})
    out.close()
    transaction.on_commit(lambda: registry.interrupt(row.pk))
    return row


@transaction.atomic
def resume_run(*, run: Run, actor: User | None, budget_nano: int | None = None) -> Run:
    """Let a paused run go on from what is finished.

    `budget_nano` gives it another budget. Running already: nothing. Raises Invalid for a budget that is spent already,
    or above what is available.
    """
    row = moves.lock(run.pk)
    if row.state in (RunState.PLANNING, RunState.RUNNING):
        return row
    if row.state != RunState.PAUSED:
        raise _not_now(row)
    if budget_nano is not None:
        check_budget(row.workspace, budget_nano, used_nano=billing.run_counted_nano(row.pk))
        row.budget_nano = budget_nano
        row.save(update_fields=["budget_nano"])
    out = Outbox(row, _actor(actor))
    moves.resume_run(row, out)
    out.close()
    return row


def stop_run(*, run: Run, actor: User | None) -> Run:
    """Stop a run: agents stop within two seconds, their calls are settled, then it is `cancelled`. Repeatable."""
    row = _stop(run, actor)
    if row.state == RunState.FINISHING:
        settle.run(row.pk)
    row.refresh_from_db()
    return row


@transaction.atomic
def _stop(run: Run, actor: User | None) -> Run:
    row = moves.lock(run.pk)
    if row.state in moves.ENDING:
        if row.outcome != RunState.CANCELLED:
            raise _not_now(row)
        return row
    out = Outbox(row, _actor(actor))
    moves.end_run(row, out, RunState.CANCELLED)
    out.close()
    transaction.on_commit(lambda: registry.interrupt(row.pk))
    return row


@transaction.atomic
def remove_task(*, step: Step, actor: User | None) -> Run:
    """Take a task out of a draft's plan; what waited for it waits for what it waited for. The quote follows."""
    run = moves.lock(step.run_id)
    if run.state != RunState.DRAFT or step.kind == StepKind.PLAN:
        raise Conflict(_("Only tasks of a run that has not started can be removed."))
    if Step.objects.of_run(run.pk).tasks().count() == 1:
        raise Conflict(_("A plan needs at least one task."))
    own = set(StepDep.objects.filter(step=step).values_list("needs_id", flat=True))
    for dependent in Step.objects.filter(needs__needs=step):
        held = set(StepDep.objects.filter(step=dependent).values_list("needs_id", flat=True))
        StepDep.objects.bulk_create(StepDep(step=dependent, needs_id=need) for need in own - held)
    run.plan = _without(Plan.from_dict(run.plan), step.number).as_dict()
    run.save(update_fields=["plan"])
    for task in run.plan["tasks"]:
        Step.objects.filter(run=run, number=task["number"]).update(spec=task)
    step.delete()
    out = Outbox(run, _actor(actor))
    out.run_moved(run)
    out.close()
    return run


def step_figures(run: Run) -> dict[UUID, billing.StepFigures]:
    """Return cost and usage of the run's steps, by step."""
    return billing.step_figures(run.pk)


def _without(plan: Plan, number: int) -> Plan:
    data = plan.as_dict()
    gone = next(task for task in data["tasks"] if task["number"] == number)
    data["tasks"] = [task for task in data["tasks"] if task is not gone]
    for task in data["tasks"]:
        if number in task["needs"]:
            task["needs"] = sorted({*task["needs"], *gone["needs"]} - {number})
    return Plan.from_dict(data)


def _actor(actor: User | None) -> str:
    return f"person:{actor.pk}" if actor is not None else "system"


def _not_now(run: Run) -> Conflict:
    return Conflict(
        _("The run is “%(state)s”; this cannot be done now.") % {"state": run.get_state_display()},
        {"state": run.state},
    )
