"""Idempotency-Key: the same POST, sent again, is answered again and not done again."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.test.client import encode_multipart
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from workspaces.people import idempotency
from workspaces.people.models import ApiKey, StoredAnswer, Workspace
from workspaces.people.rest import _hash_of
from workspaces.people.services import create_key
from wukong.kernel.clock import now

URL = "/api/v1/workspaces/"


def post(client, key="k1", url=URL, **body):
    return client.post(url, body or {"name": "Tea"}, format="json", headers={"Idempotency-Key": key})


def test_the_same_request_gets_the_same_answer(api, eve):
    first, again = post(api(eve)), post(api(eve))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Workspace.objects.count() == 1


def test_another_body_is_a_mismatch(api, eve):
    post(api(eve))

    answer = post(api(eve), name="Coffee")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_mismatch"
    assert Workspace.objects.count() == 1


def test_another_caller_and_another_key_are_other_requests(api, workspace, ada, eve):
    key_client = api()
    key_client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(workspace=workspace, user=ada)[1]}")

    for client, key in ((api(ada), "k1"), (api(ada), "k2"), (api(eve), "k1"), (key_client, "k1")):
        assert post(client, key).status_code == 201

    assert Workspace.objects.count() == 5


def test_a_request_that_failed_is_done_afresh(api, workspace, eve):
    assert post(api(eve), name="Tea", slug="northwind").status_code == 400
    assert not StoredAnswer.objects.exists()
    workspace.delete()

    assert post(api(eve), name="Tea", slug="northwind").status_code == 201


def test_a_second_request_while_the_first_runs_is_a_conflict(api, eve):
    post(api(eve))
    StoredAnswer.objects.update(status=None)

    answer = post(api(eve))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"
    assert Workspace.objects.count() == 1


def test_a_request_whose_process_died_is_taken_over_under_the_same_id(api, eve):
    post(api(eve))
    before = StoredAnswer.objects.get()
    StoredAnswer.objects.update(status=None, created_at=now() - idempotency.TAKEN_OVER_AFTER - timedelta(seconds=1))

    assert post(api(eve)).status_code == 201

    after = StoredAnswer.objects.get()
    assert after.pk == before.pk
    assert after.status == 201


def test_answers_are_forgotten_after_a_day(api, eve):
    post(api(eve))
    StoredAnswer.objects.update(created_at=now() - idempotency.KEPT_FOR - timedelta(seconds=1))

    assert "Idempotent-Replayed" not in post(api(eve))
    assert StoredAnswer.objects.count() == 1


def test_secrets_are_not_kept(api, workspace, bob):
    first = post(api(bob), url="/api/v1/keys/", workspace="northwind")
    again = post(api(bob), url="/api/v1/keys/", workspace="northwind")

    assert first.json()["secret"].startswith("wk_")
    assert again.json() == {**first.json(), "secret": None}
    assert ApiKey.objects.count() == 1
    assert first.json()["secret"] not in str(StoredAnswer.objects.values_list("body", flat=True).get())


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_unusable_key_is_refused(api, eve, key):
    assert post(api(eve), key).status_code == 400
    assert not Workspace.objects.exists()


def test_refused_callers_leave_nothing(api, workspace, rita):
    answer = post(api(rita), url="/api/v1/invitations/", workspace="northwind", email="x@example.com")

    assert answer.status_code == 403
    assert post(api(), url=URL).status_code == 401
    assert not StoredAnswer.objects.exists()


def test_a_file_is_the_same_whatever_the_boundary():
    def digest(boundary, text):
        body = encode_multipart(boundary, {"a": "1", "file": SimpleUploadedFile("a.txt", text)})
        request = RequestFactory().post("/", body, content_type=f"multipart/form-data; boundary={boundary}")
        return _hash_of(Request(request, parsers=[MultiPartParser()]))

    assert digest("one", b"tea") == digest("two", b"tea")
    assert digest("one", b"tea") != digest("one", b"sea")
