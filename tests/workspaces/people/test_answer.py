"""Errors in one form, limits on how often one may ask, pages that never show a traceback."""

import pytest
from django.db import OperationalError
from django.test import Client

from workspaces.people import access
from workspaces.people.services import create_key
from wukong.kernel.errors import Stale

API = "/api/v1/workspaces/"


def error_of(answer):
    body = answer.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "details", "message"]
    assert body["error"]["message"]
    return body["error"]["code"]


def test_each_refusal_has_its_code(api, workspace, ada):
    client = api(ada)

    assert error_of(client.put(API)) == "method_not_allowed"
    assert error_of(client.post(API, "{", content_type="application/json")) == "invalid"
    assert error_of(client.post(API, "<a/>", content_type="text/xml")) == "unsupported_type"
    assert error_of(client.post(API, "[1]", content_type="application/json")) == "invalid"
    assert error_of(client.get("/api/v1/nothing/")) == "not_found"
    assert error_of(client.get(f"{API}nothing/")) == "not_found"
    assert client.put(API).status_code == 405
    assert client.post(API, "<a/>", content_type="text/xml").status_code == 415


def test_a_body_that_is_too_long_is_not_read(api, ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = api(ada).post(API, {"name": "x" * 100}, format="json")

    assert (answer.status_code, error_of(answer)) == (413, "too_large")


def test_a_session_needs_its_csrf_token(workspace, ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)

    answer = client.post(API, {"name": "Tea"}, content_type="application/json")

    assert answer.status_code == 403
    assert error_of(answer) == "forbidden"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(OperationalError("database is locked"), 503, "unavailable"), (Stale("Someone was faster."), 412, "stale")],
)
def test_errors_below_are_translated_at_the_edge(api, client, ada, monkeypatch, error, status, code):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(access, "workspaces_of", fail)
    answer = api(ada).get(API)
    monkeypatch.setattr(access, "invitation_of", fail)
    page = client.get("/invitations/x/")

    assert (answer.status_code, error_of(answer)) == (status, code)
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    assert ("Retry-After" in answer) == (status == 503)


def test_a_bug_is_an_error_without_a_traceback(api, client, ada, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(access, "workspaces_of", fail)
    monkeypatch.setattr(access, "invitation_of", fail)
    asked = api(ada)
    asked.raise_request_exception = False
    client.raise_request_exception = False

    answer, page = asked.get(API), client.get("/invitations/x/")

    assert (answer.status_code, error_of(answer)) == (500, "error")
    assert page.status_code == 500
    for body in (answer.content.decode(), page.content.decode()):
        assert "secret detail" not in body
        assert "Traceback" not in body


def test_htmx_gets_a_fragment(client, db):
    page, fragment = (client.get("/nothing/here/", headers=headers) for headers in ({}, {"HX-Request": "true"}))

    assert (page.status_code, fragment.status_code) == (404, 404)
    assert "<html" in page.content.decode()
    assert "<html" not in fragment.content.decode()
    assert 'role="alert"' in fragment.content.decode()


def test_every_answer_has_a_strict_policy(client, api, ada):
    for answer in (client.get("/accounts/login/"), api(ada).get(API), client.get("/nothing/")):
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy
        assert "connect-src 'self' ws://testserver;" in policy


def test_too_many_requests_wait(api, workspace, ada, bob, settings):
    settings.WUKONG_RATE_READ, settings.WUKONG_RATE_WRITE = "3/hour", "1/hour"
    by_key = api()
    by_key.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(workspace=workspace, user=ada)[1]}")

    assert [api(ada).get(API).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [api(ada).patch(f"{API}northwind/", {"name": "x"}, format="json").status_code for _ in range(2)] == [
        200,
        429,
    ]
    assert api(bob).get(API).status_code == 200
    assert by_key.get(API).status_code == 200

    refused = api(ada).get(API)
    assert error_of(refused) == "throttled"
    assert 0 < int(refused["Retry-After"]) <= 3600


def test_guessing_keys_is_slowed_down(api, db, settings):
    settings.WUKONG_RATE_ANONYMOUS = "2/hour"
    guesser = api()
    guesser.credentials(HTTP_AUTHORIZATION="Bearer wk_" + "x" * 40)

    assert [guesser.get(API).status_code for _ in range(3)] == [401, 401, 429]
    assert api().get(API).status_code == 429


def test_a_proxy_is_believed_only_when_it_is_ours(api, db, settings):
    settings.WUKONG_RATE_ANONYMOUS = "1/hour"

    def ask(forwarded):
        return api().get(API, headers={"X-Forwarded-For": forwarded}).status_code

    assert [ask("1.1.1.1"), ask("2.2.2.2")] == [401, 429]
    settings.WUKONG_TRUST_PROXY = True
    assert [ask("9.9.9.9, 1.1.1.1"), ask("9.9.9.9, 2.2.2.2"), ask("8.8.8.8, 1.1.1.1")] == [401, 401, 429]
