"""What the forms of pages do: they say what came of it, keep what was typed, and change nothing for who may not."""

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile

from workspaces.documents.models import Document, Project
from workspaces.people.models import ApiKey, Invitation, Membership, User, Workspace
from workspaces.sources.models import Source


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


# --- workspaces and people -----------------------------------------------------------------------------------------
def test_a_first_workspace_is_made_and_opened(at, eve):
    answer = at(eve).post("/workspaces/new/", {"name": "Eve's studio", "time_zone": "Europe/Berlin"})

    made = Workspace.objects.get(name="Eve's studio")
    assert answer["Location"] == f"/w/{made.slug}/"
    assert made.time_zone == "Europe/Berlin"


def test_a_workspace_without_a_name_stays_in_the_form(at, eve):
    answer = at(eve).post("/workspaces/new/", {"name": " ", "time_zone": "Europe/Berlin"})

    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert '<option value="Europe/Berlin" selected>' in answer.content.decode()
    assert Workspace.objects.count() == 0


def test_admins_rename_a_workspace_and_others_may_not(at, world, ada, bob, eve):
    fields = {"name": "Southwind", "time_zone": "UTC"}

    assert at(bob).post("/w/northwind/settings/", fields).status_code == 403
    assert at(eve).post("/w/northwind/settings/", fields).status_code == 404
    world.workspace.refresh_from_db()
    assert world.workspace.name == "Northwind"
    at(ada).post("/w/northwind/settings/", fields)
    world.workspace.refresh_from_db()
    assert world.workspace.name == "Southwind"


def test_an_invitation_is_shown_once_joined_once_and_may_be_withdrawn(at, world, ada, eve):
    page = at(ada).post("/w/northwind/settings/members/", {"email": "eve@example.com", "role": "editor"})
    link = page.context["link"]
    path = "/" + link.split("/", 3)[3]
    assert link in page.content.decode()
    assert link not in at(ada).get("/w/northwind/settings/members/").content.decode()

    assert "Join Northwind" in at(eve).get(path).content.decode()
    assert at(eve).post(path)["Location"] == "/"
    assert Membership.objects.get(user=eve).role == "editor"

    at(ada).post("/w/northwind/settings/members/", {"email": "noor@example.com", "role": "viewer"})
    open_one = Invitation.objects.get(email="noor@example.com")
    answer = at(ada).post(f"/w/northwind/settings/invitations/{open_one.pk}/revoke/")
    assert said(answer) == ["The invitation is withdrawn."]


def test_an_address_that_is_none_stays_in_the_open_dialog(at, world, ada):
    html = at(ada).post("/w/northwind/settings/members/", {"email": "nobody", "role": "editor"}).content.decode()

    assert 'value="nobody"' in html
    assert "data-open" in html
    assert not Invitation.objects.exists()


def test_a_link_that_was_used_says_so(at, db):
    answer = at().get("/invitations/no-such-token/")

    assert answer.status_code == 404
    assert "used, withdrawn or has expired" in answer.content.decode()


def test_roles_change_and_members_go_at_the_hand_of_an_admin_only(at, world, ada, bob, rita, eve):
    membership = Membership.objects.get(user=rita)
    path = f"/w/northwind/settings/members/{membership.pk}"

    for person, status in ((bob, 403), (rita, 403), (eve, 404)):
        assert at(person).post(f"{path}/role/", {"role": "owner"}).status_code == status
        assert at(person).post(f"{path}/remove/").status_code == status
    membership.refresh_from_db()
    assert membership.role == "viewer"

    assert said(at(ada).post(f"{path}/role/", {"role": "commenter"})) == ["Saved."]
    membership.refresh_from_db()
    assert membership.role == "commenter"
    assert said(at(ada).post(f"{path}/role/", {"role": "emperor"})) == ["This role is unknown."]
    assert said(at(ada).post(f"{path}/remove/")) == ["Removed."]
    assert not Membership.objects.filter(user=rita).exists()


def test_the_last_owner_stays(at, world, ada):
    browser = at(ada)
    answer = browser.post("/w/northwind/settings/leave/")

    assert answer["Location"] == "/w/northwind/settings/"
    assert "owner" in said(answer)[0]
    assert Membership.objects.filter(user=ada, role="owner").exists()


def test_a_member_leaves_and_finds_nothing_afterwards(at, world, bob):
    browser = at(bob)
    assert browser.post("/w/northwind/settings/leave/")["Location"] == "/"

    assert browser.get("/w/northwind/").status_code == 404


def test_a_name_is_changed_in_the_profile(at, world, bob):
    at(bob).post("/profile/", {"name": "Robert"})

    assert User.objects.get(pk=bob.pk).name == "Robert"


