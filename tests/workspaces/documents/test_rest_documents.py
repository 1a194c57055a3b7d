"""Documents by REST: made with words, hung into a tree, archived, read in three forms."""

import json

import pytest
from django.db import connection

from workspaces.documents import access, content, services
from workspaces.documents.models import Document, DocumentUpdate, DocumentWriter
from workspaces.documents.services import create_document, create_project
from workspaces.people.services import create_key, create_workspace
from wukong.kernel.ids import new_id

URL = "/api/v1/documents/"
TEXT = "# Plan\n\nFirst *words* & 茶.\n\n- [x] done\n"


def make(client, place, title="Brief", **more):
    return client.post(URL, {"project": str(place.id), "title": title, **more}, format="json")


# --- making ---------------------------------------------------------------------------------------------------------
def test_a_document_is_made_with_words(api, project, bob):
    made = make(api(bob), project, content={"format": "markdown", "text": TEXT})

    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "project": str(project.id),
        "parent": None,
        "title": "Brief",
        "kind": "text",
        "seq": 1,
        "words": 5,
        "archived_at": None,
        "created_at": made.json()["created_at"],
    }
    assert api(bob).get(f"{URL}{made.json()['id']}/").json() == made.json()
    assert api(bob).get(f"{URL}{made.json()['id']}/content/").content.decode() == TEXT
    row = DocumentUpdate.objects.get()
    assert DocumentWriter.objects.get().client_id == row.client_id  # nobody else can ever write as it


@pytest.mark.parametrize("more", [{}, {"content": None}, {"content": {"format": "markdown", "text": ""}}])
def test_a_document_without_words_is_empty(api, project, bob, more):
    made = make(api(bob), project, **more).json()

    assert (made["seq"], made["words"]) == (0, 0)
    answer = api(bob).get(f"{URL}{made['id']}/content/")
    assert (answer.content, answer["ETag"]) == (b"", '"0"')


def test_a_document_hangs_below_another_of_its_project(api, workspace, project, document, ada, bob):
    elsewhere = create_project(workspace=workspace, name="Other", actor=ada)

    child = make(api(bob), project, parent=str(document.id)).json()
    refused = make(api(bob), elsewhere, parent=str(document.id))

    assert child["parent"] == str(document.id)
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["parent"])
    assert make(api(bob), project, parent=str(new_id())).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 7.5, "kind": "sheet"}, "kind"),
        ({"title": "a\0b"}, "title"),
        ({"parent": "root"}, "parent"),
        ({"parent": -1}, "parent"),
        ({"project": "nonsense"}, "project"),
        ({"content": "# Plan"}, "content"),
        ({"content": {"text": "x"}}, "content.format"),
        ({"content": {"format": "html", "text": "x"}}, "content.format"),
        ({"content": {"format": "markdown"}}, "content.text"),
        ({"content": {"format": "markdown", "text": "a\0b"}}, "content.text"),
        ({"content": {"format": "markdown", "text": "x", "lang": "en"}}, "content.lang"),
        ({"words": 3}, "words"),
        ({"seq": 3}, "seq"),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_made(api, project, bob, body, field):
    answer = make(api(bob), project, **body)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [field]
    assert not Document.objects.exists()


def test_a_text_that_is_too_large_is_refused(api, project, bob, monkeypatch):
    monkeypatch.setattr(services, "MAX_SEED_BYTES", 100)

    answer = make(api(bob), project, content={"format": "markdown", "text": "茶" * 34})

    assert (answer.status_code, answer.json()["error"]["details"]) == (413, {"max_bytes": 100})
    assert not Document.objects.exists()


def test_text_that_looks_like_an_attack_is_text(api, project, bob):
    hostile = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](data:text/html,z)\n\n" + "> " * 500 + "deep"

    made = make(api(bob), project, title="<b>&", content={"format": "markdown", "text": hostile}).json()

    page = api(bob).get(f"{URL}{made['id']}/content/?format=html")
    assert page.status_code == 200
    assert "<script" not in page.content.decode()
    assert "href=" not in page.content.decode()
    assert "<title>&lt;b&gt;&amp;</title>" in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]


