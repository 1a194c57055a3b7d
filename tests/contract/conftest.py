"""A workspace of Ada's with one of everything that the API knows, and the table of its routes."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from agents.models import Run, Step
from billing import ledger, ops, services
from billing.models import Statement, TopUp
from tests.billing.calendar import months_behind
from tests.billing.payments import deliver, paid, stripe, stripe_server  # noqa: F401 - fixtures
from workspaces.people.models import Membership
from workspaces.people.services import create_key, invite
from workspaces.sources.services import add_source
from wukong.kernel.ids import new_id

OPEN_TO_ALL = {"schema", "docs"}
"""Pages that describe the API; they hold nothing of anybody."""
OPEN_TO_PEOPLE = {"me", "templates", "models"}
"""The asker's own person, and what every installation offers to everybody with an account."""


@dataclass(frozen=True)
class Route:
    path: str
    noun: str
    methods: tuple[str, ...]

    @property
    def is_detail(self) -> bool:
        return "{id}" in self.path

    @property
    def is_list(self) -> bool:
        return "get" in self.methods and not self.is_detail and self.noun not in {"me", "balance", "usage"}

    def at(self, world: "World") -> str:
        return self.path.replace("{id}", str(world.ids.get(self.noun, "")))


@dataclass(frozen=True)
class World:
    ids: dict[str, Any]
    project: Any
    document: Any
    source: Any
    run: Run


def _walk(patterns, prefix=""):
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route, entry.callback


def _methods(callback) -> tuple[str, ...]:
    if actions := getattr(callback, "actions", None):
        return tuple(name for name in actions if name != "head")
    return tuple(name for name in ("get", "post", "put", "patch", "delete") if hasattr(callback.view_class, name))


def routes() -> list[Route]:
    """Return every route of the API, read from the URLs themselves: what is added later is in all these tests."""
    found = []
    for route, callback in _walk(get_resolver().url_patterns):
        if not route.startswith("api/v1/"):
            continue
        path = "/" + re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]*>", "{id}", route).replace("^", "").rstrip("$\\Z")
        parts = path.removeprefix("/api/v1/").split("/")
        noun = parts[1] if parts[0] == "billing" else parts[0]
        found.append(Route(path=path, noun=noun, methods=_methods(callback)))
    return found


@pytest.fixture
def world(workspace, ada, bob, project, document, settings) -> World:
    settings.WUKONG_RATE_READ = settings.WUKONG_RATE_WRITE = settings.WUKONG_RATE_ANONYMOUS = "10000/min"
    months_behind(workspace, 3)
    key, _secret = create_key(workspace=workspace, user=ada)
    invitation, _link = invite(workspace=workspace, email="new@example.com", role="editor", actor=ada)
    source = add_source(project=project, name="prices.csv", data="tea,14\n", actor=ada)
    run = Run.objects.create(
        workspace=workspace, project=project, number=1, template="campaign", goal="Sell tea", model="scripted"
    )
    Step.objects.create(run=run, number=0, kind="plan", title="Make the plan", role="planner", agent="Planner")
    services.publish_builtin_cards()
    hold = ops.Hold(
        workspace_id=workspace.pk,
        call=new_id(),
        model="scripted",
        run=run.pk,
        step=None,
        project=project.pk,
        agent="Writer",
        swarm="",
        input_bound=10,
        input_guess=0,
        max_tokens=100,
        floor_tokens=16,
        run_budget_nano=None,
    )
    ledger.post(hold)
    limits = [
        services.set_budget(
            workspace_id=workspace.pk, level="agent", name=name, period="month", limit_nano=10**9, actor="person:1"
        )
        for name in ("Writer", "Editor", "Planner")
    ]
    topups = [
        TopUp.objects.create(workspace=workspace, key=f"k{n}", amount_nano=10**10, currency="USD", actor="person:1")
        for n in range(3)
    ]
    ids = {
        "workspaces": workspace.slug,
        "members": Membership.objects.get(user=bob).pk,
        "invitations": invitation.pk,
        "keys": key.pk,
        "projects": project.pk,
        "documents": document.pk,
        "sources": source.pk,
        "runs": run.pk,
        "templates": "campaign",
        "models": "scripted",
        "statements": Statement.objects.latest("month").pk,
        "budgets": limits[0].id,
        "topups": topups[0].pk,
    }
    return World(ids=ids, project=project, document=document, source=source, run=run)
