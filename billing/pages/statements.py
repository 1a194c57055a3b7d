"""Pages of statements: the list, one month, and what one of its lines is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from billing.pages import bill_page, pdf_form
from billing.statements import calls, csv_form, services
from billing.statements.bill import Bill, Line
from workspaces.documents import access as documents
from workspaces.pages.request import person
from workspaces.people.access import as_uuid, workspace_for
from workspaces.people.models import User, Workspace
from workspaces.shell import shell_of
from wukong.kernel.errors import NotFound
from wukong.kernel.money import short_amount

PAGE = 50
NO_RUN = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A month in the list of statements."""

    key: str
    name: str
    number: str
    issued: str
    tokens: int
    total: str
    is_issued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A run, a step or a call on the page of a line; amounts are exact."""

    kind: str
    id: UUID | None
    name: str
    key: str
    calls: int
    tokens: int
    amount: str


@login_required
@require_GET
def statements(request: HttpRequest, slug: str) -> HttpResponse:
    """All months of a workspace, the running one on top."""
    user = person(request)
    workspace = workspace_for(user, slug)
    rows = [_row(bill) for bill in services.bills_of(workspace)]
    context = {"shell": shell_of(user, workspace, current="usage"), "rows": rows}
    return render(request, "billing/statements.html", context)


@login_required
@require_GET
def statement(request: HttpRequest, slug: str, month: str) -> HttpResponse:
    """One month; `?format=csv` and `?format=pdf` are files."""
    user = person(request)
    workspace = workspace_for(user, slug)
    bill, proof = services.bill_of(workspace, _month(month))
    form = request.GET.get("format", "")
    if form == "csv":
        return as_file(bill, "csv", "text/csv; charset=utf-8", csv_form.to_csv(bill))
    if form == "pdf":
        return as_file(bill, "pdf", "application/pdf", pdf_form.to_pdf(bill_page.sheet_of(bill, proof)))
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "sheet": bill_page.sheet_of(bill, proof),
        "has_pdf": pdf_form.is_installed(),
    }
    return render(request, "billing/statement.html", context)


@login_required
@require_GET
def line(request: HttpRequest, slug: str, month: str, place: int) -> HttpResponse:
    """The runs of a line, or the steps and calls of one of them (`?run=`)."""
    user = person(request)
    workspace = workspace_for(user, slug)
    bill, _proof = services.bill_of(workspace, _month(month))
    line = services.line_of(bill, place)
    run = request.GET.get("run", "")
    names = _projects(user, workspace)
    rows = _calls(bill, line, run, names) if run else _runs(bill, line, names)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "bill": bill,
        "key": bill_page.key_of(bill.month),
        "month_name": bill_page.month_name(bill.month),
        "name": f"{bill_page.model_name(line.model)}, {bill_page.meter_name(line.meter)}",
        "line": line,
        "place": place,
        "price": bill_page.price(line.pico_per_token),
        "amount": short_amount(line.amount_nano),
        "currency": bill_page.SYMBOLS.get(bill.currency, bill.currency),
        "run": run,
        "run_id": as_uuid(run),
        "page": page,
    }
    return render(request, "billing/statement_line.html", context)


def as_file(bill: Bill, ending: str, media_type: str, content: str | bytes) -> HttpResponse:
    """Return a bill as a download; a month that is still running is not kept by anybody."""
    answer = HttpResponse(content, content_type=media_type)
    name = bill.number or f"{bill_page.key_of(bill.month)}-so-far"
    answer["Content-Disposition"] = f'attachment; filename="statement-{name}.{ending}"'
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _month(key: str) -> date:
    month = bill_page.month_of(key)
    if month is None:
        raise NotFound(_("There is no such statement, or it is not for you."))
    return month


def _row(bill: Bill) -> ListRow:
    return ListRow(
        key=bill_page.key_of(bill.month),
        name=bill_page.month_name(bill.month),
        number=bill.number,
        issued=bill_page.issued_on(bill),
        tokens=bill.tokens,
        total=bill_page.with_currency(bill.total_nano, bill.currency),
        is_issued=bool(bill.number),
    )


def _projects(user: User, workspace: Workspace) -> dict[UUID, str]:
    return {project.pk: project.name for project in documents.projects_seen_by(user).filter(workspace=workspace)}


def _runs(bill: Bill, line: Line, names: dict[UUID, str]) -> Sequence[PartRow]:
    return [
        PartRow(
            kind="run",
            id=part.id,
            name=", ".join([_place_of(part.project, names), *part.agents[:3]]) if part.id else _("Without a run"),
            key=str(part.id or NO_RUN),
            calls=part.calls,
            tokens=part.tokens,
            amount=short_amount(part.amount_nano),
        )
        for part in calls.by_run(calls.of_line(bill, line))
    ]


def _calls(bill: Bill, line: Line, run: str, names: dict[UUID, str]) -> Sequence[PartRow]:
    wanted = as_uuid(run)
    if wanted is None and run != NO_RUN:
        raise NotFound(_("There is no such run in this statement."))
    found = [call for call in calls.of_line(bill, line) if call.run == wanted]
    if not found:
        raise NotFound(_("There is no such run in this statement."))
    rows: list[PartRow] = []
    for number, (step, parts) in enumerate(calls.by_step(found), 1):
        name = _("Step %(n)d: %(agent)s") % {"n": number, "agent": ", ".join(step.agents) or _("not named")}
        rows.append(_part("step", step.id, name, step.calls, step.tokens, step.amount_nano))
        rows += [
            _part("call", call.call, bill_page.moment(call.booked_at, bill), 1, call.tokens, call.amount_nano)
            for call in parts
        ]
    return rows


def _part(kind: str, id: UUID | None, name: str, count: int, tokens: int, nano: int) -> PartRow:
    return PartRow(kind=kind, id=id, name=name, key="", calls=count, tokens=tokens, amount=short_amount(nano))


def _place_of(project: UUID | None, names: dict[UUID, str]) -> str:
    return names.get(project, _("Without a project")) if project else _("Without a project")
