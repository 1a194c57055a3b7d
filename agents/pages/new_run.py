"""The three steps to a run: template, brief and sources, plan and price."""

from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import access, metered, services
from agents.pages import board, sample
from agents.pages.views import run_config
from agents.ports import ModelInfo
from agents.writing import templates
from billing import services as billing
from workspaces.documents import access as documents
from workspaces.documents.models import Document, Project
from workspaces.pages.request import person
from workspaces.people import access as people
from workspaces.people.models import Role, User
from workspaces.shell import shell_of
from workspaces.sources import access as sources
from workspaces.sources import services as source_services
from workspaces.sources.models import Source
from wukong.kernel.errors import Conflict, WukongError
from wukong.kernel.money import parse_amount
from wukong.templatetags.ui import money


@dataclass(slots=True, kw_only=True)
class Brief:
    """What a person has filled in; `errors` are sentences for them, by the field that they can mend."""

    goal: str = ""
    model: str = ""
    budget: str = ""
    budget_nano: int | None = None
    sources: list[Source] = field(default_factory=list)
    document: Document | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, name: str, text: str) -> None:
        """Say what is wrong with a field."""
        self.errors.setdefault(name, []).append(text)


def _open_project(user: User, project_id: UUID) -> Project:
    """Return a project that takes new runs; raises Conflict for an archived one before anybody writes a brief."""
    project = documents.project_for(user, project_id, Role.EDITOR)
    if project.archived_at is not None:
        raise Conflict(_("This project is archived."))
    return project


