"""Errors of pages: a page that says what happened and what to do, or a small fragment for htmx; never a traceback."""

import logging

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from wukong.kernel.errors import Forbidden, NotFound, Unauthenticated, WukongError
from wukong.kernel.http.errors import body_of, headers_of, translate
from wukong.kernel.ids import new_id

_log = logging.getLogger("wukong.http")


class ErrorPages(MiddlewareMixin):
    """Turns what a view raises into an answer."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        error = translate(exception)
        return None if error is None else problem(request, error)


def problem(request: HttpRequest, error: WukongError) -> HttpResponse:
    """Answer with `error` in the form that the asker reads: JSON below /api/, a fragment for htmx, else a page."""
    if request.path.startswith("/api/"):
        return JsonResponse(body_of(error), status=error.status, headers=headers_of(error))
    is_fragment = request.headers.get("HX-Request") == "true"
    if isinstance(error, Unauthenticated) and not is_fragment:
        return redirect_to_login(request.get_full_path())
    title, advice = _words(error.status, is_fragment)
    context = {
        "status": error.status,
        "code": error.code,
        "title": title,
        "message": error.message,
        "safe": _("Documents save themselves word by word; nothing that was saved is lost."),
        "next": advice,
        "reference": error.details.get("reference", ""),
    }
    # A page of an error of ours does without context processors: they may be what failed.
    asker = request if error.status < 500 else None
    html = render_to_string("_problem.html" if is_fragment else "error.html", context, asker)
    return HttpResponse(html, status=error.status, headers=headers_of(error))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    return problem(request, NotFound(_("There is nothing here, or it is not for you.")))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return problem(request, Forbidden(_("You may not do this.")))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is old or missing: almost always a page left open over a sign-out."""
    return problem(request, Forbidden(_("This page was open for too long. Load it again, then repeat what you did.")))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. Django has logged the exception."""
    reference = str(new_id())[-8:]
    _log.error("reference %s: %s %s", reference, request.method, request.path)
    return problem(request, WukongError(_("Something went wrong on our side."), {"reference": reference}))


def _words(status: int, is_fragment: bool) -> tuple[str, str]:
    """Return the title of an error page and what its reader may do about it."""
    words = {
        401: (_("Please sign in"), _("Sign in and come back to this page.")),
        402: (_("Not enough credit"), _("Add credit to the workspace, then try again.")),
        403: (_("Not allowed"), _("Ask an admin of the workspace for the right, or load the page again.")),
        404: (_("Not found"), _("Check the address, or look for it from Home.")),
        409: (_("That does not fit any more"), _("Load the page again to see how things stand.")),
        412: (_("Someone was faster"), _("Load the page again to see what has changed.")),
        413: (_("Too large"), _("Use a smaller file, or split it.")),
        415: (_("Wrong kind of file"), _("Use a Markdown, text or CSV file.")),
        429: (_("Too fast"), _("Wait a minute, then try again.")),
        503: (_("Back in a moment"), _("Try again in a few seconds.")),
    }
    ours = (
        _("Something went wrong"),
        _("Load the page again. If it happens again, tell who runs this installation the reference."),
    )
    wrong = _("Correct it and try again.") if is_fragment else _("Go back, correct it and try again.")
    return words.get(status, ours if status >= 500 else (_("That did not work"), wrong))
