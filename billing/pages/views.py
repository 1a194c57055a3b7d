"""Pages of the meter: usage, and the fragments that other pages fill by URL. Each parses, asks access, renders."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from billing import services
from billing.pages import usage as usage_page
from workspaces.pages.request import person
from workspaces.people.access import workspace_for
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
