"""Accounts by e-mail and password: signing up, in and out, forgetting the password."""

import re

import pytest
from django.core import mail

from tests.conftest import PASSWORD
from workspaces.people.models import User, Workspace
from workspaces.people.services import set_active
from wukong.kernel import bus

LOGIN, SIGN_UP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"


def is_signed_in(client):
    return client.get("/api/v1/me/").status_code == 200


def test_the_right_password_signs_in_whatever_the_case_of_the_address(client, ada):
    answer = client.post(LOGIN, {"login": "Ada@Example.com", "password": PASSWORD})

    assert answer.status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize("login", ["ada@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client, ada, login):
    answer = client.post(LOGIN, {"login": login, "password": "wrong password"})

    assert answer.status_code == 200
    assert "not correct" in answer.content.decode()
    assert not is_signed_in(client)


def test_guessing_is_slowed_down(client, ada):
    for _ in range(5):
        client.post(LOGIN, {"login": "ada@example.com", "password": "wrong password"})

    answer = client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})

    assert "Too many failed login attempts" in answer.content.decode()
    assert not is_signed_in(client)


def test_a_closed_account_cannot_sign_in_and_is_signed_out(client, ada):
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    assert is_signed_in(client)

    set_active(user=ada, is_active=False)

    assert not is_signed_in(client)
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    assert not is_signed_in(client)


def test_signing_up_gives_a_person_a_workspace_of_their_own(client, db):
    answer = client.post(SIGN_UP, {"name": "Zoe Quinn", "email": "Zoe@example.com", "password1": PASSWORD})

    assert answer.status_code == 302
    assert is_signed_in(client)
    user = User.objects.get(email="zoe@example.com")
    assert user.name == "Zoe Quinn"
    workspace = Workspace.objects.of(user).get()
    assert (workspace.name, workspace.slug, workspace.role) == (
        "Zoe Quinn's workspace",
        "zoe-quinns-workspace",
        "owner",
    )


@pytest.mark.parametrize(
    "change", [{"password1": "short"}, {"password1": "1234567890"}, {"email": "no address"}, {"name": ""}]
)
def test_bad_sign_ups_make_nobody(client, db, change):
    body = {"name": "Zoe", "email": "zoe@example.com", "password1": PASSWORD, **change}

    assert client.post(SIGN_UP, body).status_code == 200
    assert not User.objects.exists()


def test_nobody_signs_up_with_somebody_elses_address(client, ada):
    answer = client.post(SIGN_UP, {"name": "Eve", "email": "ADA@example.com", "password1": PASSWORD})

    assert answer.status_code == 200
    assert User.objects.count() == 1
    assert not is_signed_in(client)


def test_where_sign_up_is_closed_nobody_signs_up(client, db, settings):
    settings.WUKONG_SIGN_UP = False

    page = client.get(SIGN_UP)
    client.post(SIGN_UP, {"name": "Zoe", "email": "zoe@example.com", "password1": PASSWORD})

    assert "password1" not in page.content.decode()
    assert not User.objects.exists()


def test_a_forgotten_password_is_set_anew_by_a_link_with_the_sites_address(client, ada, settings):
    settings.WUKONG_URL = "https://wukong.example.com"
    client.post(RESET, {"email": "ada@example.com"}, HTTP_HOST="127.0.0.1")
    link = re.search(r"https://wukong\.example\.com(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link is not None
    page, new = client.get(link[1], follow=True), "another long password"

    done = client.post(page.request["PATH_INFO"], {"password1": new, "password2": new})

    assert done.status_code == 302
    assert client.post(LOGIN, {"login": "ada@example.com", "password": new}).status_code == 302
    assert is_signed_in(client)
    again = client.get(link[1], follow=True)
    assert "password1" not in again.content.decode()


def test_forgetting_an_unknown_address_looks_the_same(client, ada):
    known = client.post(RESET, {"email": "ada@example.com"})
    unknown = client.post(RESET, {"email": "nobody@example.com"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert "There is no account" in mail.outbox[1].body


def test_signing_out_is_told_to_the_sockets_of_that_session(client, ada, monkeypatch):
    said = []
    monkeypatch.setattr(bus, "publish", lambda topic, message: said.append((topic, message)))
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})

    assert client.get("/accounts/logout/").status_code == 200
    client.post("/accounts/logout/")

    assert not is_signed_in(client)
    topic, message = said[-1]
    assert topic == f"person:{ada.id}"
    assert re.fullmatch(r"[0-9a-f]{64}", message["signed_out"])
