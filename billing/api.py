"""REST: what the meter says. Every member may read it; money comes in by other doors."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from billing import access, services
from billing.contracts import Grouping
from billing.explorer.wanted import Wanted
from billing.serializers import (
    BalanceRead,
    BudgetRead,
    BudgetWrite,
    HoldRead,
    RateRead,
    TransferRead,
    UsagePage,
)
from workspaces.documents import access as documents
from workspaces.people.access import NOTHING, as_uuid, workspace_for
from workspaces.people.models import Role, Workspace
from workspaces.people.rest import View, ViewSet, person
from wukong.kernel.errors import Invalid

SCOPE = "billing:read"
BY_WORKSPACE = OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace.")
OF_WORKSPACE = OpenApiParameter("workspace", str, description="Id or slug. With a key, its workspace by default.")
LONGEST = timedelta(days=400)


def _by(*names: str) -> list[OpenApiParameter]:
    return [BY_WORKSPACE, *(OpenApiParameter(name, str, description=f"Only those of this {name}.") for name in names)]


class BalanceView(View):
    """What a workspace has."""

    required_scope = SCOPE

    @extend_schema(parameters=[OF_WORKSPACE], responses=BalanceRead)
    def get(self, request: Request) -> Response:
        workspace_id = _workspace(request).pk
        context = {"lasts_days": services.lasts_days(workspace_id)}
        return Response(BalanceRead(services.balance_of(workspace_id), context=context).data)


class UsageView(View):
    """Tokens and their cost in a period; by default the current month in the workspace's time zone."""

    required_scope = SCOPE

    @extend_schema(
        parameters=[
            OF_WORKSPACE,
            OpenApiParameter("from", str, description="The first day, or the first moment."),
            OpenApiParameter("to", str, description="The last day (it counts), or the moment before which it ends."),
            OpenApiParameter("by", str, enum=list(get_args(Grouping)), description="What a line is; day by default."),
        ],
        responses=UsagePage,
    )
    def get(self, request: Request) -> Response:
        workspace = _workspace(request)
        by = request.query_params.get("by", "day")
        if by not in get_args(Grouping):
            raise _invalid("by", _("One of day, project, agent, model."))
        start, end = _period(request, workspace)
        lines = services.usage_by(workspace, start, end, cast("Grouping", by))
        return Response(UsagePage({"next": None, "previous": None, "results": lines}).data)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            *_by("run", "step", "call", "project", "code", "agent", "model"),
            OpenApiParameter(
                "from", str, description="Booked from this day or moment on; a day of UTC, or of `workspace`."
            ),
            OpenApiParameter("to", str, description="Booked until the end of this day, or before this moment."),
        ]
    )
)
class LedgerViewSet(ViewSet):
    """Movements of money, newest first. Each is written once and never changed."""

    required_scope = SCOPE
    serializer_class = TransferRead

    def list(self, request: Request) -> Response:
        found = self.of_workspace(access.transfers_of(person(request)))
        zone = ZoneInfo(_workspace(request).time_zone) if request.query_params.get("workspace") else ZoneInfo("UTC")
        start, end = _moment(request, "from", zone, days=0), _moment(request, "to", zone, days=1)
        if start is not None and end is not None and end < start:
            raise _invalid("to", _("The end lies before the beginning."))
        found = Wanted(start=start, end=end).among(found)
        words = ["code", "agent", "model"]
        return self.page(_only(request, found, ["run", "step", "call", "project"], words), TransferRead)


@extend_schema_view(list=extend_schema(parameters=_by("run", "call", "state")))
class HoldViewSet(ViewSet):
    """Money reserved for calls, newest first."""

    required_scope = SCOPE
    serializer_class = HoldRead

    def list(self, request: Request) -> Response:
        found = self.of_workspace(access.holds_of(person(request)))
        return self.page(_only(request, found, ["run", "call"], ["state"]), HoldRead)


