"""Pages of the meter: usage, and the fragments that other pages fill by URL. Each parses, asks access, renders."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing import services
from billing.forms import LimitForm
from billing.pages import limits as limits_page
from billing.pages import prices as prices_page
from billing.pages import usage as usage_page
from workspaces.pages.request import person
from workspaces.people.access import workspace_for
from workspaces.people.models import Role
from workspaces.shell import live_config, shell_of


@login_required
@require_GET
def usage(request: HttpRequest, slug: str) -> HttpResponse:
    """What the workspace used and paid in a period, by project, agent or model."""
    user = person(request)
    workspace = workspace_for(user, slug)
    period, by = usage_page.chosen(request.GET.get("period", ""), request.GET.get("by", ""))
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "page": usage_page.page_of(user, workspace, period, by),
        "run_config": live_config(workspace),
    }
    return render(request, "billing/usage.html", context)


@login_required
@require_GET
def balance(request: HttpRequest, slug: str) -> HttpResponse:
    """The balance in the top bar, as a fragment."""
    workspace = workspace_for(person(request), slug)
    return render(request, "billing/_balance.html", {"balance": services.balance_of(workspace.pk)})


@login_required
@require_GET
def month(request: HttpRequest, slug: str) -> HttpResponse:
    """What this month has cost, as a fragment of the home page."""
    user = person(request)
    workspace = workspace_for(user, slug)
    return render(request, "billing/_month.html", {"month": usage_page.month_of(user, workspace)})


@login_required
@require_http_methods(["GET", "POST"])
def limits(request: HttpRequest, slug: str) -> HttpResponse:
    """What each scope may spend; POST sets a limit."""
    user = person(request)
    workspace = workspace_for(user, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    form = LimitForm(request.POST or None, scopes=limits_page.scopes(user, workspace), currency=workspace.currency)
    if request.method == "POST" and form.is_valid():
        level, _colon, name = form.cleaned_data["scope"].partition(":")
        services.set_budget(
            workspace_id=workspace.pk,
            level=level,
            name=name,
            period=form.cleaned_data["period"],
            limit_nano=form.cleaned_data["limit"],
            is_hard=form.cleaned_data["kind"] == "hard",
            actor=f"person:{user.pk}",
        )
        messages.success(request, _("The limit is set."))
        return redirect("billing:limits", slug)
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "page": limits_page.page_of(user, workspace),
        "form": form,
        "run_config": live_config(workspace),
    }
    return render(request, "billing/limits.html", context)


@login_required
@require_POST
def drop_limit(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a limit away; one that is gone already is no mistake."""
    workspace = workspace_for(person(request), slug, Role.ADMIN)
    level, _colon, name = request.POST.get("scope", "").partition(":")
    services.drop_budget(workspace_id=workspace.pk, level=level, name=name)
    messages.success(request, _("The limit is removed."))
    return redirect("billing:limits", slug)


@login_required
@require_GET
def prices(request: HttpRequest, slug: str) -> HttpResponse:
    """What every model costs the workspace, and what has changed."""
    user = person(request)
    workspace = workspace_for(user, slug)
    context = {"shell": shell_of(user, workspace, current="usage"), "page": prices_page.page_of(workspace)}
    return render(request, "billing/prices.html", context)
