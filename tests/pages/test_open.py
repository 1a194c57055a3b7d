"""Who may open which page: members do, strangers find nothing, nobody is asked to sign in, viewers get no controls."""

import re

import pytest
from django.core import mail

PAGES = {
    "home": "/w/northwind/",
    "runs": "/w/northwind/runs/",
    "live count": "/w/northwind/runs/live/",
    "usage": "/w/northwind/usage/",
    "usage of a week by agent": "/w/northwind/usage/?period=week&by=agent",
    "usage with unknown words": "/w/northwind/usage/?period=aeon&by=mood",
    "balance": "/w/northwind/usage/balance/",
    "ledger": "/w/northwind/ledger/",
    "prices": "/w/northwind/prices/",
    "month": "/w/northwind/usage/month/",
    "settings": "/w/northwind/settings/",
    "members": "/w/northwind/settings/members/",
    "keys": "/w/northwind/settings/keys/",
    "models": "/w/northwind/settings/models/",
    "project": "/projects/{project}/",
    "document": "/documents/{document}/",
    "panel": "/documents/{document}/panel/",
    "run": "/runs/{run}/",
    "plan": "/runs/{run}/plan/",
}
EDITORS = {
    "new project": "/w/northwind/projects/new/",
    "new run": "/projects/{project}/runs/new/",
    "brief": "/projects/{project}/runs/new/brief/?template=report",
}
OWN = {"profile": "/profile/", "new workspace": "/workspaces/new/", "password": "/accounts/password/change/"}
DOORS = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/reset/done/"]


def path_of(pattern, world):
    return pattern.format(project=world.project.pk, document=world.document.pk, run=world.run.pk)


def test_members_open_every_page_and_strangers_find_nothing(at, world, ada, bob, rita, eve):
    browsers = {person.name: at(person) for person in (ada, bob, rita, eve)}
    found = {
        name: {who: browser.get(path_of(path, world)).status_code for who, browser in browsers.items()}
        for name, path in PAGES.items()
    }

    assert found == {name: {"Ada": 200, "Bob": 200, "Rita": 200, "Eve": 404} for name in PAGES}


def test_nobody_is_asked_to_sign_in_and_comes_back(at, world):
    browser = at()
    paths = [path_of(path, world) for path in (PAGES | EDITORS | OWN).values()]

    assert [
        path for path in paths if not browser.get(path).get("Location", "").startswith("/accounts/login/?next=")
    ] == []


def test_pages_that_change_something_are_for_editors(at, world, bob, rita, eve):
    browsers = {person.name: at(person) for person in (bob, rita, eve)}
    found = {
        name: {who: browser.get(path_of(path, world)).status_code for who, browser in browsers.items()}
        for name, path in EDITORS.items()
    }

    assert found == {name: {"Bob": 200, "Rita": 403, "Eve": 404} for name in EDITORS}


@pytest.mark.parametrize("path", OWN.values(), ids=OWN)
def test_ones_own_pages_need_only_a_signature(path, at, world, rita):
    assert at(rita).get(path).status_code == 200


@pytest.mark.parametrize("path", DOORS)
def test_doors_are_open_to_everybody(path, at, db):
    answer = at().get(path)

    assert answer.status_code == 200
    assert 'data-theme="light"' in answer.content.decode()


def test_a_page_without_a_thing_says_so_in_words(at, world, ada):
    answer = at(ada).get("/projects/01890000-0000-7000-8000-000000000000/")

    assert answer.status_code == 404
    assert "What is safe" in answer.content.decode()


def test_a_fragment_that_fails_is_a_note_not_a_page(at, world, eve):
    answer = at(eve).get(f"/documents/{world.document.pk}/panel/", headers={"HX-Request": "true"})

    assert answer.status_code == 404
    assert answer.content.decode().startswith('<div class="note note-error"')


def test_the_first_page_leads_to_ones_workspace_or_to_making_one(at, world, ada, eve):
    assert at(ada).get("/")["Location"] == "/w/northwind/"
    assert at(eve).get("/")["Location"] == "/workspaces/new/"


CONTROLS = {
    "/w/northwind/": ["New project"],
    "/projects/{project}/": ["New run", "New document", "rename-project", "add-source"],
    "/documents/{document}/": ["rename-document", "move-document", "Stop"],
    "/runs/{run}/": ["Stop"],
    "/runs/{run}/plan/": ["Discard", "Start, at most"],
    "/w/northwind/settings/": ["Save"],
    "/w/northwind/settings/members/": ["Invite", "Remove"],
}