def test_a_long_text_is_read_before_the_database_is_locked(project, bob, monkeypatch):
    depth = []

    def seed(doc, nodes):
        depth.append(len(connection.savepoint_ids))
        return plant(doc, nodes)

    plant = content.seed
    monkeypatch.setattr(content, "seed", seed)

    create_document(project=project, title="Long", markdown=TEXT, actor=bob)

    assert depth == [len(connection.savepoint_ids)]


# --- who ------------------------------------------------------------------------------------------------------------
def test_only_editors_change_and_only_members_see(api, project, document, ada, bob, rita, eve):
    path = f"{URL}{document.id}/"
    before = list(Document.objects.values())

    for person, status in ((rita, 403), (eve, 404), (None, 401)):
        client = api(person)
        assert make(client, project).status_code == status
        assert client.patch(path, {"title": "Mine"}, format="json").status_code == status
        assert client.post(f"{path}archive/").status_code == status
        assert client.post(f"{path}restore/").status_code == status
    assert list(Document.objects.values()) == before

    for person in (ada, bob, rita):
        assert api(person).get(path).json()["title"] == "Campaign plan"
        assert api(person).get(f"{path}content/").status_code == 200
        for query in ({}, {"workspace": "northwind"}, {"project": str(project.id)}):
            assert [row["id"] for row in api(person).get(URL, query).json()["results"]] == [str(document.id)]
    for form in ("markdown", "html", "json", "nonsense"):
        assert api(eve).get(f"{path}content/?format={form}").status_code == 404
        assert api().get(f"{path}content/?format={form}").status_code == 401
    assert api(eve).get(path).status_code == 404
    assert api(eve).get(URL).json()["results"] == []
    assert api(eve).get(URL, {"project": str(project.id)}).status_code == 404


def test_a_key_reads_and_writes_as_far_as_its_scopes_go(api, workspace, project, document, ada):
    other = create_project(workspace=create_workspace(name="Other", owner=ada), name="Elsewhere", actor=ada)
    hidden = create_document(project=other, title="Hidden", actor=ada)

    def by_key(*scopes):
        client = api()
        secret = create_key(workspace=workspace, user=ada, scopes=list(scopes))[1]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    reader, writer = by_key("documents:read"), by_key("documents:write")
    assert [row["id"] for row in reader.get(URL).json()["results"]] == [str(document.id)]
    assert reader.get(f"{URL}{document.id}/content/").status_code == 200
    assert reader.get(f"{URL}{hidden.id}/content/").status_code == 404
    assert make(reader, project).status_code == 403
    assert make(writer, project).status_code == 201
    assert make(writer, other).status_code == 404
    assert make(writer, project, parent=str(hidden.id)).status_code == 404
    assert writer.get(f"{URL}{document.id}/content/").status_code == 403


# --- changing -------------------------------------------------------------------------------------------------------
def test_a_document_is_renamed_and_moved_at_once_or_not_at_all(api, project, document, ada, bob):
    child = create_document(project=project, title="Child", parent=document, actor=ada)
    grandchild = create_document(project=project, title="Grandchild", parent=child, actor=ada)

    def patch(target, **body):
        return api(bob).patch(f"{URL}{target.id}/", body, format="json")

    for target, parent in ((document, document), (document, grandchild), (child, grandchild)):
        refused = patch(target, title="Lost", parent=str(parent.id))
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert set(Document.objects.values_list("title", "parent")) == {
        ("Campaign plan", None),
        ("Child", document.id),
        ("Grandchild", child.id),
    }
    moved = patch(grandchild, title=" Up ", parent=None).json()
    assert (moved["title"], moved["parent"]) == ("Up", None)
    below = patch(document, parent=str(grandchild.id)).json()
    assert (below["title"], below["parent"]) == ("Campaign plan", str(grandchild.id))
    assert patch(document, project=str(project.id)).status_code == 400
    assert patch(document, content={"format": "markdown", "text": "x"}).status_code == 400
    assert patch(document).json() == below
    assert api(bob).put(f"{URL}{document.id}/", {"title": "x"}, format="json").status_code == 405
    assert api(bob).delete(f"{URL}{document.id}/").status_code == 405


def test_a_document_is_archived_and_restored(api, document, bob):
    path = f"{URL}{document.id}/"

    first = api(bob).post(f"{path}archive/").json()

    assert first["archived_at"] is not None
    assert api(bob).post(f"{path}archive/").json() == first
    assert api(bob).get(f"{path}content/").status_code == 200
    assert api(bob).post(f"{path}restore/").json()["archived_at"] is None
    assert api(bob).get(f"{path}archive/").status_code == 405


