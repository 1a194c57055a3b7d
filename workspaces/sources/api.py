"""REST: sources."""

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.documents.access import project_for
from workspaces.people.models import Role
from workspaces.people.rest import ViewSet, person
from workspaces.sources import access, services
from workspaces.sources.serializers import SourceRead, SourceWrite
from wukong.kernel.http.parsers import StrictJSON

BY_PARENT = [
    OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace."),
    OpenApiParameter("project", str, description="Only those of this project."),
]


@extend_schema_view(list=extend_schema(parameters=BY_PARENT))
class SourceViewSet(ViewSet):
    """Texts that agents may cite by `number`. They do not change and are not deleted."""

    required_scope = "sources"
    serializer_class = SourceRead
    parser_classes = (MultiPartParser, StrictJSON)

    def list(self, request: Request) -> Response:
        user = person(request)
        if project_id := request.query_params.get("project"):
            return self.page(access.sources_of(project_for(user, project_id, Role.VIEWER)), SourceRead)
        return self.page(self.of_workspace(access.sources_seen_by(user), "project__workspace"), SourceRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(SourceRead(access.source_for(person(request), pk)).data)

    @extend_schema(
        request={"multipart/form-data": SourceWrite, "application/json": SourceWrite}, responses={201: SourceRead}
    )
    def create(self, request: Request) -> Response:
        body = self.parse(SourceWrite)
        project = project_for(person(request), body["project"], Role.EDITOR)
        upload = body.get("file")
        if upload is not None:
            services.check_size(upload.size)
        source = services.add_source(
            project=project,
            name=body.get("name") or (upload.name if upload is not None else ""),
            media_type=upload.content_type or "" if upload is not None else "",
            data=upload.read() if upload is not None else body["text"],
            actor=person(request),
        )
        return Response(SourceRead(source).data, status=status.HTTP_201_CREATED)