def test_viewers_see_no_control_that_they_may_not_use(at, world, ada, rita):
    wrong: dict[str, list[str]] = {}
    for pattern, names in CONTROLS.items():
        full, quiet = (_body(at(person).get(path_of(pattern, world))) for person in (ada, rita))
        wrong[pattern] = [name for name in names if name not in full or name in quiet]

    assert wrong == {pattern: [] for pattern in CONTROLS}


def _body(answer):
    """Return the page without its scripts' strings and the dialogs that only managers can open."""
    html = re.sub(r"<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r'<dialog class="modal" id="invite".*?</dialog>', "", html, flags=re.DOTALL)


def test_a_run_outlives_the_model_that_it_was_made_with(at, world, ada, settings):
    settings.WUKONG_SCRIPTED = False
    paths = ("/w/northwind/", "/projects/{project}/", "/documents/{document}/", "/runs/{run}/", "/runs/{run}/plan/")

    answers = [at(ada).get(path_of(path, world)) for path in paths]

    assert [answer.status_code for answer in answers] == [200] * len(paths)
    assert "no longer offered" in answers[-1].content.decode()


def test_what_is_archived_offers_nothing_new_and_is_found_again(at, world, ada):
    from workspaces.documents.services import archive_project

    archive_project(project=world.project, actor=ada)
    project, document, panel, brief, home = (
        at(ada).get(path_of(path, world))
        for path in (
            PAGES["project"],
            PAGES["document"],
            PAGES["panel"],
            EDITORS["brief"],
            PAGES["home"],
        )
    )

    assert [name for name in ("New run", "New document", "Add a source") if name in _main(project)] == []
    assert "It can be read and restored" in _main(project)
    assert document.context["editor_config"]["editable"] is False
    assert "New run" not in panel.content.decode()
    assert brief.status_code == 409
    assert f'href="/projects/{world.project.pk}/"' in _main(home)


def _main(answer):
    """Return the page without its dialogs and scripts' strings."""
    return re.sub(r"<dialog.*?</dialog>|<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)


def test_what_scripts_say_comes_with_the_page(at, world, ada):
    html = at(ada).get("/w/northwind/").content.decode()

    assert '<script id="strings" type="application/json">' in html
    assert '<script id="run-config" type="application/json">' in html


def test_pages_keep_a_strict_policy(at, world, ada):
    answer = at(ada).get(f"/documents/{world.document.pk}/")

    assert "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*(?:src=|application/json))", answer.content.decode()
    )


def test_a_form_without_its_token_is_refused_with_a_page_that_helps(world, ada):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    answer = client.post(f"/projects/{world.project.pk}/rename/", {"name": "Stolen"})

    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()
    world.project.refresh_from_db()
    assert world.project.name == "Tea launch"


def test_an_error_of_ours_has_a_reference_and_no_traceback(at, world, ada, monkeypatch):
    from agents.pages import views

    def broken(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(views.board, "view_of", broken)
    client = at(ada)
    client.raise_request_exception = False
    answer = client.get(f"/runs/{world.run.pk}/")

    assert answer.status_code == 500
    assert "Reference" in answer.content.decode()
    assert "secret detail" not in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "most"),
    [("/w/northwind/", 40), ("/w/northwind/runs/", 20), ("/projects/{project}/", 25), ("/documents/{document}/", 40)],
)
def test_a_page_asks_the_database_a_bounded_number_of_times(path, most, at, world, ada, django_assert_max_num_queries):
    from agents.services import create_run
    from workspaces.documents.services import create_document

    client = at(ada)
    client.get(path_of(path, world))
    with django_assert_max_num_queries(most) as few:
        client.get(path_of(path, world))
    for number in range(12):
        create_document(project=world.project, title=f"Document {number}", actor=ada)
        create_run(project=world.project, template="report", goal="Launch a tea.", model="scripted", actor=ada)
    with django_assert_max_num_queries(most) as many:
        client.get(path_of(path, world))

    assert len(many) <= len(few) + 2


def test_mails_are_plain_words_with_one_link(at, world, ada, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        at(ada).post("/w/northwind/settings/members/", {"email": "noor@example.com", "role": "viewer"})
    at().post("/accounts/password/reset/", {"email": "ada@example.com"})
    at().post("/accounts/password/reset/", {"email": "who@example.com"})

    assert [(letter.to, letter.subject) for letter in mail.outbox] == [
        (["noor@example.com"], "Ada invites you to Northwind"),
        (["ada@example.com"], "Set a new password"),
        (["who@example.com"], "No account with this address"),
    ]
    assert all(len(re.findall(r"https?://\S+", letter.body)) == 1 for letter in mail.outbox)
    assert not any("<" in letter.body or "&#" in letter.body for letter in mail.outbox)