def test_a_document_is_made_once(api, project, bob):
    def send():
        body = {"project": str(project.id), "title": "Brief", "content": {"format": "markdown", "text": TEXT}}
        return api(bob).post(URL, body, format="json", headers={"Idempotency-Key": "d1"})

    first, again = send(), send()

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Document.objects.count() == 1


# --- reading --------------------------------------------------------------------------------------------------------
def test_the_words_come_in_three_forms(api, project, bob):
    path = f"{URL}{make(api(bob), project, content={'format': 'markdown', 'text': TEXT}).json()['id']}/content/"

    plain, markdown, page, tree = (
        api(bob).get(f"{path}{query}") for query in ("", "?format=markdown", "?format=html", "?format=json")
    )

    assert plain.content == markdown.content == TEXT.encode()
    assert [answer["Content-Type"] for answer in (markdown, page, tree)] == [
        "text/markdown; charset=utf-8",
        "text/html; charset=utf-8",
        "application/json",
    ]
    assert "<h1>Plan</h1><p>First <em>words</em> &amp; 茶.</p>" in page.content.decode()
    assert page.content.decode().startswith('<!doctype html>\n<meta charset="utf-8">')
    assert list(tree.json()) == ["type", "content"]
    assert tree.json()["type"] == "doc"
    assert [block["type"] for block in tree.json()["content"]] == ["heading", "paragraph", "taskList"]
    assert all(block["attrs"]["id"] for block in tree.json()["content"])
    assert {answer["ETag"] for answer in (plain, markdown, page, tree)} == {'"1"'}
    refused = api(bob).get(f"{path}?format=pdf")
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["format"])


def test_what_is_known_is_not_sent_again(api, document, bob, monkeypatch):
    path = f"{URL}{document.id}/content/"
    etag = api(bob).get(path)["ETag"]
    answers = {}

    def ask(known):
        return api(bob).get(path, headers={"If-None-Match": known})

    with monkeypatch.context() as nothing_is_loaded:
        nothing_is_loaded.setattr(access, "content_of", lambda document: pytest.fail("loaded"))
        for known in (etag, f"W/{etag}", f'"7", {etag}', "*"):
            answers[known] = ask(known)
    assert {answer.status_code for answer in answers.values()} == {304}
    assert {answer["ETag"] for answer in answers.values()} == {etag}
    assert {answer.content for answer in answers.values()} == {b""}
    for known in ('"7"', "1", "nonsense", '"'):
        assert ask(known).status_code == 200
    Document.objects.filter(pk=document.id).update(head_seq=2)  # somebody has written
    assert ask(etag).status_code == 200


def test_a_head_request_tells_the_seq(api, document, bob):
    answer = api(bob).head(f"{URL}{document.id}/content/")

    assert (answer.status_code, answer["ETag"], answer["Cache-Control"]) == (200, '"1"', "private, no-cache")


def test_errors_of_the_content_are_json_whatever_is_accepted(api, document, eve):
    answer = api(eve).get(f"{URL}{document.id}/content/?format=html", headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.slow
def test_reading_takes_few_queries_whatever_the_size(api, project, bob, django_assert_max_num_queries):
    text = "".join(f"Paragraph **{n}** of many.\n\n" for n in range(3000))
    made = make(api(bob), project, content={"format": "markdown", "text": text}).json()
    client = api(bob)

    with django_assert_max_num_queries(10):
        answer = client.get(f"{URL}{made['id']}/content/?format=json")

    assert len(answer.json()["content"]) == 3000
    assert made["words"] == 12_000


def test_what_was_written_comes_back(api, project, bob):
    text = "1. one\n2. two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nx < y\n```\n\n> quote\n\n---\n\nend\n"
    path = f"{URL}{make(api(bob), project, content={'format': 'markdown', 'text': text}).json()['id']}/content/"

    back = api(bob).get(path).content.decode()
    nodes = json.loads(api(bob).get(f"{path}?format=json").content)["content"]

    assert content.to_markdown(nodes) == back
    again = make(api(bob), project, content={"format": "markdown", "text": back}).json()
    assert api(bob).get(f"{URL}{again['id']}/content/").content.decode() == back
