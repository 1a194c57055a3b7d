"""The page behind an invitation's link."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from workspaces.people import access, services
from workspaces.people.forms import INVITATION
from workspaces.people.models import User
from wukong.kernel.errors import Unauthenticated


@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites to what; POST joins. Somebody without an account comes back here after signing up or in."""
    if request.method == "POST":
        if not isinstance(request.user, User):
            raise Unauthenticated
        services.accept_invitation(token=token, user=request.user)
        request.session.pop(INVITATION, None)
        return HttpResponseRedirect("/")
    found = access.invitation_of(token)
    if found is None:
        request.session.pop(INVITATION, None)
        if isinstance(request.user, User) and access.has_accepted(request.user, token):
            return HttpResponseRedirect("/")  # signing up has accepted it already
        return render(request, "workspaces/invitation.html", {"invitation": None}, status=404)
    if not isinstance(request.user, User):
        request.session[INVITATION] = token  # lets sign-up through where it is closed, and is accepted by it
    return render(request, "workspaces/invitation.html", {"invitation": found})
