"""The page of waste: what was paid for without need, by its kind, each with its rule and its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from billing import services
from billing.pages import usage
from billing.truth.contracts import WASTES, Waste, WastedRun, WasteReport
from workspaces.documents import access as documents
from workspaces.pages.request import person
from workspaces.people.access import workspace_for
from workspaces.people.models import User, Workspace
from workspaces.shell import shell_of
from wukong.kernel.money import short_amount

SHOWN, MOST_SHOWN = 5, 200
_NAMES = {
    "rejected": gettext_lazy("Rejected words"),
    "loops": gettext_lazy("Asked again"),
    "retries": gettext_lazy("Second tries"),
    "repeated": gettext_lazy("Sent again"),
    "failed": gettext_lazy("Failed, not charged"),
}
_RULES = {
    "rejected": gettext_lazy(
        "Words that a check took back before anybody read them, or that a reviewer removed: their tokens by our count, "
        "at the price of output."
    ),
    "loops": gettext_lazy(
        "Answers that were paid for, and for which the same task asked the same question again later. The last answer "
        "does not count."
    ),
    "retries": gettext_lazy(
        "Calls that ask again what had failed in the same task. What failed was not charged; the second try was."
    ),
    "repeated": gettext_lazy(
        "What a call has in common with an earlier one of its run, from its beginning, less what came from the "
        "provider’s cache, at the price of input. Counted by each server for itself, so it is the least."
    ),
    "failed": gettext_lazy(
        "Calls that broke off on our side or at the provider. The amount is what they would have cost: it is saved."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """What one run has wasted; `amount` is exact."""

    id: UUID | None
    name: str
    calls: int
    tokens: int
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCard:
    """One kind of waste; `more` runs are not shown."""

    key: Waste
    name: str
    rule: str
    calls: int
    tokens: int
    amount: str
    runs: Sequence[RunRow]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WastePage:
    """What templates/billing/waste.html shows. Amounts are exact, in `currency`; `percent` of what was charged."""

    title: str
    period: usage.PeriodKey
    periods: Sequence[usage.Choice]
    kind: str
    currency: str
    wasted: str
    charged: str
    percent: str
    kinds: Sequence[KindCard]


@login_required
@require_GET
def waste(request: HttpRequest, slug: str) -> HttpResponse:
    """What a workspace has paid for without need in a period; `kind` shows all runs of one kind."""
    user = person(request)
    workspace = workspace_for(user, slug)
    period, _by = usage.chosen(request.GET.get("period", ""), "")
    page = page_of(user, workspace, period, request.GET.get("kind", ""))
    return render(request, "billing/waste.html", {"shell": shell_of(user, workspace, current="usage"), "page": page})


def page_of(user: User, workspace: Workspace, period: usage.PeriodKey, kind: str) -> WastePage:
    """Return the picture of one period: every kind, or all runs of one."""
    start, end, title = usage.span_of(workspace, period)
    report = services.waste_of(workspace, start, end)
    names = {project.pk: project.name for project in documents.projects_seen_by(user).filter(workspace=workspace)}
    chosen = [one for one in WASTES if one == kind] or WASTES
    return WastePage(
        title=title,
        period=period,
        periods=usage.periods(),
        kind=kind if kind in WASTES else "",
        currency=workspace.currency,
        wasted=short_amount(report.wasted_nano),
        charged=short_amount(report.charged_nano),
        percent=_percent(report.wasted_nano, report.charged_nano),
        kinds=[_card(report, one, names, MOST_SHOWN if len(chosen) == 1 else SHOWN) for one in chosen],
    )


def _card(report: WasteReport, kind: Waste, names: Mapping[UUID, str], shown: int) -> KindCard:
    total, runs = report.of(kind), [one for one in report.runs if one.kind == kind]
    return KindCard(
        key=kind,
        name=str(_NAMES[kind]),
        rule=str(_RULES[kind]),
        calls=total.calls,
        tokens=total.tokens,
        amount=short_amount(total.nano),
        runs=[_row(one, names) for one in runs[:shown]],
        more=max(len(runs) - shown, 0),
    )


def _row(one: WastedRun, names: Mapping[UUID, str]) -> RunRow:
    place = names.get(one.project, _("Archived project")) if one.project else _("Without a project")
    return RunRow(
        id=one.run,
        name=", ".join([place, *(agent for agent in one.agents[:3] if agent)]) if one.run else _("Without a run"),
        calls=one.calls,
        tokens=one.tokens,
        amount=short_amount(one.nano),
    )


def _percent(part: int, whole: int) -> str:
    """Return a share with one place, "" of nothing."""
    tenths = (part * 2000 + whole) // (2 * whole) if whole else None
    return "" if tenths is None else f"{tenths // 10}.{tenths % 10}"
