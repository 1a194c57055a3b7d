"""Members: who may see, change and remove whom, and that a workspace keeps an owner."""

import pytest

from workspaces.events.models import Event
from workspaces.people.access import membership_in
from workspaces.people.models import Membership, Role
from workspaces.people.services import add_member
from wukong.kernel import bus

URL = "/api/v1/members/"


@pytest.fixture
def roles(workspace, ada, bob, rita, eve):
    """Return a function that gives every member's role."""
    return lambda: dict(workspace.memberships.values_list("user__name", "role"))


@pytest.fixture
def told(monkeypatch):
    """Everything that is said on the bus."""
    said = []
    monkeypatch.setattr(bus, "publish", lambda topic, message: said.append((topic, message)))
    return said


def url_of(workspace, person):
    return f"{URL}{membership_in(person, workspace).id}/"


def test_members_see_each_other_and_strangers_see_nobody(api, workspace, ada, bob, rita, eve):
    for person in (ada, bob, rita):
        found = api(person).get(URL, {"workspace": "northwind"}).json()["results"]
        assert {(member["name"], member["role"]) for member in found} == {
            ("Ada", "owner"),
            ("Bob", "editor"),
            ("Rita", "viewer"),
        }
    assert api(eve).get(URL).json()["results"] == []
    assert api(eve).get(URL, {"workspace": "northwind"}).status_code == 404


def test_only_admins_and_owners_change_roles(api, workspace, roles, ada, bob, rita, eve):
    before = roles()
    for person, status in ((bob, 403), (rita, 403), (eve, 404)):
        for target in (ada, bob, rita):
            for role in ("viewer", "admin", "owner"):
                answer = api(person).patch(url_of(workspace, target), {"role": role}, format="json")
                assert answer.status_code == status
    assert roles() == before

    answer = api(ada).patch(url_of(workspace, rita), {"role": "commenter"}, format="json")

    assert answer.json()["role"] == "commenter"
    assert roles()["Rita"] == "commenter"


def test_an_admin_reaches_for_no_ownership(api, workspace, roles, ada, bob, rita):
    add_member(workspace=workspace, user=bob, role=Role.ADMIN, actor=None)
    client = api(bob)

    assert client.patch(url_of(workspace, rita), {"role": "editor"}, format="json").status_code == 200
    assert client.patch(url_of(workspace, rita), {"role": "owner"}, format="json").status_code == 403
    assert client.patch(url_of(workspace, bob), {"role": "owner"}, format="json").status_code == 403
    assert client.patch(url_of(workspace, ada), {"role": "viewer"}, format="json").status_code == 403
    assert client.delete(url_of(workspace, ada)).status_code == 403
    assert roles() == {"Ada": "owner", "Bob": "admin", "Rita": "editor"}


def test_the_last_owner_stays(api, workspace, roles, ada, bob):
    own = url_of(workspace, ada)

    assert api(ada).delete(own).status_code == 409
    assert api(ada).patch(own, {"role": "admin"}, format="json").json()["error"]["code"] == "conflict"
    assert roles()["Ada"] == "owner"

    assert api(ada).patch(url_of(workspace, bob), {"role": "owner"}, format="json").status_code == 200
    assert api(ada).delete(own).status_code == 204
    assert api(ada).get("/api/v1/workspaces/northwind/").status_code == 404


def test_everybody_may_leave_and_nobody_may_throw_out(api, workspace, roles, ada, bob, rita, eve):
    for person, status in ((bob, 403), (eve, 404)):
        assert api(person).delete(url_of(workspace, rita)).status_code == status
    assert len(roles()) == 3

    assert api(rita).delete(url_of(workspace, rita)).status_code == 204
    assert api(ada).delete(url_of(workspace, bob)).status_code == 204

    assert roles() == {"Ada": "owner"}
    assert api(bob).get("/api/v1/workspaces/").json()["results"] == []


@pytest.mark.parametrize("body", [{"role": "king"}, {}, {"role": "viewer", "name": "x"}])
def test_unknown_roles_and_fields_are_refused(api, workspace, roles, ada, rita, body):
    assert api(ada).patch(url_of(workspace, rita), body, format="json").status_code == 400
    assert roles()["Rita"] == "viewer"


def test_a_change_of_rights_is_told_to_open_sockets_and_recorded(
    api, workspace, ada, rita, told, django_capture_on_commit_callbacks
):
    workspace.refresh_from_db()
    epoch, target = workspace.acl_epoch, url_of(workspace, rita)

    with django_capture_on_commit_callbacks(execute=True):
        api(ada).patch(target, {"role": "editor"}, format="json")

    workspace.refresh_from_db()
    assert workspace.acl_epoch > epoch
    assert (f"person:{rita.id}", {"workspace": str(workspace.id)}) in told
    event = Event.objects.filter(workspace=workspace).latest("seq")
    assert (event.type, event.actor) == ("member.changed", f"person:{ada.id}")
    assert event.payload == {"user": str(rita.id), "name": "Rita", "role": "editor"}


def test_the_same_role_again_changes_nothing(api, workspace, ada, rita):
    before = Event.objects.count()

    answer = api(ada).patch(url_of(workspace, rita), {"role": "viewer"}, format="json")

    assert answer.status_code == 200
    assert Event.objects.count() == before


def test_who_is_removed_loses_their_keys_here(api, workspace, ada, bob):
    secret = (
        api(bob).post("/api/v1/keys/", {"workspace": "northwind", "name": "script"}, format="json").json()["secret"]
    )
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/me/").status_code == 200

    api(ada).delete(url_of(workspace, bob))

    assert client.get("/api/v1/me/").status_code == 401
    assert not Membership.objects.filter(user=bob).exists()
