"""REST: workspaces, me, members, invitations, keys."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.people import access, services
from workspaces.people.models import Role
from workspaces.people.rest import View, ViewSet, person
from workspaces.people.serializers import (
    InvitationMade,
    InvitationRead,
    InvitationWrite,
    KeyMade,
    KeyRead,
    KeyWrite,
    MemberRead,
    MemberWrite,
    MeRead,
    MeWrite,
    WorkspaceCreate,
    WorkspaceRead,
    WorkspaceWrite,
)

BY_WORKSPACE = OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace.")


class WorkspaceViewSet(ViewSet):
    """Workspaces of the caller. `{id}` may also be the slug."""

    required_scope = "workspaces"
    serializer_class = WorkspaceRead

    def list(self, request: Request) -> Response:
        return self.page(access.workspaces_of(person(request)), WorkspaceRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(WorkspaceRead(access.workspace_for(person(request), pk)).data)

    @extend_schema(request=WorkspaceCreate, responses={201: WorkspaceRead})
    def create(self, request: Request) -> Response:
        workspace = services.create_workspace(owner=person(request), **self.parse(WorkspaceCreate))
        return Response(WorkspaceRead(workspace).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=WorkspaceWrite)
    def partial_update(self, request: Request, pk: str) -> Response:
        workspace = access.workspace_for(person(request), pk, Role.ADMIN)
        changes = self.parse(WorkspaceWrite, partial=True)
        return Response(WorkspaceRead(services.change_workspace(workspace=workspace, **changes)).data)


class MeView(View):
    """The person who asks, and the key they came with."""

    required_scope = None

    @extend_schema(responses=MeRead)
    def get(self, request: Request) -> Response:
        return Response(MeRead(person(request)).data)

    @extend_schema(request=MeWrite, responses=MeRead)
    def patch(self, request: Request) -> Response:
        user = services.rename_person(user=person(request), **self.parse(MeWrite))
        return Response(MeRead(user).data)


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE]))
class MemberViewSet(ViewSet):
    """Who works in the caller's workspaces. People join by invitation; DELETE of the own membership leaves."""

    required_scope = "workspaces"
    serializer_class = MemberRead

    def list(self, request: Request) -> Response:
        members = access.memberships_seen_by(person(request))
        return self.page(self.of_workspace(members), MemberRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(MemberRead(access.member_for(person(request), pk)).data)

    @extend_schema(request=MemberWrite)
    def partial_update(self, request: Request, pk: str) -> Response:
        user = person(request)
        membership = access.member_for(user, pk, Role.ADMIN)
        role = Role(self.parse(MemberWrite)["role"])
        return Response(MemberRead(services.change_role(membership=membership, role=role, actor=user)).data)

    def destroy(self, request: Request, pk: str) -> Response:
        user = person(request)
        services.remove_member(membership=access.member_for(user, pk, Role.ADMIN, or_self=True), actor=user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE]))
class InvitationViewSet(ViewSet):
    """Invitations to workspaces that the caller manages. `link` is in the answer to POST alone; DELETE withdraws."""

    required_scope = "workspaces"
    serializer_class = InvitationRead
    secret_fields = ("link",)

    def list(self, request: Request) -> Response:
        user = person(request)
        if name := request.query_params.get("workspace"):
            access.workspace_for(user, name, Role.ADMIN)
        return self.page(self.of_workspace(access.invitations_managed_by(user)), InvitationRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(InvitationRead(access.invitation_for(person(request), pk)).data)

    @extend_schema(request=InvitationWrite, responses={201: InvitationMade})
    def create(self, request: Request) -> Response:
        body = self.parse(InvitationWrite)
        workspace = access.workspace_for(person(request), body["workspace"], Role.ADMIN)
        invitation, link = services.invite(
            workspace=workspace, email=body["email"], role=Role(body["role"]), actor=person(request)
        )
        made = InvitationMade(invitation, context={"link": link})
        return Response(made.data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        services.revoke_invitation(invitation=access.invitation_for(person(request), pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE]))
class KeyViewSet(ViewSet):
    """API keys, one's own and those of workspaces one runs. `secret` is in the answer to POST alone; DELETE revokes."""

    required_scope = "workspaces"
    serializer_class = KeyRead
    secret_fields = ("secret",)

    def list(self, request: Request) -> Response:
        return self.page(self.of_workspace(access.keys_seen_by(person(request))), KeyRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(KeyRead(access.key_for(person(request), pk)).data)

    @extend_schema(request=KeyWrite, responses={201: KeyMade})
    def create(self, request: Request) -> Response:
        body: dict[str, Any] = self.parse(KeyWrite)
        workspace = access.workspace_for(person(request), body.pop("workspace"))
        key, secret = services.create_key(workspace=workspace, user=person(request), key=self.principal.key, **body)
        return Response(KeyMade(key, context={"secret": secret}).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        services.revoke_key(key=access.key_for(person(request), pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
