"""Invitations: a link for one person, once, for seven days."""

from datetime import timedelta

import pytest
from django.core import mail

from tests.conftest import PASSWORD
from workspaces.people.models import Invitation, User
from workspaces.people.services import invite
from wukong.kernel.clock import now

URL = "/api/v1/invitations/"


@pytest.fixture
def invited(workspace, ada):
    """Return a function that invites an address and gives the path of the link."""

    def to(email="eve@example.com", role="editor"):
        _invitation, link = invite(workspace=workspace, email=email, role=role, actor=ada)
        return link.partition(":8000")[2]

    return to


def members(workspace):
    return dict(workspace.memberships.values_list("user__name", "role"))


def test_an_invitation_is_mailed_and_its_link_shown_once(
    api, workspace, ada, settings, django_capture_on_commit_callbacks
):
    settings.WUKONG_URL = "https://wukong.example.com"
    body = {"workspace": "northwind", "email": "New@Example.com", "role": "commenter"}

    with django_capture_on_commit_callbacks(execute=True):
        made = api(ada).post(URL, body, format="json")

    assert made.status_code == 201
    link = made.json()["link"]
    assert link.startswith("https://wukong.example.com/invitations/")
    assert (made.json()["email"], made.json()["role"], made.json()["state"]) == ("new@example.com", "commenter", "open")
    assert mail.outbox[0].to == ["new@example.com"]
    assert link in mail.outbox[0].body
    assert mail.outbox[0].subject == "Ada invites you to Northwind"
    token = link.rstrip("/").rpartition("/")[2]
    assert not Invitation.objects.filter(token_hash=token).exists()
    assert "link" not in api(ada).get(URL).json()["results"][0]


def test_only_admins_and_owners_invite(api, workspace, ada, bob, rita, eve, invited):
    body = {"workspace": "northwind", "email": "new@example.com"}
    invited("other@example.com")
    known = Invitation.objects.get()
    for person, status in ((bob, 403), (rita, 403), (eve, 404)):
        assert api(person).post(URL, body, format="json").status_code == status
        assert api(person).get(URL, {"workspace": "northwind"}).status_code == status
        assert api(person).get(URL).json()["results"] == []
        assert api(person).delete(f"{URL}{known.id}/").status_code == status
    assert Invitation.objects.get().revoked_at is None

    assert api(ada).post(URL, body, format="json").json()["role"] == "editor"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "no address"}, 400),
        ({"email": "new@example.com", "role": "king"}, 400),
        ({"email": "new@example.com", "days": 70}, 400),
        ({"email": "bob@example.com"}, 409),
    ],
)
def test_wrong_invitations_are_refused(api, workspace, ada, bob, body, status):
    answer = api(ada).post(URL, {"workspace": "northwind", **body}, format="json")

    assert answer.status_code == status
    assert not Invitation.objects.exists()


def test_the_link_joins_once(api, client, workspace, eve, invited):
    path = invited()
    client.force_login(eve)

    page = client.get(path)
    joined = client.post(path)

    assert page.status_code == 200
    assert "Northwind" in page.content.decode()
    assert joined.status_code == 302
    assert members(workspace)["Eve"] == "editor"
    assert Invitation.objects.get().accepted_at is not None
    assert client.post(path).status_code == 302  # a double click is no error
    assert client.get(path).status_code == 302

    workspace.memberships.filter(user=eve).delete()
    assert client.post(path).status_code == 409
    assert "Eve" not in members(workspace)


@pytest.mark.parametrize("change", ["expires_at", "revoked_at"])
def test_an_expired_or_withdrawn_link_says_so(client, workspace, eve, invited, change):
    path = invited()
    Invitation.objects.update(**{change: now() - timedelta(minutes=1)})
    client.force_login(eve)

    assert client.get(path).status_code == 404
    refused = client.post(path)

    assert refused.status_code == 409
    assert "has expired" in refused.content.decode()
    assert "Eve" not in members(workspace)


def test_a_link_is_for_one_address(client, workspace, rita, eve, invited):
    path = invited("somebody.else@example.com")
    client.force_login(eve)

    refused = client.post(path)

    assert refused.status_code == 403
    assert "somebody.else@example.com" in refused.content.decode()
    assert "Eve" not in members(workspace)


def test_an_unknown_link_joins_nothing(client, workspace, eve):
    client.force_login(eve)

    assert client.get("/invitations/nonsense/").status_code == 404
    assert client.post("/invitations/nonsense/").status_code == 404


def test_a_second_invitation_replaces_the_first(client, workspace, eve, invited):
    first, second = invited(role="viewer"), invited(role="commenter")
    client.force_login(eve)

    assert client.post(first).status_code == 409
    assert client.post(second).status_code == 302
    assert members(workspace)["Eve"] == "commenter"


def test_a_withdrawn_invitation_is_gone(api, client, workspace, ada, eve, invited):
    path = invited()

    assert api(ada).delete(f"{URL}{Invitation.objects.get().id}/").status_code == 204

    client.force_login(eve)
    assert client.post(path).status_code == 409
    assert api(ada).get(URL).json()["results"][0]["state"] == "revoked"


def test_an_admin_invites_no_owner(api, workspace, ada, bob):
    workspace.memberships.filter(user=bob).update(role="admin")
    body = {"workspace": "northwind", "email": "new@example.com", "role": "owner"}

    assert api(bob).post(URL, body, format="json").status_code == 403
    assert api(ada).post(URL, body, format="json").status_code == 201


def test_somebody_without_an_account_signs_up_into_the_workspace(client, workspace, invited, settings):
    settings.WUKONG_SIGN_UP = False
    path = invited("new@example.com")
    body = {"name": "Nina New", "email": "new@example.com", "password1": PASSWORD}
    assert client.post("/accounts/signup/", body).status_code == 200
    assert not User.objects.filter(email="new@example.com").exists()

    page = client.get(path)
    other = client.post("/accounts/signup/", {**body, "email": "other@example.com"})
    done = client.post("/accounts/signup/", body)

    assert page.status_code == 200
    assert "for new@example.com" in other.content.decode()
    assert done.status_code == 302
    assert members(workspace)["Nina New"] == "editor"
    assert User.objects.get(email="new@example.com").memberships.count() == 1


def test_nobody_joins_without_signing_in(client, workspace, invited):
    answer = client.post(invited())

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/invitations/")
    assert Invitation.objects.get().accepted_at is None
