"""Sources: uploaded or pasted, numbered within their project, the same for ever."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from workspaces.documents.services import create_project
from workspaces.events.models import Event
from workspaces.people.services import create_key, create_workspace
from workspaces.sources.models import Source
from workspaces.sources.services import add_source

URL = "/api/v1/sources/"


def upload(client, project, name="plan.md", data=b"# Plan\n", **extra):
    body = {"project": str(project.id), "file": SimpleUploadedFile(name, data), **extra}
    return client.post(URL, body, format="multipart")


def test_a_file_becomes_a_numbered_source(api, project, bob):
    data = "\ufeff# Plan für 茶\r\nline\n".encode()

    made = upload(api(bob), project, data=data)

    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "project": str(project.id),
        "number": 1,
        "name": "plan.md",
        "media_type": "text/markdown",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "state": "ready",
        "created_at": made.json()["created_at"],
    }
    assert Source.objects.get().text == "# Plan für 茶\nline\n"
    assert Event.objects.latest("seq").type == "source.added"


def test_pasted_text_needs_a_name(api, project, bob):
    body = {"project": str(project.id), "text": "  Tea sells well.\n"}

    assert list(api(bob).post(URL, body, format="json").json()["error"]["details"]) == ["name"]
    made = api(bob).post(URL, {**body, "name": "Pasted 1.2"}, format="json")

    assert (made.status_code, made.json()["media_type"]) == (201, "text/plain")
    assert Source.objects.get().text == "  Tea sells well.\n"


def test_numbers_count_within_a_project(api, project, workspace, ada, bob):
    other = create_project(workspace=workspace, name="Other", actor=ada)

    numbers = [upload(api(bob), place).json()["number"] for place in (project, other, project)]

    assert numbers == [1, 1, 2]


def test_only_editors_add_and_only_members_see(api, project, ada, bob, rita, eve):
    for person, status in ((rita, 403), (eve, 404), (None, 401)):
        assert upload(api(person), project).status_code == status
    assert not Source.objects.exists()

    source = upload(api(bob), project).json()

    for person in (ada, bob, rita):
        assert api(person).get(f"{URL}{source['id']}/").json() == source
        assert api(person).get(URL, {"project": str(project.id)}).json()["results"] == [source]
        assert api(person).get(URL, {"workspace": "northwind"}).json()["results"] == [source]
    assert api(eve).get(f"{URL}{source['id']}/").status_code == 404
    assert api(eve).get(URL, {"project": str(project.id)}).status_code == 404
    assert api(eve).get(URL).json()["results"] == []


def test_a_key_adds_in_its_workspace_alone(api, workspace, project, ada):
    elsewhere = create_project(workspace=create_workspace(name="Other", owner=ada), name="Elsewhere", actor=ada)
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(workspace=workspace, user=ada)[1]}")
    add_source(project=elsewhere, name="a.txt", data="x", actor=ada)

    assert upload(client, project).status_code == 201
    assert upload(client, elsewhere).status_code == 404
    assert [found["project"] for found in client.get(URL).json()["results"]] == [str(project.id)]


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("plan.pdf", b"%PDF", 415, "unsupported_type"),
        ("plan.txt", "Café".encode("latin-1"), 400, "invalid"),
        ("plan.txt", b"a\0b", 400, "invalid"),
        ("plan.txt", b" \n", 400, "invalid"),
        ("plan.txt", b"", 400, "invalid"),
        ("plan.txt", b"x" * 101, 413, "too_large"),
    ],
)
def test_wrong_files_are_refused_and_nothing_is_kept(api, project, bob, settings, name, data, status, code):
    settings.WUKONG_SOURCE_MAX_BYTES = 100

    answer = upload(api(bob), project, name, data)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not Source.objects.exists()


@pytest.mark.parametrize("extra", [{"text": "both"}, {"colour": "red"}])
def test_wrong_fields_are_refused(api, project, bob, extra):
    assert upload(api(bob), project, **extra).status_code == 400
    assert api(bob).post(URL, {"project": str(project.id)}, format="json").status_code == 400
    assert api(bob).post(URL, {"project": "nonsense", "text": "x", "name": "y"}, format="json").status_code == 400
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/plan.txt", "plan.txt"), ("C:\\Users\\bob\\plan.txt", "plan.txt"), ("a\tb.txt", "ab.txt")],
)
def test_a_name_is_no_path(project, bob, given, kept):
    assert add_source(project=project, name=given, data=b"x", actor=bob).name == kept


def test_an_upload_sent_twice_is_added_once(api, project, bob):
    def send():
        body = {"project": str(project.id), "file": SimpleUploadedFile("a.txt", b"tea")}
        return api(bob).post(URL, body, format="multipart", headers={"Idempotency-Key": "u1"})

    first, again = send(), send()

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Source.objects.get().text == "tea"