# --- keys -----------------------------------------------------------------------------------------------------------
def test_a_key_is_shown_once_and_works_until_it_is_revoked(at, world, ada):
    page = at(ada).post("/w/northwind/settings/keys/", {"name": "Export", "scopes": ["runs:read"]})
    secret = page.context["secret"]
    key = ApiKey.objects.get()

    assert secret in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert secret not in at(ada).get("/w/northwind/settings/keys/").content.decode()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert at().get("/api/v1/runs/", headers=bearer).status_code == 200
    at(ada).post(f"/w/northwind/settings/keys/{key.pk}/revoke/")
    assert at().get("/api/v1/runs/", headers=bearer).status_code == 401


def test_a_key_that_may_nothing_is_not_made(at, world, ada):
    html = at(ada).post("/w/northwind/settings/keys/", {"name": "Export"}).content.decode()

    assert "Choose at least one." in html
    assert "data-open" in html
    assert not ApiKey.objects.exists()


def test_nobody_revokes_a_strangers_key(at, world, ada, bob, eve):
    at(ada).post("/w/northwind/settings/keys/", {"name": "Export", "scopes": ["runs:read"]})
    key = ApiKey.objects.get()

    for person in (bob, eve):
        assert at(person).post(f"/w/northwind/settings/keys/{key.pk}/revoke/").status_code in {403, 404}
    key.refresh_from_db()
    assert key.revoked_at is None


# --- projects, documents, sources ----------------------------------------------------------------------------------
def test_a_project_is_made_renamed_archived_and_restored(at, world, bob):
    made_at = at(bob).post("/w/northwind/projects/new/", {"name": "Board pack"})["Location"]
    project = Project.objects.get(name="Board pack")
    assert made_at == f"/projects/{project.pk}/"

    at(bob).post(f"{made_at}rename/", {"name": "Board papers"})
    at(bob).post(f"{made_at}archive/")
    project.refresh_from_db()
    assert (project.name, project.archived_at is not None) == ("Board papers", True)
    assert "Restore" in at(bob).get(made_at).content.decode()
    at(bob).post(f"{made_at}archive/")
    project.refresh_from_db()
    assert project.archived_at is None


def test_a_document_is_made_renamed_moved_archived_and_restored(at, world, bob):
    browser = at(bob)
    made_at = browser.post(f"/projects/{world.project.pk}/documents/new/", {"title": "Launch e-mails"})["Location"]
    document = Document.objects.get(title="Launch e-mails")
    assert made_at == f"/documents/{document.pk}/"

    browser.post(f"{made_at}rename/", {"title": "Letters"})
    browser.post(f"{made_at}move/", {"parent": str(world.document.pk)})
    browser.post(f"{made_at}archive/")
    document.refresh_from_db()
    assert (document.title, document.parent_id) == ("Letters", world.document.pk)
    assert document.archived_at is not None
    assert "This document is archived" in browser.get(made_at).content.decode()
    browser.post(f"{made_at}archive/")
    document.refresh_from_db()
    assert document.archived_at is None


def test_a_document_is_not_moved_below_itself(at, world, bob):
    answer = at(bob).post(f"/documents/{world.document.pk}/move/", {"parent": str(world.document.pk)})

    assert said(answer) != ["Saved."]
    world.document.refresh_from_db()
    assert world.document.parent_id is None


@pytest.mark.parametrize(
    "path", ["projects/{project}/rename/", "projects/{project}/archive/", "projects/{project}/documents/new/"]
)
def test_viewers_and_strangers_change_nothing(path, at, world, rita, eve):
    where = "/" + path.format(project=world.project.pk)
    fields = {"name": "Taken", "title": "Taken"}

    assert at(rita).post(where, fields).status_code == 403
    assert at(eve).post(where, fields).status_code == 404
    assert at().post(where, fields).status_code == 302
    world.project.refresh_from_db()
    assert (world.project.name, world.project.archived_at) == ("Tea launch", None)
    assert Document.objects.filter(project=world.project).count() == 1


@pytest.mark.parametrize(
    ("fields", "words"), [({}, "Choose a file, or paste some text."), ({"paste_name": "Call"}, "has no text yet")]
)
def test_a_source_without_anything_in_it_is_asked_for(fields, words, at, world, bob):
    browser = at(bob)
    answer = browser.post(f"/projects/{world.project.pk}/sources/add/", fields)

    assert words in browser.get(answer["Location"]).content.decode()


def test_good_files_are_kept_and_a_bad_one_is_named(at, world, bob):
    before = Source.objects.count()
    files = [
        SimpleUploadedFile("notes.md", b"# Notes", content_type="text/markdown"),
        SimpleUploadedFile("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00", content_type="image/png"),
    ]
    browser = at(bob)
    answer = browser.post(
        f"/projects/{world.project.pk}/sources/add/", {"files": files, "paste_name": "Call", "paste_text": "Words."}
    )
    html = browser.get(answer["Location"]).content.decode()

    assert Source.objects.count() == before + 2
    assert "photo.png" in html
    assert "data-open" in html
    assert "data-open" not in browser.get(answer["Location"]).content.decode()
