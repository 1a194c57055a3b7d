"""REST: projects, documents, and their content in three forms."""

import html
import json
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.documents import access, content, services
from workspaces.documents.models import Document
from workspaces.documents.schema import Node
from workspaces.documents.serializers import (
    DocumentCreate,
    DocumentRead,
    DocumentWrite,
    ProjectCreate,
    ProjectRead,
    ProjectWrite,
)
from workspaces.people.access import workspace_for
from workspaces.people.models import Role
from workspaces.people.rest import View, ViewSet, person
from wukong.kernel.errors import Invalid

BY_WORKSPACE = OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace.")
BY_PROJECT = OpenApiParameter("project", str, description="Only those of this project.")


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE]))
class ProjectViewSet(ViewSet):
    """Projects, archived ones too. What is in an archived project can be read."""

    required_scope = "projects"
    serializer_class = ProjectRead

    def list(self, request: Request) -> Response:
        return self.page(self.of_workspace(access.projects_seen_by(person(request))), ProjectRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(ProjectRead(access.project_for(person(request), pk)).data)

    @extend_schema(request=ProjectCreate, responses={201: ProjectRead})
    def create(self, request: Request) -> Response:
        user = person(request)
        body = self.parse(ProjectCreate)
        workspace = workspace_for(user, body["workspace"], Role.EDITOR)
        project = services.create_project(workspace=workspace, name=body["name"], actor=user)
        return Response(ProjectRead(project).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ProjectWrite)
    def partial_update(self, request: Request, pk: str) -> Response:
        user = person(request)
        project = access.project_for(user, pk, Role.EDITOR)
        if changes := self.parse(ProjectWrite, partial=True):
            project = services.rename_project(project=project, actor=user, **changes)
        return Response(ProjectRead(project).data)

    @extend_schema(request=None, responses=ProjectRead)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Put the project away. It can be read and restored; nothing is deleted."""
        user = person(request)
        project = access.project_for(user, pk, Role.EDITOR)
        return Response(ProjectRead(services.archive_project(project=project, actor=user)).data)

    @extend_schema(request=None, responses=ProjectRead)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring an archived project back."""
        user = person(request)
        project = access.project_for(user, pk, Role.EDITOR)
        return Response(ProjectRead(services.restore_project(project=project, actor=user)).data)


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE, BY_PROJECT]))
class DocumentViewSet(ViewSet):
    """Documents of a project's tree, archived ones too. Their words are at `content/` and at the documents socket."""

    required_scope = "documents"
    serializer_class = DocumentRead

    def list(self, request: Request) -> Response:
        user = person(request)
        documents = self.of_workspace(access.documents_seen_by(user), "project__workspace")
        if project := request.query_params.get("project"):
            documents = documents.filter(project=access.project_for(user, project).pk)
        return self.page(documents, DocumentRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(DocumentRead(access.document_for(person(request), pk)).data)

    @extend_schema(request=DocumentCreate, responses={201: DocumentRead})
    def create(self, request: Request) -> Response:
        user = person(request)
        body = self.parse(DocumentCreate)
        document = services.create_document(
            project=access.project_for(user, body["project"], Role.EDITOR),
            title=body["title"],
            parent=_parent(request, body),
            markdown=(body.get("content") or {}).get("text"),
            actor=user,
        )
        return Response(DocumentRead(document).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=DocumentWrite)
    def partial_update(self, request: Request, pk: str) -> Response:
        user = person(request)
        document = access.document_for(user, pk, Role.EDITOR)
        changes = self.parse(DocumentWrite, partial=True)
        document = services.change_document(
            document=document,
            title=changes.get("title"),
            is_moved="parent" in changes,
            parent=_parent(request, changes),
            actor=user,
        )
        return Response(DocumentRead(document).data)

    @extend_schema(request=None, responses=DocumentRead)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Put the document away. It can be read and restored; nothing is deleted."""
        user = person(request)
        document = access.document_for(user, pk, Role.EDITOR)
        return Response(DocumentRead(services.archive_document(document=document, actor=user)).data)

    @extend_schema(request=None, responses=DocumentRead)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring an archived document back."""
        user = person(request)
        document = access.document_for(user, pk, Role.EDITOR)
        return Response(DocumentRead(services.restore_document(document=document, actor=user)).data)


def _parent(request: Request, body: dict[str, Any]) -> Document | None:
    parent = body.get("parent")
    return access.document_for(person(request), parent, Role.EDITOR) if parent is not None else None


# --- content --------------------------------------------------------------------------------------------------------
def _markdown(document: Document, blocks: list[Node]) -> str:
    return content.to_markdown(blocks)


def _page(document: Document, blocks: list[Node]) -> str:
    """A page of its own: saved to a disk it still says in which encoding it is."""
    title = html.escape(document.title)
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n{content.to_html(blocks)}\n'


def _json(document: Document, blocks: list[Node]) -> str:
    return json.dumps({"type": "doc", "content": blocks}, ensure_ascii=False, separators=(",", ":"))


_FORMS: dict[str, tuple[str, Callable[[Document, list[Node]], str]]] = {
    "markdown": ("text/markdown; charset=utf-8", _markdown),
    "html": ("text/html; charset=utf-8", _page),
    "json": ("application/json", _json),
}


class _AsAsked(BaseContentNegotiation):
    """`?format=` is ours here; errors are JSON whatever the client accepts."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ContentView(View):
    """What a document says at this moment."""

    required_scope = "documents"
    content_negotiation_class = _AsAsked

    @extend_schema(
        operation_id="documents_content_retrieve",
        parameters=[
            OpenApiParameter("format", str, enum=list(_FORMS), description="Markdown by default."),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The ETag that is known."),
            OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304], description='`"<seq>"`'),
        ],
        responses={
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
            (200, "application/json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="The document's blocks, named as docs/schema.md says."
            ),
            304: OpenApiResponse(description="It is still what the ETag stands for."),
        },
    )
    def get(self, request: Request, pk: str) -> HttpResponse:
        """The document as Markdown, HTML or JSON (Tiptap's form), with the ETag `"<seq>"`."""
        document = access.document_for(person(request), pk)
        form = request.query_params.get("format", "markdown")
        if form not in _FORMS:
            raise Invalid(_("One of markdown, html, json."), {"format": [_("One of markdown, html, json.")]})
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or _etag(document.head_seq) in [tag.removeprefix("W/") for tag in known]:
            return self._answer(HttpResponse(status=status.HTTP_304_NOT_MODIFIED), document.head_seq)
        media_type, write = _FORMS[form]
        blocks, seq = access.content_of(document)
        return self._answer(HttpResponse(write(document, blocks), content_type=media_type), seq)

    def _answer(self, response: HttpResponse, seq: int) -> HttpResponse:
        response["ETag"] = _etag(seq)
        response["Cache-Control"] = "private, no-cache"
        return response


def _etag(seq: int) -> str:
    return f'"{seq}"'
