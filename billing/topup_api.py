"""REST: top-ups that people pay at the payment provider."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from billing import access, services
from billing.api import BY_WORKSPACE
from billing.serializers import TopUpRead, TopUpWrite
from workspaces.people.access import workspace_for
from workspaces.people.models import Role
from workspaces.people.rest import ViewSet, person


@extend_schema_view(list=extend_schema(parameters=[BY_WORKSPACE]))
class TopUpViewSet(ViewSet):
    """Payments into wallets, newest first. POST makes one that somebody pays at its `url`; nothing is credited before.

    Where no payments are taken POST answers 409.
    """

    required_scope = "billing"
    serializer_class = TopUpRead

    def list(self, request: Request) -> Response:
        return self.page(self.of_workspace(access.topups_of(person(request))), TopUpRead)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(TopUpRead(access.topup_for(person(request), pk)).data)

    @extend_schema(request=TopUpWrite, responses={201: TopUpRead})
    def create(self, request: Request) -> Response:
        user = person(request)
        named = request.data.get("workspace") if isinstance(request.data, dict) else None
        currency = workspace_for(user, named, Role.ADMIN).currency if isinstance(named, str) else None
        given = self.parse(TopUpWrite, currency=currency)
        topup = services.begin_top_up(
            workspace_id=workspace_for(user, given["workspace"], Role.ADMIN).pk,
            amount_nano=given["amount"],
            key=given.get("key") or f"rest:{self.operation_id}",
            actor=f"person:{user.pk}",
        )
        return Response(TopUpRead(topup).data, status=201)
