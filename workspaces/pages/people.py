"""Settings pages: the workspace, its members, keys, and the person's own profile."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from workspaces.pages.forms import InviteForm, KeyForm, NewWorkspaceForm, ProfileForm, WorkspaceForm
from workspaces.pages.request import person
from workspaces.people import access, services
from workspaces.people.models import Role
from workspaces.shell import shell_of
from wukong.kernel.errors import Conflict, Forbidden, Invalid

PAGE = require_http_methods(["GET", "POST"])


def put_errors(form: Form, error: Invalid | Conflict | Forbidden) -> None:
    """Show a service's refusal where the person can mend it."""
    for name, texts in error.details.items():
        if name in form.fields and isinstance(texts, list):
            for text in texts:
                form.add_error(name, str(text))
    if not form.errors:
        form.add_error(None, error.message)


def mail_folder() -> str:
    """Return where mails are written when no server is set, so that the page can say so."""
    return "" if settings.WUKONG_MAIL_URL else str(settings.WUKONG_DATA_DIR / "mail")


@login_required
@PAGE
def new_workspace(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = NewWorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_workspace(owner=user, **form.cleaned_data)
            return redirect("agents:home", made.slug)
        except Invalid as error:
            put_errors(form, error)
    mine = access.workspaces_of(user).first()
    if mine is None:
        return render(request, "workspaces/first_workspace.html", {"form": form})
    return render(
        request, "workspaces/new_workspace.html", {"shell": shell_of(user, mine), "form": form, "cancel": "/"}
    )


@login_required
@PAGE
def profile(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = ProfileForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        services.rename_person(user=user, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("people:profile")
    mine = access.workspaces_of(user).first()
    if mine is None:
        return redirect("people:new-workspace")
    return render(request, "workspaces/profile.html", {"shell": shell_of(user, mine), "form": form, "cancel": "/"})


@login_required
@PAGE
def workspace_settings(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    workspace = access.workspace_for(user, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    form = WorkspaceForm(request.POST or None, initial={"name": workspace.name, "time_zone": workspace.time_zone})
    if request.method == "POST" and form.is_valid():
        services.change_workspace(workspace=workspace, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("people:settings", workspace.slug)
    context = {"shell": shell_of(user, workspace, current="settings"), "tab": "workspace", "form": form}
    return render(request, "workspaces/settings/workspace.html", context)


@login_required
@require_POST
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    workspace = access.workspace_for(user, slug)
    try:
        services.leave(membership=access.membership_in(user, workspace))
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("people:settings", slug)
    messages.success(request, _("You have left %(name)s.") % {"name": workspace.name})
    return redirect("agents:start")


@login_required
@PAGE
def members(request: HttpRequest, slug: str) -> HttpResponse:
    """Members and open invitations; POST invites."""
    user = person(request)
    workspace = access.workspace_for(user, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    form, link, invited = InviteForm(request.POST or None), "", ""
    if request.method == "POST" and form.is_valid():
        try:
            invitation, link = services.invite(
                workspace=workspace,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                actor=user,
            )
            form, invited = InviteForm(), invitation.email
        except (Invalid, Conflict, Forbidden) as error:
            put_errors(form, error)
    shell = shell_of(user, workspace, current="settings")
    context = {
        "shell": shell,
        "tab": "members",
        "members": access.members_of(workspace),
        "invitations": access.invitations_of(workspace) if shell.may_manage else (),
        "roles": Role.choices,
        "form": form,
        "link": link,
        "invited": invited,
        "mail_folder": mail_folder(),
    }
    return render(request, "workspaces/settings/members.html", context)


@login_required
@require_POST
def member_role(request: HttpRequest, slug: str, membership_id: UUID) -> HttpResponse:
    user = person(request)
    membership = access.member_for(user, membership_id, Role.ADMIN)
    try:
        services.change_role(membership=membership, role=Role(request.POST.get("role", "")), actor=user)
        messages.success(request, _("Saved."))
    except ValueError:
        messages.error(request, _("This role is unknown."))
    except (Conflict, Forbidden) as error:
        messages.error(request, error.message)
    return redirect("people:members", slug)


@login_required
@require_POST
def member_remove(request: HttpRequest, slug: str, membership_id: UUID) -> HttpResponse:
    user = person(request)
    membership = access.member_for(user, membership_id, Role.ADMIN)
    try:
        services.remove_member(membership=membership, actor=user)
        messages.success(request, _("Removed."))
    except (Conflict, Forbidden) as error:
        messages.error(request, error.message)
    return redirect("people:members", slug)


@login_required
@require_POST
def invitation_revoke(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    services.revoke_invitation(invitation=access.invitation_for(person(request), invitation_id))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("people:members", slug)


@login_required
@PAGE
def keys(request: HttpRequest, slug: str) -> HttpResponse:
    """Keys; POST makes one, whose secret is on this one page and never again."""
    user = person(request)
    workspace = access.workspace_for(user, slug)
    form, made, secret = KeyForm(request.POST or None), None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.create_key(workspace=workspace, user=user, **form.cleaned_data)
            form = KeyForm()
        except (Invalid, Forbidden) as error:
            put_errors(form, error)
    context = {
        "shell": shell_of(user, workspace, current="settings"),
        "tab": "keys",
        "keys": access.keys_of(user, workspace),
        "form": form,
        "new_key": made,
        "secret": secret,
        "site_url": settings.WUKONG_URL,
    }
    response = render(request, "workspaces/settings/keys.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def key_revoke(request: HttpRequest, slug: str, key_id: UUID) -> HttpResponse:
    services.revoke_key(key=access.key_for(person(request), key_id))
    messages.success(request, _("The key is revoked."))
    return redirect("people:keys", slug)
