"""What nobody should send: each gets an error in the API's form, and nothing breaks or moves."""

import json

import pytest

from tests.contract.conftest import OPEN_TO_ALL, routes
from workspaces.documents.models import Document, Project

IDS = ["null", "-1", "%00", "%F0%9F%8D%B5", "%2e%2e", "x" * 2000, "%ED%A0%80", "'"]
VALUES = [
    None,
    True,
    -1,
    1e308,
    10**400,
    "",
    "\0",
    "x" * 100_000,
    [],
    [[None]],
    {},
    {"amount": "99999999999999999999"},
    {"amount": "9999999999.999999999", "currency": "USD"},
    {"amount": "1", "currency": ["USD"]},
    "\u202e\u0000\uffff",
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"7",
    b"{",
    b"{}{}",
    b'{"name": NaN}',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"name": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"name":' * 50_000,
    b"[" * 100_000 + b"]" * 100_000,
]


def of_the_form(answer):
    """Return the code of a refusal; fails for anything but one in the API's form."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content[:300])
    error = answer.json()["error"]
    assert sorted(error) == ["code", "details", "message"]
    assert error["message"]
    assert len(answer.content) < 5000
    return error["code"]


def send(client, method, path, body):
    return getattr(client, method)(path, body, content_type="application/json")


def writers(world):
    return [
        (method, route)
        for route in routes()
        for method in route.methods
        if method in {"post", "patch"} and route.noun not in OPEN_TO_ALL
    ]


@pytest.mark.slow
def test_what_is_no_id_is_not_there(api, world, ada):
    client = api(ada)

    for route in routes():
        if not route.is_detail:
            continue
        for wrong in IDS:
            answer = getattr(client, route.methods[0])(route.path.replace("{id}", wrong))
            assert of_the_form(answer) == "not_found", (route.path, wrong)


@pytest.mark.slow
def test_what_is_no_id_finds_nothing_in_a_filter(api, world, ada):
    client = api(ada)

    for route in routes():
        if not route.is_list or route.noun in OPEN_TO_ALL | {"templates", "models"}:
            continue
        for name in ("workspace", "project", "run", "step", "call", "document", "code", "state", "model", "meter"):
            for wrong in ("\0", "nobody'" * 500):
                answer = client.get(route.path, {name: wrong})
                assert answer.status_code in (200, 400, 404), (route.path, name, wrong)
                assert answer.status_code == 200 or of_the_form(answer)


@pytest.mark.slow
def test_bodies_that_are_none_are_refused(api, world, ada):
    """Also those that end an interpreter's patience: nested a hundred thousand deep, a number of 5,000 digits."""
    client = api(ada)

    for method, route in writers(world):
        if route.path.endswith(("start/", "pause/", "stop/", "archive/", "restore/")):
            continue  # they read no body
        for body in BODIES:
            if method == "patch" and body in (b"", b"null"):
                continue
            if route.path.endswith("resume/") and body == b"":
                continue
            answer = send(client, method, route.at(world), body)
            assert of_the_form(answer) in {"invalid", "forbidden"}, (route.path, body[:40])


@pytest.mark.slow
def test_wrong_values_in_good_bodies_are_refused_or_taken_as_what_they_are(api, world, workspace, ada):
    project, client = str(world.project.id), api(ada)
    bodies = {
        ("post", "workspaces/"): {"name": "x", "slug": "x", "currency": "EUR", "time_zone": "UTC", "language": "en"},
        ("patch", "workspaces/northwind/"): {"name": "x", "time_zone": "UTC", "language": "en"},
        ("patch", "me/"): {"name": "x"},
        ("patch", f"members/{world.ids['members']}/"): {"role": "viewer"},
        ("post", "invitations/"): {"workspace": "northwind", "email": "a@example.com", "role": "viewer"},
        ("post", "keys/"): {"workspace": "northwind", "name": "x", "scopes": ["runs:read"]},
        ("post", "projects/"): {"workspace": "northwind", "name": "x"},
        ("patch", f"projects/{project}/"): {"name": "x"},
        ("post", "documents/"): {
            "project": project,
            "title": "x",
            "parent": str(world.document.id),
            "content": {"format": "markdown", "text": "x"},
        },
        ("patch", f"documents/{world.document.id}/"): {"title": "x", "parent": None},
        ("post", "sources/"): {"project": project, "name": "x.txt", "text": "x"},
        ("post", "runs/"): {
            "project": project,
            "template": "campaign",
            "goal": "x",
            "model": "scripted",
            "sources": [str(world.source.id)],
            "document": str(world.document.id),
            "budget": {"amount": "1.00", "currency": "USD"},
            "start": False,
        },
        ("post", f"runs/{world.run.id}/resume/"): {"budget": "1.00"},
    }

    for (method, path), good in bodies.items():
        for field in [*good, "\ud800", "x" * 10_000]:
            for value in VALUES if field in good else [1]:
                body = json.dumps({**good, field: value})
                answer = send(client, method, f"/api/v1/{path}", body)
                where = (method, path, field[:20], str(value)[:40])
                assert answer.status_code < 500, where
                if answer.status_code >= 300:
                    assert of_the_form(answer) in {"invalid", "not_found", "conflict", "unsupported_type"}, where
                if field not in good:
                    assert answer.status_code == 400, where


def test_a_seq_that_cannot_be_is_refused(api, world, ada):
    path = f"/api/v1/runs/{world.run.id}/events/"

    for since in ("-1", "x", "1.5", "٣", "9" * 5000, "\0"):
        assert of_the_form(api(ada).get(path, {"since": since})) == "invalid", since[:20]
    assert api(ada).get(path, {"since": "9" * 18}).json() == []


def test_a_body_of_unknown_length_is_refused(api, workspace, ada):
    answer = api(ada).post(
        "/api/v1/projects/", {"workspace": "northwind", "name": "x"}, format="json", headers={"Transfer-Encoding": "x"}
    )

    assert of_the_form(answer) == "invalid"
    assert not Project.objects.exists()


def test_other_kinds_of_bodies_are_refused(api, world, ada):
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"):
        answer = api(ada).post("/api/v1/documents/", b'{"title": "x"}', content_type=kind)

        assert of_the_form(answer) in {"unsupported_type", "invalid"}, kind
    assert Document.objects.count() == 1


def test_a_method_in_disguise_is_what_it_is(api, project, rita):
    path = f"/api/v1/projects/{project.id}/"

    api(rita).get(path, headers={"X-HTTP-Method-Override": "PATCH"})
    answer = api(rita).post(path, {"_method": "PATCH", "name": "x"}, format="json")

    assert of_the_form(answer) == "method_not_allowed"
    project.refresh_from_db()
    assert project.name == "Tea launch"