@login_required
@require_GET
def choose_template(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Step 1: what should the swarm do?"""
    user = person(request)
    project = _open_project(user, project_id)
    offered = list(templates.load().values())
    context = {
        "shell": shell_of(user, project.workspace, project=project),
        "project": project,
        "stage": 1,
        "templates": offered,
        "chosen": request.GET.get("template") or offered[0].slug,
        "document_id": request.GET.get("document", ""),
    }
    return render(request, "agents/new_run.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def write_brief(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Step 2: brief, sources, model, limit. POST makes the run, whose plan is made next."""
    user = person(request)
    project = _open_project(user, project_id)
    known = templates.load()
    template = known.get(request.POST.get("template") or request.GET.get("template") or "") or next(
        iter(known.values())
    )
    brief = Brief(model=_default_model())
    if request.method == "POST":
        brief = _read(request, user, project)
        if not brief.errors:
            try:
                run = services.create_run(
                    project=project,
                    template=template.slug,
                    goal=brief.goal,
                    sources=brief.sources,
                    actor=user,
                    model=brief.model,
                    budget_nano=brief.budget_nano,
                    document=brief.document,
                    start=False,
                )
                return redirect("agents:run-plan", run.pk)
            except WukongError as error:
                _refuse(brief, error)
    balance = billing.balance_of(project.workspace_id)
    context = {
        "shell": shell_of(user, project.workspace, project=project),
        "project": project,
        "stage": 2,
        "template": template,
        "goal": brief.goal,
        "errors": brief.errors,
        "other_errors": brief.errors.get("", []),
        "sources": sources.sources_of(project, with_briefs=False),
        "chosen_sources": [source.pk for source in brief.sources],
        "models": _offered(),
        "chosen_model": brief.model,
        "local_note": _local_note(),
        "budget": brief.budget,
        "currency": balance.currency,
        "available": money(balance.available_nano, balance.currency),
        "document_id": request.POST.get("document") or request.GET.get("document", ""),
    }
    return render(request, "agents/new_run_brief.html", context, status=400 if brief.errors else 200)


_FIELDS = {"goal", "budget", "model"}


def _refuse(brief: Brief, error: WukongError) -> None:
    """Put a service's refusal beside the field that it is about, else above the form."""
    brief.refuse(next((name for name in error.details if name in _FIELDS), ""), error.message)


def _offered() -> list[ModelInfo]:
    """Return the models that can be chosen: a built-in one that is switched off never becomes ready."""
    is_off = metered.local_status()["state"] == "off"
    return [model for model in metered.models() if not (is_off and model.provider == "local")]


def _default_model() -> str:
    """The best model that answers now: an endpoint, else the built-in one, else the rehearsal."""
    order = {"scripted": 2, "local": 1}
    ready = sorted((model for model in metered.models() if model.ready), key=lambda model: order.get(model.id, 0))
    return ready[0].id if ready else "local"


def _local_note() -> str:
    status = metered.local_status()
    if status.get("state") in {"downloading", "starting"}:
        return _("The built-in model is warming up. A plan made with it waits until it is ready.")
    return ""


def _read(request: HttpRequest, user: User, project: Project) -> Brief:
    """Read the form; new files become sources even when another field is wrong, so that nobody uploads twice."""
    brief = Brief(
        goal=request.POST.get("goal", "").strip(),
        model=request.POST.get("model", ""),
        budget=request.POST.get("budget", "").strip(),
    )
    brief.sources = list(sources.sources_named(project, request.POST.getlist("sources")))
    if not brief.goal:
        brief.refuse("goal", _("Say what the swarm should do: the brief is empty."))
    if brief.model not in [model.id for model in _offered()]:
        brief.refuse("model", _("Choose a model that is offered here."))
    try:
        brief.budget_nano = parse_amount(brief.budget.replace(",", ".")) if brief.budget else None
    except WukongError as error:
        brief.refuse("budget", error.message)
    for upload in request.FILES.getlist("files"):
        _take(brief, project, user, upload)
    if text := request.POST.get("paste_text", "").strip():
        _take_text(brief, project, user, request.POST.get("paste_name", "").strip() or _("Pasted text"), text)
    elif name := request.POST.get("paste_name", "").strip():
        brief.refuse("sources", _("“%s” has no text yet. Paste it, or clear the name.") % name)
    if document_id := request.POST.get("document"):
        brief.document = documents.document_for(user, document_id, Role.EDITOR)
    return brief


def _take(brief: Brief, project: Project, user: User, upload: "UploadedFile[bytes]") -> None:
    try:
        source = source_services.add_source(
            project=project,
            name=upload.name or "",
            media_type=upload.content_type or "",
            data=upload.read(),
            actor=user,
        )
        brief.sources.append(source)
    except WukongError as error:
        name = upload.name or ""
        brief.refuse("sources", error.message if name and name in error.message else f"{name}: {error.message}")


def _take_text(brief: Brief, project: Project, user: User, name: str, text: str) -> None:
    try:
        brief.sources.append(
            source_services.add_source(project=project, name=name, media_type="text/plain", data=text, actor=user)
        )
    except WukongError as error:
        brief.refuse("sources", error.message)


@login_required
@require_GET
def show_plan(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Step 3: the plan and its price; the page follows while the plan is made."""
    user = person(request)
    run = access.run_for(user, run_id)
    if run.started_at is not None and run.document_id:
        return redirect("agents:document", run.document_id)
    if run.is_settled:
        return redirect("agents:run", run.pk)
    shell = shell_of(user, run.workspace, project=run.project)
    context = {
        "shell": shell,
        "project": run.project,
        "run": run,
        "stage": 3,
        "view": board.view_of(run, role=shell.role),
        "run_config": run_config(run.workspace, run),
    }
    return render(request, "agents/run_plan.html", context)


@login_required
@require_POST
def remove_task(request: HttpRequest, run_id: UUID, number: int) -> HttpResponse:
    """Take one task out of a draft; the price follows."""
    user = person(request)
    run = access.run_for(user, run_id, at_least=Role.EDITOR)
    services.remove_task(step=access.task_of(run, number), actor=user)
    return redirect("agents:run-plan", run_id)


@login_required
@require_POST
def try_sample(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the tea project with its sample brief and prices, and plan its campaign."""
    user = person(request)
    workspace = people.workspace_for(user, slug, Role.EDITOR)
    run = sample.create_sample_run(workspace=workspace, actor=user, model=_default_model())
    return redirect("agents:run-plan", run.pk)
