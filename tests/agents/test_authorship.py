"""GET documents/<id>/authorship/: who wrote what, by name."""

import pytest

from agents.models import ModelCall, Run, Step
from tests.workspaces.documents.authorship.logs import Desk, drop, paragraph, put
from workspaces.documents import log
from workspaces.documents.authorship import services
from workspaces.documents.services import create_document
from workspaces.people.services import create_key
from wukong.kernel.ids import new_id

URL = "/api/v1/documents/{}/authorship/"
LINE = "茶园 tea from the high gardens 🍃"
pytestmark = pytest.mark.django_db


@pytest.fixture
def step(workspace, project):
    run = Run.objects.create(
        workspace=workspace, project=project, number=1, template="campaign", goal="Sell", model="scripted"
    )
    return Step.objects.create(run=run, number=1, kind="compose", title="Write", role="writer", agent="Writer")


@pytest.fixture
def call(step):
    return ModelCall.objects.create(step=step, epoch=1, model="scripted")


@pytest.fixture
def written(project, ada, bob, step, call):
    """A document in which an agent has written a line that Bob has moved into a heading and put a word before."""
    document = create_document(project=project, title="Plan", actor=ada)
    desk = Desk()
    rows = [
        (desk.write(7, lambda root: put(root, paragraph(LINE)), kind="agent"), "agent", step.pk, call.pk),
        (
            desk.write(
                8,
                lambda root: (drop(root, 0), put(root, paragraph("Buy:"), paragraph(LINE, "heading", level=2, id="h"))),
            ),
            "person",
            bob.pk,
            None,
        ),
    ]
    for row, kind, principal, of_call in rows:
        log.bind_client_id(document_id=document.pk, client_id=row.client_id, kind=kind, principal=principal)
        entry = log.LogEntry(data=row.data, client_id=row.client_id, principal=principal, kind=kind, call=of_call)
        log.append(document_id=document.pk, entries=[entry])
    return document


def test_it_says_who_wrote_what(api, written, bob, rita, step, call):
    answer = api(rita).get(URL.format(written.pk))

    assert (answer.status_code, answer["ETag"], answer["Cache-Control"]) == (200, '"2"', "private, no-cache")
    body = answer.json()
    assert {**body, "blocks": len(body["blocks"])} == {
        "document": str(written.pk),
        "seq": 2,
        "version": 2,
        "blocks": 2,
    }
    first, second = body["blocks"]
    assert (first["type"], second["type"], second["block"]) == ("paragraph", "heading", "h")
    assert first["ranges"] == [
        {
            "start": 0,
            "text": "Buy:",
            "writer": {"id": str(bob.pk), "name": "Bob"},
            "kind": "person",
            "call": None,
            "carried": False,
            "certainty": None,
        }
    ]
    assert second["ranges"] == [
        {
            "start": 0,
            "text": LINE,
            "writer": {"id": str(step.pk), "name": "Writer"},
            "kind": "agent",
            "call": str(call.pk),
            "carried": True,
            "certainty": "strong",
        }
    ]


def test_the_server_has_no_name_and_neither_has_who_is_gone(api, document, bob):
    client_id = log.issue_client_id(document_id=document.pk, kind="agent", principal=new_id())
    row = Desk().write(client_id, lambda root: put(root, paragraph("unknown")), kind="agent")
    entry = log.LogEntry(data=row.data, client_id=client_id, principal=new_id(), kind="agent")
    log.append(document_id=document.pk, entries=[entry])

    blocks = api(bob).get(URL.format(document.pk)).json()["blocks"]

    assert {(part["kind"], part["writer"]) for block in blocks for part in block["ranges"]} == {
        ("system", None),
        ("agent", None),
    }


def test_the_text_is_that_of_the_document(api, project, ada):
    markdown = (
        "# 标题 🎉\n\n- one\n- two **bold**\n\n| a | b |\n|---|---|\n| c | d |\n\n```\ncode\n```\n\nline\\\nbreak\n"
    )
    document = create_document(project=project, title="All", markdown=markdown, actor=ada)

    blocks = api(ada).get(URL.format(document.pk)).json()["blocks"]

    texts = ["".join(part["text"] for part in block["ranges"]) for block in blocks]
    assert texts == ["标题 🎉", "one", "two bold", "a", "b", "c", "d", "code", "linebreak"]
    assert [part["start"] for part in blocks[-1]["ranges"]] == [0, 5]
    assert all(block["block"] for block in blocks)


def test_an_empty_document_has_no_blocks(api, project, ada):
    document = create_document(project=project, title="Empty", actor=ada)

    answer = api(ada).get(URL.format(document.pk))

    assert (answer.json()["blocks"], answer.json()["seq"], answer["ETag"]) == ([], 0, '"0"')


# --- who ------------------------------------------------------------------------------------------------------------
def test_members_read_and_strangers_find_nothing(api, document, ada, bob, rita, eve):
    path = URL.format(document.pk)

    assert [api(person).get(path).status_code for person in (ada, bob, rita)] == [200] * 3
    assert api(eve).get(path).json()["error"]["code"] == "not_found"
    assert api().get(path).status_code == 401
    assert api(ada).get(URL.format(new_id())).status_code == 404
    assert api(ada).get(URL.format("nonsense")).status_code == 404
    assert api(ada).post(path).status_code == 405


@pytest.mark.parametrize(("scope", "status"), [("documents:read", 200), ("documents:write", 403), ("runs:read", 403)])
def test_a_key_needs_the_scope(api, workspace, document, ada, scope, status):
    client = api()
    secret = create_key(workspace=workspace, user=ada, scopes=[scope])[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert client.get(URL.format(document.pk)).status_code == status


def test_reads_are_counted(api, document, ada, settings):
    settings.WUKONG_RATE_READ = "2/h"

    codes = [api(ada).get(URL.format(document.pk)).status_code for _ in range(3)]

    assert codes == [200, 200, 429]


# --- how often ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("known", ["{}", "W/{}", '"7", {}', "*"])
def test_what_is_known_is_not_sent_again(api, document, bob, monkeypatch, known):
    path = URL.format(document.pk)
    etag = api(bob).get(path)["ETag"]
    monkeypatch.setattr(services, "project", lambda *_args, **_more: pytest.fail("projected"))

    answer = api(bob).get(path, headers={"If-None-Match": known.format(etag)})

    assert (answer.status_code, answer["ETag"], answer.content) == (304, etag, b"")


def test_an_answer_that_is_behind_says_so(api, written, ada, monkeypatch):
    monkeypatch.setattr(services, "REQUEST_S", 0.0)
    path = URL.format(written.pk)

    answer = api(ada).get(path)

    assert (answer.json()["seq"], answer["ETag"]) == (1, '"1"')
    again = api(ada).get(path, headers={"If-None-Match": '"1"'})
    assert again.status_code == 200


def test_it_takes_few_queries_whatever_the_size(api, project, ada, django_assert_max_num_queries):
    text = "".join(f"Paragraph **{n}** of many.\n\n" for n in range(500))
    document = create_document(project=project, title="Long", markdown=text, actor=ada)
    client = api(ada)

    with django_assert_max_num_queries(12):
        answer = client.get(URL.format(document.pk))

    assert len(answer.json()["blocks"]) == 500