@extend_schema_view(list=extend_schema(parameters=_by("model", "meter")))
class RateViewSet(ViewSet):
    """Published prices, the newest version first; older versions stay, because movements name their card."""

    required_scope = SCOPE
    serializer_class = RateRead

    def list(self, request: Request) -> Response:
        found = access.rates_of(person(request))
        if request.query_params.get("workspace"):
            found = found.filter(card__currency=_workspace(request).currency)
        if model := request.query_params.get("model"):
            found = found.filter(card__model=model)
        return self.page(_only(request, found, [], ["meter"]), RateRead)


class BudgetViewSet(ViewSet):
    """What scopes may spend in a period of the workspace's calendar. POST sets a limit, also one that is there."""

    required_scope = "billing"
    serializer_class = BudgetRead

    @extend_schema(parameters=[BY_WORKSPACE])
    def list(self, request: Request) -> Response:
        found = self.paginate_queryset(self.of_workspace(access.budgets_of(person(request)))) or []
        return self.get_paginated_response([BudgetRead(row).data for row in services.budget_rows(found)])

    def retrieve(self, request: Request, pk: str) -> Response:
        (row,) = services.budget_rows([access.budget_for(person(request), pk)])
        return Response(BudgetRead(row).data)

    @extend_schema(request=BudgetWrite, responses={201: BudgetRead})
    def create(self, request: Request) -> Response:
        given, user = self.parse(BudgetWrite), person(request)
        workspace = workspace_for(user, given["workspace"], Role.ADMIN)
        if given["level"] == "project" and documents.project_for(user, given["name"]).workspace_id != workspace.pk:
            raise _invalid("name", _("This project is in another workspace."))
        row = services.set_budget(
            workspace_id=workspace.pk,
            level=given["level"],
            name=given["name"],
            period=given["period"],
            limit_nano=given["limit"],
            is_hard=given["is_hard"],
            actor=f"person:{user.pk}",
        )
        return Response(BudgetRead(row).data, status=201)

    def destroy(self, request: Request, pk: str) -> Response:
        budget = access.budget_for(person(request), pk, Role.ADMIN)
        services.drop_budget(workspace_id=budget.workspace_id, level=budget.level, name=budget.name)
        return Response(status=204)


def _workspace(request: Request) -> Workspace:
    user = person(request)
    own = user.acting_key.workspace_id if user.acting_key is not None else None
    name = request.query_params.get("workspace") or own
    if not name:
        raise _invalid("workspace", _("Say of which workspace, by id or slug."))
    return workspace_for(user, name)


def _only(request: Request, rows: QuerySet[Any], ids: Sequence[str], words: Sequence[str]) -> QuerySet[Any]:
    """Return the rows that the query asks for; what is no id finds nothing."""
    for name in ids:
        if value := request.query_params.get(name):
            rows = rows.filter(**{name: as_uuid(value) or NOTHING})
    for name in words:
        if value := request.query_params.get(name):
            rows = rows.filter(**{name: value})
    return rows


def _period(request: Request, workspace: Workspace) -> tuple[datetime, datetime]:
    zone = ZoneInfo(workspace.time_zone)
    month_start, month_end = services.month_of(workspace)
    start = _moment(request, "from", zone, days=0) or month_start
    end = _moment(request, "to", zone, days=1) or max(month_end, start)
    if end < start:
        raise _invalid("to", _("The end lies before the beginning."))
    if end - start > LONGEST:
        raise _invalid("from", _("A period has at most %(most)d days.") % {"most": LONGEST.days})
    return start, end


def _moment(request: Request, name: str, zone: ZoneInfo, *, days: int) -> datetime | None:
    """Return a moment as it is; of a day its beginning in the zone, `days` later."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text) + timedelta(days=days)
            return datetime(day.year, day.month, day.day, tzinfo=zone)
        moment = parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise _invalid(name, _("A day like 2026-01-31, or a moment like 2026-01-31T12:00:00Z."))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _invalid(field: str, text: str) -> Invalid:
    return Invalid(text, {field: [text]})
