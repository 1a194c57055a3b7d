"""Lists by cursor: each row once, forwards and backwards, whatever comes in between."""

import itertools

import pytest

from agents.models import Run, Step
from billing import services as billing
from tests.contract.conftest import routes
from workspaces.documents.models import Project
from workspaces.documents.services import create_document, create_project
from workspaces.people.services import create_key, create_workspace, invite
from workspaces.sources.services import add_source


@pytest.fixture
def many(world, workspace, project, ada, rita):
    """At least three of everything that a list shows."""
    for number in range(1, 4):
        create_workspace(name=f"House {number}", owner=ada)
        create_project(workspace=workspace, name=f"Project {number}", actor=ada)
        create_document(project=project, title=f"Document {number}", actor=ada)
        create_key(workspace=workspace, user=ada, name=f"Key {number}")
        invite(workspace=workspace, email=f"guest{number}@example.com", role="viewer", actor=ada)
        add_source(project=project, name=f"{number}.txt", data="x", actor=ada)
        billing.top_up(workspace_id=workspace.pk, amount_nano=number, key=f"t{number}", actor="system")
        Run.objects.create(
            workspace=workspace, project=project, number=number + 1, template="report", goal="x", model="scripted"
        )
        Step.objects.create(run=world.run, number=number, kind="compose", title="Write", role="writer", agent="Writer")
    return world


def follow(client, url, query=None):
    """Return the pages from `url` to the end."""
    answer = client.get(url, query)
    pages = [answer.json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"]).json())
    return pages


def test_every_list_is_paged_alike(api, many, ada):
    lists = [route.path for route in routes() if route.is_list and route.noun not in {"schema", "docs"}]
    lists.append(f"/api/v1/runs/{many.run.id}/steps/")
    client = api(ada)

    for path in lists:
        whole = client.get(path).json()
        assert list(whole) == ["next", "previous", "results"], path
        if path in {"/api/v1/templates/", "/api/v1/models/"}:
            assert whole["next"] is whole["previous"] is None  # short lists come whole
            continue
        assert len(whole["results"]) >= (1 if "holds" in path else 3), path
        pages = follow(client, path, {"page_size": "2"})
        assert [row for page in pages for row in page["results"]] == whole["results"], path
        assert all(len(page["results"]) == 2 for page in pages[:-1]), path
        if len(pages) > 1:
            assert pages[0]["previous"] is None
            back = client.get(pages[1]["previous"]).json()
            assert back["results"] == pages[0]["results"], path
        ids = [row["id"] for row in whole["results"]]
        assert len(set(ids)) == len(ids), path


def test_a_page_has_50_rows_and_at_most_200(api, workspace, ada):
    Project.objects.bulk_create(Project(workspace=workspace, name=f"Project {n}") for n in range(230))
    client = api(ada)

    def count(**query):
        return len(client.get("/api/v1/projects/", query).json()["results"])

    assert (count(), count(page_size=120), count(page_size=200), count(page_size=1_000_000)) == (50, 120, 200, 200)
    assert [len(page["results"]) for page in follow(client, "/api/v1/projects/")] == [50] * 4 + [30]


def test_rows_that_come_in_between_move_nothing(api, workspace, ada):
    for number in range(4):
        create_project(workspace=workspace, name=f"Old {number}", actor=ada)
    client = api(ada)
    first = client.get("/api/v1/projects/", {"page_size": 2}).json()

    create_project(workspace=workspace, name="New", actor=ada)

    second = client.get(first["next"]).json()
    assert [row["name"] for row in first["results"] + second["results"]] == ["Old 3", "Old 2", "Old 1", "Old 0"]


def test_a_filter_stays_on_the_next_page(api, many, workspace, ada):
    other = create_project(workspace=workspace, name="Other", actor=ada)
    create_document(project=other, title="Elsewhere", actor=ada)

    pages = follow(api(ada), "/api/v1/documents/", {"project": str(many.project.id), "page_size": 1})

    assert {row["project"] for page in pages for row in page["results"]} == {str(many.project.id)}
    assert len(pages) == 4


SIZES = ["0", "-1", "many", "1.5", "٣", "9" * 5000, "\0", " 5"]
CURSORS = ["x", "cD1hYmM=", "cD0xJTAw", "bz0tMQ==", "cj0xJnA9", "///", "é", "cD05" + "OTk5" * 500]


def test_a_page_size_that_cannot_be_is_refused(api, many, ada):
    client = api(ada)
    for size in SIZES:
        answer = client.get("/api/v1/projects/", {"page_size": size})

        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["page_size"]), size[:20]


def test_a_cursor_that_is_not_ours_is_refused_or_finds_nothing(api, many, ada):
    client = api(ada)
    for path, cursor in itertools.product(["projects/", f"runs/{many.run.id}/steps/"], CURSORS):
        answer = client.get(f"/api/v1/{path}", {"cursor": cursor})

        where = (path, cursor[:20])
        assert answer.status_code in (200, 400), where
        if answer.status_code == 400:
            assert answer.json()["error"]["code"] == "invalid", where
            assert list(answer.json()["error"]["details"]) == ["cursor"], where
