"""Pages that show work: home, project, document, runs. Each parses, asks `access`, calls one service, renders."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from agents import access, metered, services
from agents.models import Run
from agents.pages import board, models_page
from workspaces.documents import access as documents
from workspaces.pages.request import person
from workspaces.people import access as people
from workspaces.people.models import Role, Workspace
from workspaces.shell import live_config, shell_of
from workspaces.sources import access as sources
from wukong.kernel.money import parse_amount


def run_config(workspace: Workspace, run: Run | None = None) -> dict[str, Any]:
    """Return what the live island needs, and which run is looked at."""
    return live_config(workspace) | {"run": str(run.pk) if run else None}


@login_required
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Send people to the workspace where they were last, else to their first, else let them make one."""
    mine = list(people.workspaces_of(person(request)))
    if not mine:
        return redirect("people:new-workspace")
    last = request.session.get("workspace")
    chosen = next((one for one in mine if one.slug == last), mine[0])
    return redirect("agents:home", chosen.slug)


@login_required
@require_GET
def home(request: HttpRequest, slug: str) -> HttpResponse:
    """Projects with their live swarms, spend, recent documents."""
    user = person(request)
    workspace = people.workspace_for(user, slug)
    request.session["workspace"] = workspace.slug
    shell = shell_of(user, workspace, current="home")
    newest = access.newest_runs(user, workspace)
    cards = [
        {
            "project": card.project,
            "view": board.view_of(newest[card.project.pk], role=shell.role) if card.project.pk in newest else None,
            "documents": card.documents,
            "updated_at": card.updated_at,
        }
        for card in documents.project_cards(user, workspace)
    ]
    live = access.live_count(user, workspace)
    summary = (
        ngettext("%(n)d run is at work.", "%(n)d runs are at work.", live) % {"n": live}
        if live
        else _("No run is at work. Idle costs nothing.")
    )
    context = {
        "shell": shell,
        "cards": cards,
        "archived": documents.archived_projects(user, workspace),
        "summary": summary,
        "documents": documents.recent_documents(user, workspace, limit=8),
        "run_config": run_config(workspace),
    }
    return render(request, "agents/home.html", context)


@login_required
@require_GET
def project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Documents, runs and sources of one project."""
    user = person(request)
    found = documents.project_for(user, project_id)
    shell = shell_of(user, found.workspace, project=found)
    context = {
        "shell": shell,
        "project": found,
        "documents": documents.tree_of(found, with_archived=True),
        "sources": sources.sources_of(found),
        "runs": board.rows_of(list(access.runs_of_project(user, found)[:20])),
        "source_error": request.session.pop("source_error", ""),
        "run_config": run_config(found.workspace),
    }
    return render(request, "agents/project.html", context)


@login_required
@require_GET
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """The live document with its swarm beside it."""
    user = person(request)
    found = documents.document_for(user, document_id)
    shell = shell_of(user, found.project.workspace, project=found.project, document=found)
    run = access.run_of_document(user, found)
    view = board.view_of(run, role=shell.role) if run else None
    may_write = shell.may_edit and found.archived_at is None and found.project.archived_at is None
    context = {
        "shell": shell,
        "document": found,
        "project": found.project,
        "places": [one for one in documents.tree_of(found.project) if one.pk != found.pk],
        "view": view,
        "live": bool(view and view.may_stop),
        "may_edit": may_write,
        "demo_note": view.model_note if view else "",
        "editor_config": {
            "document": str(found.pk),
            "socket": f"/ws/documents/{found.pk}/",
            "editable": may_write,
            "user": {"id": str(user.pk), "name": user.display_name, "tone": user.tone, "initials": user.initials},
        },
        "run_config": run_config(found.project.workspace, run),
    }
    return render(request, "agents/document.html", context)


@login_required
@require_GET
def panel(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """The swarm's panel of a document, as a fragment."""
    user = person(request)
    found = documents.document_for(user, document_id)
    role = people.role_in(user, found.project.workspace)
    run = access.run_of_document(user, found)
    context = {
        "document": found,
        "project": found.project,
        "view": board.view_of(run, role=role) if run else None,
        "may_edit": role.includes(Role.EDITOR) and found.archived_at is None and found.project.archived_at is None,
    }
    return render(request, "agents/panel.html", context)


@login_required
@require_GET
def runs(request: HttpRequest, slug: str) -> HttpResponse:
    """All runs of a workspace, newest first."""
    user = person(request)
    workspace = people.workspace_for(user, slug)
    shell = shell_of(user, workspace, current="runs")
    rows = board.rows_of(list(access.runs_of_workspace(user, workspace)[:50]))
    return render(request, "agents/runs.html", {"shell": shell, "runs": rows, "run_config": run_config(workspace)})


@login_required
@require_GET
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: time line, board, events, and its cost equal to the ledger."""
    user = person(request)
    found = access.run_for(user, run_id)
    shell = shell_of(user, found.workspace, current="runs", project=found.project)
    view = board.view_of(found, role=shell.role, with_events=True)
    context = {"shell": shell, "run": found, "view": view, "run_config": run_config(found.workspace, found)}
    return render(request, "agents/run.html", context)


@login_required
@require_POST
def run_action(request: HttpRequest, run_id: UUID, action: str) -> HttpResponse:
    """Start, pause, go on, or stop."""
    user = person(request)
    found = access.run_for(user, run_id, at_least=Role.EDITOR)
    if action == "resume":
        limit = request.POST.get("budget", "").strip().replace(",", ".")
        services.resume_run(run=found, actor=user, budget_nano=parse_amount(limit) if limit else None)
    else:
        verbs = {"start": services.start_run, "pause": services.pause_run, "stop": services.stop_run}
        verbs[action](run=found, actor=user)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Trigger": "run-moved"})
    if action == "start":
        started = access.run_for(user, run_id)
        if started.document_id:
            return redirect("agents:document", started.document_id)
    return redirect("agents:run", run_id)


@login_required
@require_GET
def live_count(request: HttpRequest, slug: str) -> HttpResponse:
    """How many runs are at work, as a word for the sidebar."""
    user = person(request)
    count = access.live_count(user, people.workspace_for(user, slug))
    return HttpResponse(ngettext("%(n)d live", "%(n)d live", count) % {"n": count} if count else "")


@login_required
@require_GET
def models(request: HttpRequest, slug: str) -> HttpResponse:
    """Models, their prices, and how far the built-in one is."""
    user = person(request)
    workspace = people.workspace_for(user, slug)
    context = {
        "shell": shell_of(user, workspace, current="settings"),
        "tab": "models",
        "currency": workspace.currency,
        "local": models_page.local_view(metered.local_status()),
        "rows": models_page.rows_of(workspace),
    }
    return render(request, "agents/models.html", context)
