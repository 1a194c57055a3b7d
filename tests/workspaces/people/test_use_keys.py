"""API keys: shown once, stored as a hash, limited to one workspace and some scopes."""

import hashlib
import re
from datetime import timedelta

import pytest

from workspaces.people.access import SCOPES
from workspaces.people.auth import user_of_bearer
from workspaces.people.models import ApiKey
from workspaces.people.services import create_key, create_workspace, set_active
from wukong.kernel.clock import now
from wukong.kernel.errors import Unauthenticated

URL = "/api/v1/keys/"


def by_key(api, secret):
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def key_client(api, workspace):
    """Return a function that gives a client with a new key."""

    def of(person, *scopes, place=workspace):
        return by_key(api, create_key(workspace=place, user=person, scopes=list(scopes) or None)[1])

    return of


def test_the_secret_is_shown_once_and_stored_as_a_hash(api, workspace, bob):
    made = api(bob).post(URL, {"workspace": "northwind", "name": "ERP", "scopes": ["runs:read"]}, format="json")

    assert made.status_code == 201
    secret = made.json()["secret"]
    assert re.fullmatch(r"wk_[A-Za-z0-9_-]{40}", secret)
    assert made.json()["scopes"] == ["runs:read"]
    row = ApiKey.objects.get()
    assert row.key_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret[:10] == row.prefix
    listed = api(bob).get(URL).json()["results"][0]
    assert "secret" not in listed
    assert "secret" not in api(bob).get(f"{URL}{row.id}/").json()


def test_without_scopes_a_key_may_do_all_that_its_person_may(api, workspace, bob):
    made = api(bob).post(URL, {"workspace": str(workspace.id)}, format="json").json()

    assert made["scopes"] == list(SCOPES)
    assert by_key(api, made["secret"]).patch("/api/v1/workspaces/northwind/", {"name": "x"}).status_code == 403


def test_a_key_sees_only_its_workspace(key_client, workspace, ada):
    create_workspace(name="Other house", slug="other", owner=ada)
    client = key_client(ada)

    assert [found["slug"] for found in client.get("/api/v1/workspaces/").json()["results"]] == ["northwind"]
    assert client.get("/api/v1/workspaces/other/").status_code == 404
    assert client.patch("/api/v1/workspaces/other/", {"name": "x"}, format="json").status_code == 404
    assert {found["workspace"] for found in client.get("/api/v1/members/").json()["results"]} == {str(workspace.id)}
    assert client.post(URL, {"workspace": "other"}, format="json").status_code == 404
    assert client.get(URL, {"workspace": "other"}).status_code == 404
    assert client.get("/api/v1/me/").json()["key"]["workspace"] == str(workspace.id)


def test_a_key_needs_the_scope_of_what_it_does(key_client, workspace, ada):
    reader = key_client(ada, "workspaces:read")
    other = key_client(ada, "runs:write")

    assert reader.get("/api/v1/workspaces/").status_code == 200
    refused = reader.patch("/api/v1/workspaces/northwind/", {"name": "x"}, format="json")
    assert refused.status_code == 403
    assert refused.json()["error"]["details"] == {"scope": "workspaces:write"}
    assert other.get("/api/v1/workspaces/").status_code == 403
    assert other.get("/api/v1/me/").status_code == 200


def test_a_key_makes_no_key_that_may_more_than_itself(key_client, workspace, ada):
    client = key_client(ada, "workspaces:read", "workspaces:write")
    body = {"workspace": "northwind", "scopes": ["runs:write"]}

    assert client.post(URL, body, format="json").status_code == 403
    assert client.post(URL, {"workspace": "northwind"}, format="json").json()["scopes"] == [
        "workspaces:read",
        "workspaces:write",
    ]


@pytest.mark.parametrize("scopes", [[], ["runs:destroy"], "runs:read", [7]])
def test_wrong_scopes_are_refused(api, workspace, ada, scopes):
    answer = api(ada).post(URL, {"workspace": "northwind", "scopes": scopes}, format="json")

    assert answer.status_code == 400
    assert not ApiKey.objects.exists()


def test_strangers_make_no_keys_and_see_none(api, workspace, ada, bob, rita, eve):
    create_key(workspace=workspace, user=bob, name="Bob's")

    assert api(eve).post(URL, {"workspace": "northwind"}, format="json").status_code == 404
    for person, seen in ((ada, 1), (bob, 1), (rita, 0), (eve, 0)):
        assert len(api(person).get(URL).json()["results"]) == seen


def test_a_key_is_revoked_by_its_person_or_an_admin_alone(api, workspace, ada, bob, rita, eve):
    key, secret = create_key(workspace=workspace, user=bob)

    for person in (rita, eve):
        assert api(person).delete(f"{URL}{key.id}/").status_code == 404
    assert by_key(api, secret).get("/api/v1/me/").status_code == 200

    assert api(ada).delete(f"{URL}{key.id}/").status_code == 204
    assert api(bob).delete(f"{URL}{key.id}/").status_code == 204

    refused = by_key(api, secret).get("/api/v1/me/")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "unauthenticated"


@pytest.mark.parametrize("secret", ["", "wk_short", "wk_" + "x" * 40, "wk_" + "x" * 41, "Basic abc"])
def test_unknown_keys_are_refused_even_with_a_session(api, workspace, ada, secret):
    client = api(ada)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert client.get("/api/v1/me/").status_code == 401


def test_a_closed_account_has_no_keys(api, workspace, bob):
    _key, secret = create_key(workspace=workspace, user=bob)

    set_active(user=bob, is_active=False)

    assert by_key(api, secret).get("/api/v1/me/").status_code == 401


def test_use_is_noted_at_most_once_a_minute(workspace, bob, django_assert_num_queries):
    key, secret = create_key(workspace=workspace, user=bob)

    person = user_of_bearer(secret)

    assert person == bob
    assert person.acting_key == key
    key.refresh_from_db()
    assert key.last_used_at is not None
    with django_assert_num_queries(1):
        user_of_bearer(secret)
    ApiKey.objects.update(last_used_at=now() - timedelta(minutes=2))
    with django_assert_num_queries(2):
        user_of_bearer(secret)


def test_the_websocket_refuses_unknown_keys_too(db):
    with pytest.raises(Unauthenticated):
        user_of_bearer("wk_" + "x" * 40)
