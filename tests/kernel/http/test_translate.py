"""Exceptions of Django and REST framework as errors of our tree."""

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.http import Http404
from rest_framework import exceptions

from wukong.kernel.errors import NotFound
from wukong.kernel.http.errors import invalid, translate
from wukong.kernel.http.throttling import parse_rate


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (NotFound("x"), 404, "not_found"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (RequestDataTooBig(), 413, "too_large"),
        (SuspiciousOperation(), 400, "invalid"),
        (ValidationError({"name": ["x"]}), 400, "invalid"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.AuthenticationFailed(), 401, "unauthenticated"),
        (exceptions.Throttled(3), 429, "throttled"),
        (exceptions.APIException(), 503, "unavailable"),
    ],
)
def test_each_has_a_code(exc, status, code):
    error = translate(exc)

    assert error is not None
    assert (error.status, error.code) == (status, code)
    assert error.message


def test_a_bug_is_not_dressed_up():
    assert translate(KeyError("x")) is None


def test_details_are_flat():
    detail = {"content": {"format": ["Unknown."]}, "edits": [{}, {"op": ["Missing."]}], "non_field_errors": ["Hm."]}

    error = invalid(detail)

    assert error.details == {"content.format": ["Unknown."], "edits.1.op": ["Missing."], "request": ["Hm."]}
    assert invalid({"name": ["Too long."]}).message == "Too long."


def test_rates_are_read():
    assert [parse_rate(text) for text in ("5/s", "300/min", "2/hour", "1/day")] == [
        (5, 1),
        (300, 60),
        (2, 3600),
        (1, 86400),
    ]


def test_the_innermost_middleware_keeps_the_chain_in_one_thread():
    assert settings.MIDDLEWARE[-1] == "wukong.kernel.http.one_hop.OneHop"
