"""Projects by REST: what members may do, what strangers find, what is archived."""

import pytest

from workspaces.documents.models import Project
from workspaces.documents.services import create_project
from workspaces.events.models import Event
from workspaces.people.services import create_key, create_workspace

URL = "/api/v1/projects/"


def test_a_project_is_made_in_a_workspace_by_slug_or_id(api, workspace, bob):
    made = api(bob).post(URL, {"workspace": "northwind", "name": "  Tea   launch "}, format="json")
    by_id = api(bob).post(URL, {"workspace": str(workspace.id), "name": "Audit"}, format="json")

    assert made.status_code == by_id.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "workspace": str(workspace.id),
        "name": "Tea launch",
        "archived_at": None,
        "created_at": made.json()["created_at"],
    }
    assert made.json()["created_at"].endswith("Z")
    assert api(bob).get(f"{URL}{made.json()['id']}/").json() == made.json()
    assert Event.objects.latest("seq").type == "project.created"


def test_only_editors_change_and_only_members_see(api, project, ada, bob, rita, eve):
    path = f"{URL}{project.id}/"

    for person, status in ((rita, 403), (eve, 404), (None, 401)):
        client = api(person)
        body = {"workspace": "northwind", "name": "Mine"}
        assert client.post(URL, body, format="json").status_code == status
        assert client.patch(path, {"name": "Mine"}, format="json").status_code == status
        assert client.post(f"{path}archive/").status_code == status
        assert client.post(f"{path}restore/").status_code == status
    assert list(Project.objects.values_list("name", "archived_at")) == [("Tea launch", None)]
    for person in (ada, bob, rita):
        assert api(person).get(path).status_code == 200
        assert [row["id"] for row in api(person).get(URL, {"workspace": "northwind"}).json()["results"]] == [
            str(project.id)
        ]
    assert api(eve).get(path).status_code == 404
    assert api(eve).get(URL).json()["results"] == []
    assert api(eve).get(URL, {"workspace": "northwind"}).status_code == 404
    assert api().get(URL).status_code == 401


def test_a_project_is_renamed_archived_and_restored(api, project, bob):
    path = f"{URL}{project.id}/"

    assert api(bob).patch(path, {"name": "Tea, later"}, format="json").json()["name"] == "Tea, later"
    assert api(bob).patch(path, {}, format="json").json()["name"] == "Tea, later"
    first = api(bob).post(f"{path}archive/").json()["archived_at"]
    again = api(bob).post(f"{path}archive/").json()["archived_at"]
    assert first is not None
    assert first == again
    assert api(bob).get(path).json()["archived_at"] == first
    body = {"project": str(project.id), "title": "Late"}
    refused = api(bob).post("/api/v1/documents/", body, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert api(bob).post(f"{path}restore/").json()["archived_at"] is None
    assert api(bob).post("/api/v1/documents/", body, format="json").status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "workspace"),
        ({"workspace": "northwind"}, "name"),
        ({"workspace": "northwind", "name": " "}, "name"),
        ({"workspace": "northwind", "name": "x" * 121}, "name"),
        ({"workspace": "northwind", "name": "a\0b"}, "name"),
        ({"workspace": "northwind", "name": ["x"]}, "name"),
        ({"workspace": "northwind", "name": "x", "colour": "red"}, "colour"),
        ({"workspace": "northwind", "name": "x", "archived_at": None}, "archived_at"),
    ],
)
def test_wrong_fields_are_named(api, workspace, ada, body, field):
    answer = api(ada).post(URL, body, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [field]
    assert not Project.objects.exists()


def test_a_key_sees_the_projects_of_its_workspace_as_far_as_its_scopes_go(api, workspace, project, ada):
    other = create_project(workspace=create_workspace(name="Other", owner=ada), name="Elsewhere", actor=ada)

    def by_key(*scopes):
        client = api()
        secret = create_key(workspace=workspace, user=ada, scopes=list(scopes))[1]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    reader, writer, else_ = by_key("projects:read"), by_key("projects:write"), by_key("documents:write")
    assert [row["name"] for row in reader.get(URL).json()["results"]] == ["Tea launch"]
    assert reader.get(f"{URL}{other.id}/").status_code == 404
    assert reader.patch(f"{URL}{project.id}/", {"name": "x"}, format="json").status_code == 403
    assert reader.post(f"{URL}{project.id}/archive/").status_code == 403
    assert writer.patch(f"{URL}{project.id}/", {"name": "x"}, format="json").status_code == 200
    assert writer.get(URL).status_code == 403
    assert else_.get(URL).status_code == 403


def test_a_project_is_made_once(api, workspace, bob):
    def send(name="Tea"):
        body = {"workspace": "northwind", "name": name}
        return api(bob).post(URL, body, format="json", headers={"Idempotency-Key": "p1"})

    first, again, other = send(), send(), send("Coffee")

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_mismatch")
    assert Project.objects.count() == 1
