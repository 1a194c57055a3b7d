"""REST: statements of finished months, as JSON, CSV or PDF."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from billing.pages import bill_page, pdf_form, statements
from billing.statement_serializers import StatementDetail, StatementRead
from billing.statements import csv_form, services, store
from workspaces.people.rest import ViewSet, person
from wukong.kernel.errors import Invalid

FORMS = ["json", "csv", "pdf"]


class _AsAsked(BaseContentNegotiation):
    """`?format=` is ours here; errors are JSON whatever the client accepts."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


@extend_schema_view(
    list=extend_schema(
        parameters=[OpenApiParameter("workspace", str, description="Id or slug: only those of this workspace.")]
    )
)
class StatementViewSet(ViewSet):
    """Monthly statements, newest first. Each is issued once, after its month has ended, and never changed."""

    required_scope = "billing:read"
    serializer_class = StatementRead
    content_negotiation_class = _AsAsked

    def list(self, request: Request) -> Response:
        return self.page(self.of_workspace(services.statements_of(person(request))), StatementRead)

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=FORMS, description="JSON by default.")],
        responses={
            (200, "application/json"): StatementDetail,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """A statement with all its lines. PDF is there where the server makes any."""
        statement = services.statement_for(person(request), pk)
        form = request.query_params.get("format", "json")
        if form not in FORMS:
            raise Invalid(_("One of json, csv, pdf."), {"format": [_("One of json, csv, pdf.")]})
        bill = store.read(statement)
        proof = services.proof_of(bill)
        if form == "csv":
            return statements.as_file(bill, "csv", "text/csv; charset=utf-8", csv_form.to_csv(bill))
        if form == "pdf":
            made = pdf_form.to_pdf(bill_page.sheet_of(bill, proof))
            return statements.as_file(bill, "pdf", "application/pdf", made)
        statement.bill, statement.proof = bill, proof  # type: ignore[attr-defined]
        return Response(StatementDetail(statement, context={"currency": bill.currency}).data)
