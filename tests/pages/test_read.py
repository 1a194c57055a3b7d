"""A document's text without its socket, and who is signed in: for pages left open, blocked, or without scripts."""

import pytest
from django.test import Client

from tests.conftest import PASSWORD
from workspaces.documents.models import Document
from workspaces.documents.services import archive_document, create_document

TEXT = "# Tea\n\nBen knows **two** of the lunch places & more.\n\n- [x] Done\n\n<script>alert(1)</script>\n"
SCRIPT = {"HX-Request": "true"}
PATHS = {"text": "/documents/{id}/reading/", "page": "/documents/{id}/read/"}


@pytest.fixture
def text(project, ada):
    return create_document(project=project, title="Tea for <offices>", actor=ada, markdown=TEXT)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_members_read_it_and_strangers_find_nothing(path, at, text, ada, bob, rita, eve):
    found = {
        person.name: at(person).get(path.format(id=text.pk), headers=SCRIPT).status_code
        for person in (ada, bob, rita, eve)
    }

    assert found == {"Ada": 200, "Bob": 200, "Rita": 200, "Eve": 404}


def test_the_text_is_html_of_what_people_wrote_and_nothing_else(at, text, rita):
    html = at(rita).get(f"/documents/{text.pk}/reading/").content.decode()

    assert html.startswith("<h1>Tea</h1><p>Ben knows <strong>two</strong> of the lunch places &amp; more.</p>")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_script_that_is_not_signed_in_is_told_so_and_a_page_leads_to_sign_in(at, text):
    assert at().get(f"/documents/{text.pk}/reading/", headers=SCRIPT).status_code == 401
    assert at().get(f"/documents/{text.pk}/reading/")["Location"].startswith("/accounts/login/?next=")
    assert at().get(f"/documents/{text.pk}/read/")["Location"].startswith("/accounts/login/?next=")


def test_the_text_is_sent_once_and_again_when_it_has_changed(at, text, ada, django_assert_max_num_queries):
    browser = at(ada)
    path = f"/documents/{text.pk}/reading/"
    first = browser.get(path)
    known = {"If-None-Match": first["ETag"]}

    assert first["Cache-Control"] == "private, no-cache"
    with django_assert_max_num_queries(6):
        assert browser.get(path, headers=known).status_code == 304
    Document.objects.filter(pk=text.pk).update(generation=2)
    again = browser.get(path, headers=known)
    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


def test_what_is_archived_can_be_read(at, text, ada):
    archive_document(document=text, actor=ada)

    assert at(ada).get(f"/documents/{text.pk}/read/").status_code == 200


def test_the_page_without_scripts_has_the_text_and_the_document_leads_to_it(at, text, rita):
    page = at(rita).get(f"/documents/{text.pk}/read/").content.decode()
    editor = at(rita).get(f"/documents/{text.pk}/").content.decode()

    assert "Ben knows <strong>two</strong>" in page
    assert "Tea for &lt;offices&gt;" in page
    assert f'<noscript><meta http-equiv="refresh" content="0; url=/documents/{text.pk}/read/"></noscript>' in editor
    assert f'data-reading="/documents/{text.pk}/reading/"' in editor


# --- who is signed in ------------------------------------------------------------------------------------------------
def test_a_page_is_told_who_is_signed_in(at, ada, db):
    nobody, somebody = at().get("/session/"), at(ada).get("/session/")

    assert nobody.json()["user"] is None
    assert somebody.json()["user"] == str(ada.pk)
    assert "no-store" in somebody["Cache-Control"]


def test_a_page_signs_in_again_in_place_with_the_token_that_it_is_told(text, ada):
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/session/").json()["token"]
    headers = {"X-CSRFToken": token, "X-Requested-With": "XMLHttpRequest", "Accept": "application/json"}
    form = {"login": ada.email, "password": "not the password"}

    wrong = browser.post("/accounts/login/", form, headers=headers)
    assert wrong.status_code == 400
    assert "not correct" in str(wrong.json()["form"])
    right = browser.post("/accounts/login/", form | {"password": PASSWORD}, headers=headers)
    assert right.status_code == 200
    session = browser.get("/session/").json()
    assert session["user"] == str(ada.pk)
    # The token of before is one of another secret; the new one goes.
    archive = f"/documents/{text.pk}/archive/"
    assert browser.post(archive, headers={"X-CSRFToken": token}).status_code == 403
    assert browser.post(archive, headers={"X-CSRFToken": session["token"]}).status_code == 302


def test_the_dialog_asks_for_ones_own_password_alone(at, text, rita):
    page = at(rita).get(f"/documents/{text.pk}/").content.decode()

    assert f'name="login" value="{rita.email}" autocomplete="username" readonly' in page
    assert 'data-session="/session/"' in page
