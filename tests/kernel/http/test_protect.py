"""What browsers are told to allow, and who counts as who when requests are counted."""

from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from wukong.kernel.http import throttling
from wukong.kernel.http.address import client_address
from wukong.kernel.http.security import ContentSecurityPolicy


def policy_of(**meta):
    request = RequestFactory().get("/", **meta)
    return ContentSecurityPolicy(lambda request: HttpResponse())(request)["Content-Security-Policy"]


def test_pages_load_from_us_and_talk_to_us_alone():
    policy = dict(part.strip().split(" ", 1) for part in policy_of(HTTP_HOST="wukong.example").split(";"))

    assert policy == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' ws://wukong.example",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }


def test_the_socket_is_as_safe_as_the_page(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert "wss://a.b:8443;" in policy_of(HTTP_HOST="a.b:8443", HTTP_X_FORWARDED_PROTO="https")
    assert "ws://[::1]:8000;" in policy_of(HTTP_HOST="[::1]:8000")


@pytest.mark.parametrize("host", ["x; script-src *", "a b", "a'b", "a,b", "<x>"])
def test_a_host_that_is_none_changes_no_policy(host):
    assert "connect-src 'self' ws://localhost;" in policy_of(HTTP_HOST=host)


def test_every_answer_says_what_it_is_and_stays_out_of_frames(client, db):
    for path in ("/accounts/login/", "/api/v1/me/", "/nothing/", "/api/v1/docs/"):
        answer = client.get(path)
        assert answer["X-Content-Type-Options"] == "nosniff", path
        assert answer["X-Frame-Options"] == "DENY", path
        assert answer["Referrer-Policy"] == "same-origin", path
        assert "microphone=()" in answer["Permissions-Policy"], path


def test_an_address_behind_a_proxy_is_the_last_that_the_proxy_saw(settings):
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="6.6.6.6, 1.2.3.4", REMOTE_ADDR="10.0.0.1")

    assert client_address(request) == "10.0.0.1"
    settings.WUKONG_TRUST_PROXY = True
    assert client_address(request) == "1.2.3.4"
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) == "127.0.0.1"


@pytest.fixture
def asker():
    """Return a function that makes a request of somebody, by key or session."""

    def of(method="GET", *, key=None, person=1):
        user = SimpleNamespace(is_authenticated=person is not None, pk=person)
        return SimpleNamespace(
            method=method, user=user, auth=SimpleNamespace(pk=key) if key else None, META={"REMOTE_ADDR": "1.1.1.1"}
        )

    return of


def test_each_rate_counts_its_own_requests(asker):
    read, write, anonymous = throttling.ReadRate(), throttling.WriteRate(), throttling.AnonymousRate()

    assert [rate.identity(asker("GET")) for rate in (read, write, anonymous)] == ["person:1", None, None]
    assert [rate.identity(asker("PATCH", key=7)) for rate in (read, write, anonymous)] == [None, "key:7", None]
    assert [rate.identity(asker("POST", person=None)) for rate in (read, write, anonymous)] == [None, None, "1.1.1.1"]


def test_a_window_that_is_over_starts_again(asker, settings, monkeypatch):
    settings.WUKONG_RATE_READ = "2/min"
    clock = SimpleNamespace(time=lambda: 90.0)
    monkeypatch.setattr(throttling, "time", clock)
    rate = throttling.ReadRate()

    assert [rate.allow_request(asker(), None) for _ in range(3)] == [True, True, False]
    assert rate.wait() == 30.0
    assert rate.allow_request(asker(person=2), None)
    clock.time = lambda: 120.0
    assert rate.allow_request(asker(), None)
