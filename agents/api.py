"""REST: runs with their steps and events, templates, models."""

from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import access, authorship, metered, services
from agents.models import Run
from agents.serializers import (
    AuthorshipRead,
    EventRead,
    ModelRead,
    ResumeWrite,
    RunRead,
    RunWrite,
    StepRead,
    TemplateRead,
)
from agents.writing import templates
from workspaces.documents import access as documents
from workspaces.people.models import Role
from workspaces.people.rest import View, ViewSet, person
from wukong.kernel.errors import Invalid, NotFound

MOST_EVENTS = 1000
BY = [
    OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace."),
    OpenApiParameter("project", str, description="Only those of this project."),
]
SINCE = OpenApiParameter("since", int, description="Only events after this seq.")


@extend_schema_view(list=extend_schema(parameters=BY, responses=RunRead(many=True)))
class RunViewSet(ViewSet):
    """Runs of agents. POST creates one and lets it plan; with `start: false` it waits as a draft until `start/`."""

    required_scope = "runs"
    serializer_class = RunRead

    def list(self, request: Request) -> Response:
        runs = self.of_workspace(access.runs_of(person(request)))
        if project := request.query_params.get("project"):
            runs = runs.filter(project=documents.project_for(person(request), project).pk)
        page = self.paginate_queryset(runs)
        return self.get_paginated_response(RunRead(services.pictures(page or []), many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._answer(access.run_for(person(request), pk))

    @extend_schema(request=RunWrite, responses={201: RunRead})
    def create(self, request: Request) -> Response:
        user = person(request)
        asked = request.data.get("project") if isinstance(request.data, dict) else None
        body = self.parse(RunWrite, currency=access.currency_of(user, asked))
        project = documents.project_for(user, body["project"], Role.EDITOR)
        document = body.get("document")
        run = services.create_run(
            project=project,
            template=body["template"],
            goal=body["goal"],
            sources=access.sources_for(user, project.pk, body.get("sources", [])),
            document=access.document_for(user, project.pk, document) if document else None,
            model=body.get("model", ""),
            budget_nano=body.get("budget"),
            start=body["start"],
            actor=user,
        )
        return self._answer(run, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=RunRead)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Start a draft."""
        return self._answer(services.start_run(run=self._editable(request, pk), actor=person(request)))

    @extend_schema(request=None, responses=RunRead)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Pause: agents stop within a second."""
        return self._answer(services.pause_run(run=self._editable(request, pk), actor=person(request)))

    @extend_schema(request=ResumeWrite, responses=RunRead)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on; `budget` may be raised."""
        run = self._editable(request, pk)
        budget = self.parse(ResumeWrite, currency=run.workspace.currency).get("budget")
        return self._answer(services.resume_run(run=run, actor=person(request), budget_nano=budget))

    @extend_schema(request=None, responses=RunRead)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop: agents stop within two seconds, then the run is `cancelled`."""
        return self._answer(services.stop_run(run=self._editable(request, pk), actor=person(request)))

    @extend_schema(responses=StepRead(many=True))
    @action(detail=True, methods=["get"], page_ordering=("number",))
    def steps(self, request: Request, pk: str) -> Response:
        """The run's tasks by number; 0 makes the plan."""
        run = access.run_for(person(request), pk)
        figures, currency = services.step_figures(run), run.workspace.currency
        return self.page(access.steps_of(run), StepRead, figures=figures, currency=currency)

    @extend_schema(parameters=[SINCE], responses=EventRead(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def events(self, request: Request, pk: str) -> Response:
        """The run's events after `since`, oldest first, at most 1,000."""
        run = access.run_for(person(request), pk)
        found = access.events_of(run, since=_number(request.query_params.get("since", "0")), limit=MOST_EVENTS)
        return Response(EventRead(found, many=True).data)

    def _editable(self, request: Request, pk: str) -> Run:
        return access.run_for(person(request), pk, Role.EDITOR)

    def _answer(self, run: Run, code: int = status.HTTP_200_OK) -> Response:
        return Response(RunRead(services.pictures([run])[0]).data, status=code)


class TemplateViewSet(ViewSet):
    """What a run can make. `{id}` is the slug."""

    required_scope = "runs"
    serializer_class = TemplateRead

    @extend_schema(responses=TemplateRead(many=True))
    def list(self, request: Request) -> Response:
        return Response(_one_page(TemplateRead(list(templates.load().values()), many=True).data))

    def retrieve(self, request: Request, pk: str) -> Response:
        template = templates.load().get(pk)
        if template is None:
            raise NotFound("There is no such template.")
        return Response(TemplateRead(template).data)


class ModelViewSet(ViewSet):
    """Models that a run can use. `ready` is false while one is being fetched or started."""

    required_scope = "runs"
    serializer_class = ModelRead

    @extend_schema(responses=ModelRead(many=True))
    def list(self, request: Request) -> Response:
        return Response(_one_page(ModelRead(metered.models(), many=True).data))

    def retrieve(self, request: Request, pk: str) -> Response:
        model = next((model for model in metered.models() if model.id == pk), None)
        if model is None:
            raise NotFound("There is no such model.")
        return Response(ModelRead(model).data)


class AuthorshipView(View):
    """Who wrote what of a document: people, agents with the calls that it came from, or the server."""

    required_scope = "documents"

    @extend_schema(
        operation_id="documents_authorship_retrieve",
        parameters=[
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The ETag that is known."),
            OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304], description='`"<seq>"`'),
        ],
        responses={200: AuthorshipRead, 304: OpenApiResponse(description="It is still what the ETag stands for.")},
    )
    def get(self, request: Request, pk: str) -> HttpResponse:
        """Who wrote what, block by block, with the ETag `"<seq>"`.

        An estimate where people have moved words: see `certainty`. In a document that was not asked for in a long time
        `seq` may be behind; ask again.
        """
        document = documents.document_for(person(request), pk)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        etag = f'"{document.head_seq}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
            return HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        answer = authorship.authorship_of(document)
        return Response(answer, headers={**headers, "ETag": f'"{answer["seq"]}"'})


def _one_page(rows: Any) -> dict[str, Any]:
    """Return a short list in the shape of all lists."""
    return {"next": None, "previous": None, "results": rows}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid("`since` is a whole number.", {"since": ["A whole number."]})
    return int(text)
