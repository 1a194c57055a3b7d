"""All routes of the API, one by one: without an identity nothing, as a stranger nothing that is another's."""

import pytest

from agents.models import Run
from tests.contract.conftest import OPEN_TO_ALL, OPEN_TO_PEOPLE, routes
from workspaces.documents.models import Document, Project
from workspaces.people.models import ApiKey, Invitation, Membership, Workspace
from workspaces.people.services import create_key
from workspaces.sources.models import Source
from wukong.kernel.errors import WukongError

ROWS = (ApiKey, Document, Invitation, Membership, Project, Run, Source, Workspace)


def everything():
    """Return all rows as they are; that a key was used is noted and is no change."""
    return [[{**row, "last_used_at": None} for row in model.objects.order_by("pk").values()] for model in ROWS]


def test_the_walk_finds_what_the_contract_names():
    nouns = {route.noun for route in routes()}
    people = {"workspaces", "me", "members", "invitations", "keys"}
    house = {"projects", "documents", "sources", "runs", "templates", "models"}

    assert (
        nouns
        == people
        | house
        | {"balance", "budgets", "ledger", "holds", "usage", "rates", "statements", "topups"}
        | OPEN_TO_ALL
    )
    assert {route.path for route in routes() if route.noun == "runs"} == {
        "/api/v1/runs/",
        "/api/v1/runs/{id}/",
        *(f"/api/v1/runs/{{id}}/{verb}/" for verb in ("start", "pause", "resume", "stop", "steps", "events")),
    }


def test_without_an_identity_every_door_is_closed(api, world):
    before = everything()

    for route in routes():
        for method in route.methods:
            answer = getattr(api(), method)(route.at(world))
            if route.noun in OPEN_TO_ALL:
                assert answer.status_code == 200
                continue
            assert answer.status_code == 401, (method, route.path)
            assert answer.json()["error"]["code"] == "unauthenticated"
            assert answer["WWW-Authenticate"].startswith("Bearer")

    assert everything() == before


def test_a_stranger_finds_nothing_of_others(api, world, workspace, eve):
    before = everything()
    client = api(eve)

    for route in routes():
        if route.noun in OPEN_TO_ALL | OPEN_TO_PEOPLE:
            continue
        for method in route.methods:
            answer = getattr(client, method)(route.at(world), format="json" if method != "get" else None)
            if route.is_detail:
                assert answer.status_code == 404, (method, route.path)
            elif method == "get" and route.is_list:
                assert answer.json()["results"] == [], route.path
                for known in ("northwind", str(workspace.id)) if route.noun != "workspaces" else ():
                    assert client.get(route.path, {"workspace": known}).status_code == 404, route.path
            elif method == "get":
                assert client.get(route.path, {"workspace": "northwind"}).status_code == 404, route.path
            else:
                assert answer.status_code == 400, (method, route.path)
            assert "Northwind" not in answer.content.decode()

    assert everything() == before


def test_a_stranger_makes_nothing_in_what_is_of_others(api, world, workspace, eve):
    project, before = str(world.project.id), everything()
    bodies = {
        "projects": {"workspace": "northwind", "name": "Mine"},
        "invitations": {"workspace": str(workspace.id), "email": "eve@example.com"},
        "keys": {"workspace": "northwind"},
        "documents": {"project": project, "title": "Mine"},
        "sources": {"project": project, "text": "x", "name": "x"},
        "runs": {"project": project, "template": "campaign", "goal": "Sell", "model": "scripted"},
        "billing/budgets": {"workspace": "northwind", "level": "workspace", "limit": "1.00"},
        "billing/topups": {"workspace": "northwind", "amount": "10.00"},
    }
    makers = {route.noun for route in routes() if "post" in route.methods and not route.is_detail}
    assert makers == {
        *(noun.rpartition("/")[2] for noun in bodies),
        "workspaces",
    }  # anybody may open a house of their own

    for noun, body in bodies.items():
        answer = api(eve).post(f"/api/v1/{noun}/", body, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), noun

    assert everything() == before


def test_a_key_without_scopes_that_fit_opens_nothing(api, world, workspace, ada):
    client = api()
    secret = create_key(workspace=workspace, user=ada, scopes=["billing:write"])[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    before = everything()

    for route in routes():
        if route.noun in OPEN_TO_ALL | {"me"}:
            continue
        for method in route.methods:
            if route.noun in {"budgets", "topups"} and method != "get":
                continue  # what this scope is for
            answer = getattr(client, method)(route.at(world))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), (method, route.path)
            assert answer.json()["error"]["details"]["scope"]

    assert everything() == before


@pytest.mark.slow
def test_methods_that_a_route_does_not_know_are_refused(api, world, ada):
    for route in routes():
        if route.noun in OPEN_TO_ALL:
            continue
        for method in {"post", "put", "patch", "delete"} - set(route.methods):
            answer = getattr(api(ada), method)(route.at(world), {}, format="json")
            assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed"), route.path
            assert "GET" in answer["Allow"] or "POST" in answer["Allow"]


def test_every_error_of_the_tree_has_a_status_of_its_own_class():
    kinds = WukongError.__subclasses__()

    assert {kind.code: kind.status for kind in kinds if kind.__module__ == "wukong.kernel.errors"} == {
        "invalid": 400,
        "unauthenticated": 401,
        "insufficient_funds": 402,
        "forbidden": 403,
        "not_found": 404,
        "conflict": 409,
        "stale": 412,
        "too_large": 413,
        "unsupported_type": 415,
        "throttled": 429,
        "unavailable": 503,
    }
