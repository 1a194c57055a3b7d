"""A document's text to read: for a page whose socket does not come, and for browsers without scripts."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils.http import parse_etags
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from workspaces.documents import access, content
from workspaces.documents.models import Document
from workspaces.pages.request import person
from workspaces.shell import shell_of


@require_GET
def reading(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """The text alone, as HTML without styles, with an ETag. Who is not signed in gets 401 when a script asks."""
    document = access.document_for(person(request), document_id)
    known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    if _etag(document, document.head_seq) in known:
        return _fresh(HttpResponseNotModified(), _etag(document, document.head_seq))
    blocks, seq = access.content_of(document)
    return _fresh(HttpResponse(content.to_html(blocks)), _etag(document, seq))


def _etag(document: Document, seq: int) -> str:
    return f'"{document.generation}-{seq}"'


def _fresh(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@login_required
@require_GET
def read(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """A page with the text that needs no script."""
    user = person(request)
    document = access.document_for(user, document_id)
    blocks, _seq = access.content_of(document)
    context = {
        "shell": shell_of(user, document.project.workspace, project=document.project, document=document),
        "document": document,
        "text": mark_safe(content.to_html(blocks)),  # noqa: S308 - to_html escapes what people wrote
    }
    return render(request, "workspaces/documents/read.html", context)
