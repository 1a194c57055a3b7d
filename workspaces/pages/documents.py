"""Forms behind the document and project pages: make, rename, move, archive, add a source."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from workspaces.documents import access, services
from workspaces.pages.forms import ProjectForm
from workspaces.pages.people import put_errors
from workspaces.pages.request import person
from workspaces.people import access as people
from workspaces.people.models import Role
from workspaces.shell import shell_of
from workspaces.sources import services as sources
from wukong.kernel.errors import Conflict, Invalid, WukongError


@login_required
@require_http_methods(["GET", "POST"])
def new_project(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    workspace = people.workspace_for(user, slug, Role.EDITOR)
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_project(workspace=workspace, name=form.cleaned_data["name"], actor=user)
            return redirect("agents:project", made.pk)
        except Invalid as error:
            put_errors(form, error)
    context = {"shell": shell_of(user, workspace), "form": form, "cancel": "/"}
    return render(request, "workspaces/new_project.html", context)


@login_required
@require_POST
def rename_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    user = person(request)
    project = access.project_for(user, project_id, Role.EDITOR)
    _try(request, lambda: services.rename_project(project=project, name=request.POST.get("name", ""), actor=user))
    return redirect("agents:project", project.pk)


@login_required
@require_POST
def archive_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Archive, or restore what is archived."""
    user = person(request)
    project = access.project_for(user, project_id, Role.EDITOR)
    verb = services.restore_project if project.archived_at else services.archive_project
    _try(request, lambda: verb(project=project, actor=user))
    return redirect("agents:project", project.pk)


@login_required
@require_POST
def new_document(request: HttpRequest, project_id: UUID) -> HttpResponse:
    user = person(request)
    project = access.project_for(user, project_id, Role.EDITOR)
    try:
        made = services.create_document(project=project, title=request.POST.get("title", ""), actor=user)
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("agents:project", project.pk)
    return redirect("agents:document", made.pk)


@login_required
@require_POST
def rename_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = person(request)
    document = access.document_for(user, document_id, Role.EDITOR)
    _try(request, lambda: services.rename_document(document=document, title=request.POST.get("title", ""), actor=user))
    return redirect("agents:document", document.pk)


@login_required
@require_POST
def move_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = person(request)
    document = access.document_for(user, document_id, Role.EDITOR)
    chosen = request.POST.get("parent", "")
    parent = access.document_for(user, UUID(chosen), Role.EDITOR) if chosen else None
    _try(request, lambda: services.move_document(document=document, parent=parent, actor=user))
    return redirect("agents:document", document.pk)


@login_required
@require_POST
def archive_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Archive, or restore what is archived."""
    user = person(request)
    document = access.document_for(user, document_id, Role.EDITOR)
    verb = services.restore_document if document.archived_at else services.archive_document
    _try(request, lambda: verb(document=document, actor=user))
    return redirect("agents:document", document.pk)


@login_required
@require_POST
def add_source(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Take files, and text that was pasted; what is refused is said, what was good is kept."""
    user = person(request)
    project = access.project_for(user, project_id, Role.EDITOR)
    refused: list[str] = []
    for upload in request.FILES.getlist("files"):
        try:
            sources.add_source(
                project=project,
                name=upload.name or "",
                media_type=upload.content_type or "",
                data=upload.read(),
                actor=user,
            )
        except WukongError as error:
            name = upload.name or ""
            refused.append(error.message if name and name in error.message else f"{name}: {error.message}")
    if text := request.POST.get("paste_text", "").strip():
        name = request.POST.get("paste_name", "").strip() or _("Pasted text")
        try:
            sources.add_source(project=project, name=name, media_type="text/plain", data=text, actor=user)
        except WukongError as error:
            refused.append(error.message)
    elif name := request.POST.get("paste_name", "").strip():
        refused.append(_("“%s” has no text yet. Paste it, or clear the name.") % name)
    elif not request.FILES:
        refused.append(_("Choose a file, or paste some text."))
    if refused:
        request.session["source_error"] = " ".join(refused)
    return redirect("agents:project", project.pk)


def _try(request: HttpRequest, verb: Callable[[], object]) -> None:
    """Run a service; say what came of it at the top of the next page."""
    try:
        verb()
        messages.success(request, _("Saved."))
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
