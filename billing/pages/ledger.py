"""The ledger for the people who pay: every movement with the balance after it, each down to its call; as CSV."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.views.decorators.http import require_GET

from billing import services
from billing.explorer import csv_form
from billing.explorer import services as explorer
from billing.explorer.balances import Entry
from billing.explorer.wanted import Wanted
from billing.models import TransferCode
from billing.pages import bill_page, movement
from billing.pages.ledger_form import FilterForm
from workspaces.documents import access as documents
from workspaces.pages.request import person
from workspaces.people.access import workspace_for
from workspaces.people.models import User, Workspace
from workspaces.shell import live_config, shell_of

LINES = 200
"""So many lines of a file are sent at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One movement in words; amounts are exact."""

    id: UUID
    label: str
    when: str
    who: str
    model: str
    place: str
    run: UUID | None
    amount: str
    balance: str
    is_in: bool


@login_required
@require_GET
def ledger(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Movements of a workspace's wallet, newest first; `?format=csv` is all of them that are wanted, as a file."""
    user = person(request)
    workspace = workspace_for(user, slug)
    services.balance_of(workspace.pk)  # a workspace that nobody has looked at yet gets its wallet
    names = projects_of(user, workspace)
    agents, models = explorer.names_in(workspace)
    named = [(model, bill_page.model_name(model)) for model in models]
    form = FilterForm(request.GET, projects=names, agents=agents, models=named)
    wanted = form.wanted(ZoneInfo(workspace.time_zone)) if form.is_valid() else None
    if request.GET.get("format") == "csv" and wanted is not None:
        return _as_file(request, workspace, wanted, names)
    before = request.GET.get("before", "")
    page = explorer.page_of(workspace, wanted, before) if wanted is not None else None
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "form": form,
        "rows": _rows(page.entries, workspace, names) if page is not None else [],
        "older": page.older if page is not None else None,
        "before": before,
        "is_filtered": wanted is None or not wanted.is_all,
        "query": urlencode(_asked(form)),
        "currency": bill_page.SYMBOLS.get(workspace.currency, workspace.currency),
        "run_config": live_config(workspace),
    }
    return render(request, "billing/ledger.html", context)


@login_required
@require_GET
def entry(request: HttpRequest, slug: str, transfer_id: UUID) -> HttpResponse:
    """One movement: what was held and charged for its call, each meter at its tariff, what was not charged."""
    user = person(request)
    workspace = workspace_for(user, slug)
    found, call = explorer.one_of(workspace, transfer_id)
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "page": movement.page_of(workspace, found, call, projects_of(user, workspace)),
    }
    return render(request, "billing/ledger_entry.html", context)


def projects_of(user: User, workspace: Workspace) -> dict[UUID, str]:
    """Return the names of the projects of a workspace that somebody may see, archived ones too."""
    found = documents.projects_seen_by(user).filter(workspace=workspace).order_by("name", "pk")
    return {project.pk: project.name for project in found}


def _rows(entries: Sequence[Entry], workspace: Workspace, names: Mapping[UUID, str]) -> list[LedgerRow]:
    zone = ZoneInfo(workspace.time_zone)
    moved = movement.places_of(one.signed_nano for one in entries)
    left = movement.places_of(one.balance_nano for one in entries)
    return [
        LedgerRow(
            id=one.transfer.pk,
            label=str(TransferCode(one.transfer.code).label),
            when=date_format(one.transfer.booked_at.astimezone(zone), "j M Y, H:i:s"),
            who=" · ".join(filter(None, (one.transfer.agent, one.transfer.note))),
            model=bill_page.model_name(one.transfer.model) if one.transfer.model else "",
            place=movement.place_of(one.transfer, names),
            run=one.transfer.run,
            amount=movement.signed(one.signed_nano, moved),
            balance=movement.exact(one.balance_nano, left),
            is_in=one.signed_nano > 0,
        )
        for one in entries
    ]


def _asked(form: FilterForm) -> dict[str, str]:
    """Return what of an address filters, without what is empty."""
    return {name: value for name in form.fields if (value := form.data.get(name, ""))}


# --- the file -------------------------------------------------------------------------------------------------------
def _as_file(
    request: HttpRequest, workspace: Workspace, wanted: Wanted, names: Mapping[UUID, str]
) -> StreamingHttpResponse:
    parts = _parts(csv_form.to_csv(explorer.all_of(workspace, wanted), names))
    body = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    answer = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="ledger-{workspace.slug}.csv"'
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _parts(lines: Iterator[str]) -> Iterator[str]:
    """Yield some lines at a time."""
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == LINES:
            yield "".join(part)
            part = []
    if part:
        yield "".join(part)


async def _one_by_one(parts: Iterator[str]) -> AsyncIterator[str]:
    """Yield parts without blocking the loop: given the iterator itself, Django would first read all of it."""
    take = sync_to_async(lambda: next(parts, None))
    while (part := await take()) is not None:
        yield part
