"""The only way from (person, id) to a run: stranger → NotFound, member without right → Forbidden."""

from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from agents.models import MOVING, Attempt, ModelCall, Run, RunState, Step, StepDep
from workspaces.models import Document, Event, Project, Source, User, Workspace
from workspaces.people.access import NOTHING, as_uuid, require, role_in
from workspaces.people.models import Role, seen_by
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid, NotFound


def runs_of(user: User) -> QuerySet[Run]:
    """Return the runs that `user` may see, newest first."""
    return Run.objects.of(user).select_related("workspace", "project", "document").order_by("-id")


def runs_of_workspace(user: User, workspace: Workspace) -> QuerySet[Run]:
    """Return the runs of one workspace, newest first."""
    return runs_of(user).filter(workspace=workspace).select_related("created_by")


def runs_of_project(user: User, project: Project) -> QuerySet[Run]:
    """Return the runs of one project, newest first."""
    return runs_of(user).filter(project=project).select_related("created_by")


def newest_runs(user: User, workspace: Workspace) -> dict[UUID, Run]:
    """Return {project: the run to show of it} for the projects of a workspace that have one: at work, else newest."""
    runs = runs_of_workspace(user, workspace)
    is_at_work = ExpressionWrapper(Q(state__in=[*MOVING, RunState.PAUSED]), BooleanField())
    newest = Run.objects.filter(project=OuterRef("project")).order_by(is_at_work.desc(), "-number").values("pk")[:1]
    return {run.project_id: run for run in runs.filter(pk=Subquery(newest))}


def run_of_document(user: User, document: Document) -> Run | None:
    """Return the run that works, or was the last to work, in a document."""
    return runs_of(user).filter(document=document).select_related("created_by").first()


def live_count(user: User, workspace: Workspace) -> int:
    """Return how many runs of a workspace are at work now."""
    return Run.objects.of(user).moving().filter(workspace=workspace).count()


def run_for(user: User, run_id: UUID | str, at_least: Role = Role.VIEWER) -> Run:
    """Return a run; raises NotFound for strangers, Forbidden below `at_least`."""
    run = runs_of(user).filter(pk=as_uuid(run_id) or NOTHING).first()
    if run is None:
        raise NotFound(_("There is no such run, or it is not for you."))
    require(role_in(user, run.workspace), at_least)
    return run


def steps_of(run: Run) -> QuerySet[Step]:
    """Return the run's steps by number, the planning step (number 0) included, with what they need."""
    needs = Prefetch("needs", StepDep.objects.select_related("needs").order_by("needs__number"))
    return Step.objects.of_run(run.pk).prefetch_related(needs)


def task_of(run: Run, number: int) -> Step:
    """Return a task of a run by its number; raises NotFound."""
    step = Step.objects.of_run(run.pk).tasks().filter(number=number).select_related("run").first()
    if step is None:
        raise NotFound(_("There is no such task."))
    return step


def step_for(user: User, step_id: UUID | str, at_least: Role = Role.VIEWER) -> Step:
    """Return a step of a run that `user` may see."""
    step = (
        Step.objects.filter(seen_by(user, "run__workspace"), pk=as_uuid(step_id) or NOTHING)
        .select_related("run")
        .first()
    )
    if step is None:
        raise NotFound(_("There is no such task, or it is not for you."))
    require(role_in(user, step.run.workspace), at_least)
    return step


def events_of(run: Run, *, since: int | None = None, limit: int = 200) -> list[Event]:
    """Return the run's events after `since`, oldest first; without `since` the newest ones, newest first."""
    events = Event.objects.filter(run=run.pk)
    if since is None:
        return list(events.order_by("-seq")[:limit])
    return list(events.filter(seq__gt=since).order_by("seq")[:limit])


def actor_name(actor: str) -> str:
    """Return the name of who caused an event: "person:<id>", "agent:<role>" or "system"."""
    kind, _sep, name = actor.partition(":")
    if kind == "person":
        person = User.objects.filter(pk=as_uuid(name) or NOTHING).first()
        return person.display_name if person is not None else _("Somebody")
    return name or _("Server")


def sources_for(user: User, project_id: UUID, ids: list[UUID]) -> list[Source]:
    """Return the sources in the given order; raises Invalid for one that is not of this project."""
    found = {source.pk: source for source in Source.objects.of(user).filter(project=project_id, pk__in=ids)}
    if missing := [str(pk) for pk in ids if pk not in found]:
        raise Invalid(
            _("There is no such source in this project."), {"sources": [_("Unknown: %s") % ", ".join(missing)]}
        )
    return [found[pk] for pk in dict.fromkeys(ids)]


def currency_of(user: User, project_id: object) -> str | None:
    """Return the currency in which a budget for this project counts; None for a project that `user` may not see."""
    projects = Project.objects.of(user).filter(pk=as_uuid(project_id) or NOTHING)
    return projects.values_list("workspace__currency", flat=True).first()


def writers_of(document: Document, people: set[UUID], steps: set[UUID]) -> dict[UUID, str]:
    """Return the names of who has written in a document: people, and agents by the steps that they worked on."""
    agents = Step.objects.filter(run__workspace=document.project.workspace_id, pk__in=steps)
    names = {person.pk: person.display_name for person in User.objects.filter(pk__in=people)}
    return names | dict(agents.values_list("pk", "agent"))


def document_for(user: User, project_id: UUID, document_id: UUID) -> Document:
    """Return the document that a run is to write into; raises Invalid if it is not in this project, or archived."""
    document = Document.objects.of(user).live().filter(project=project_id, pk=document_id).first()
    if document is None:
        raise Invalid(_("There is no such document in this project."), {"document": [_("Unknown document.")]})
    return document


# --- for operators, who see all ---


def all_runs() -> QuerySet[Run]:
    return Run.objects.select_related("workspace", "project", "created_by").order_by("-id")


def calls_of(run: Run) -> QuerySet[ModelCall]:
    return ModelCall.objects.of_run(run.pk).select_related("step")


def queue() -> dict[str, Any]:
    """Return how the engine stands: runs by state, steps at work and waiting, leases run out, calls open."""
    states = Run.objects.unsettled().values_list("state", flat=True)
    return {
        "runs": {state: list(states).count(state) for state in dict.fromkeys(states)},
        "working": Step.objects.live().count(),
        "ready": Step.objects.waiting().count(),
        "lapsed": Step.objects.lapsed(now()).count(),
        "open_calls": ModelCall.objects.open().count(),
        "lost": Attempt.objects.filter(state="lost").count(),
    }
