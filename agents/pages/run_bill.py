"""The page on which a run's cost falls apart into its sentences, what was rejected, and what wrote no words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents import access, bill
from agents.models import Run
from agents.pages import board
from agents.writing.templates import Role
from workspaces.pages.request import person
from workspaces.shell import shell_of
from wukong.kernel.money import short_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sentence: who wrote most of it, and its exact cost as text."""

    text: str
    role: Role
    cost: str


@login_required
@require_GET
def show(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What each sentence of a run has cost."""
    user = person(request)
    run = access.run_for(user, run_id)
    found = bill.bill_of(run)
    context: dict[str, Any] = {
        "shell": shell_of(user, run.workspace, current="runs", project=run.project),
        "run": run,
        "currency": run.workspace.currency,
        "paragraphs": _paragraphs(run, found),
        "sums": {
            name: short_amount(getattr(found, f"{name}_nano"))
            for name in ("sentences", "rejected", "overhead", "sum", "ledger", "difference")
        },
        "is_even": found.difference_nano == 0,
    }
    return render(request, "agents/run_bill.html", context)


def _paragraphs(run: Run, found: bill.RunBill) -> Sequence[Sequence[Row]]:
    template = board.template_of(run)
    roles = {step.pk: board.role_of(template, step.role) for step in access.steps_of(run)}
    return [
        [
            Row(text=sentence.text, role=roles[sentence.steps[0]], cost=short_amount(sentence.cost_nano))
            for sentence in paragraph
            if sentence.steps and sentence.steps[0] in roles
        ]
        for paragraph in found.paragraphs
    ]
