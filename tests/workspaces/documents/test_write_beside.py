"""What programs and the server do beside people who type: neither loses a word, and reading writes nothing."""

import threading

import pytest

from tests.sockets import in_database, until
from workspaces.documents import content, crdt, log, snapshots
from workspaces.documents.models import DocumentSnapshot
from workspaces.documents.peer import Peer
from wukong.kernel import committer


async def text_in_log(document) -> str:
    state, _head = await in_database(lambda: log.load(document.pk))
    return content.plain_text(content.read(crdt.open_doc(state)))


def write_by_program(document, words: str) -> None:
    """Append words to the first paragraph as an agent does: from what the log has, in one transaction. A job."""
    client_id = log.issue_client_id(document_id=document.pk, kind="agent", principal=document.pk)
    peer = Peer(log.load(document.pk)[0], client_id)
    (block,) = peer.insert_after(None, [{"type": "paragraph"}])
    peer.append(block, words)
    data = peer.take_update()
    entry = log.LogEntry(data=data, client_id=client_id, principal=document.pk, kind="agent")
    log.append(document_id=document.pk, entries=[entry])


async def test_a_program_that_writes_into_an_open_document_loses_nothing_and_reverts_nothing(sockets, document):
    """outline #3647, #4353, #6459, #7868, #9521 (what the API wrote was lost, or undid what was being typed), #13405
    (a person's words were lost behind an "ok"), open-webui #25916 (an edit by AI was lost while the note was open),
    hocuspocus #222, #610, #634, #680 (edits by the server itself).
    """
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    for number in range(5):
        at_ada.update(at_ada.type(f" ada{number}"))
        await committer.arun(lambda n=number: write_by_program(document, f"program{n}"))
        at_bob.update(at_bob.type(f"bob{number} ", at=0))
        await at_ada.until_acked()
        await at_bob.until_acked()
    await until(lambda: at_ada.text == at_bob.text and "program4" in at_ada.text)

    text = await text_in_log(document)
    assert text == at_ada.text
    assert all(text.count(f"{who}{n}") == 1 for who in ("ada", "bob", "program") for n in range(5))
    assert at_ada.rejected == at_bob.rejected == []


async def test_a_program_that_fails_half_way_leaves_nothing(sockets, document):
    """outline #13405 from the other side: what is told as failed has not been written."""
    at_ada = await sockets.at("Ada")

    def write_and_fail() -> None:
        write_by_program(document, "half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await committer.arun(write_and_fail)
    at_ada.update(at_ada.type("!"))
    await at_ada.until_acked()

    assert await text_in_log(document) == at_ada.text == "Plan\nFirst words.!"


async def test_who_reads_a_document_in_any_form_changes_nothing(sockets, document, ada, api):
    """y-prosemirror #271: the conversion to another form wrote into the document that it read."""
    at_ada = await sockets.at("Ada")
    before = at_ada.doc.get_update()
    frames = len(at_ada.frames)

    nodes = content.read(at_ada.doc)
    for convert in (content.to_html, content.to_markdown, content.plain_text):
        convert(nodes)

    def read_by_rest() -> None:
        for form in ("json", "markdown", "html"):
            assert api(ada).get(f"/api/v1/documents/{document.pk}/content/?format={form}").status_code == 200

    await in_database(read_by_rest)
    assert at_ada.doc.get_update() == before
    assert len(at_ada.frames) == frames
    assert await in_database(document.updates.count) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_put_away_the_same_state_leave_it_once_and_the_log_whole(document):
    """y/hub, "double compaction" of its results: two workers compacted one document at the same time."""
    for number in range(3):
        committer.run(lambda n=number: write_by_program(document, f"words {n}"))
    meet, failures = threading.Barrier(2), []

    def put_away() -> None:
        from django.db import connection

        try:
            made = snapshots.make(document.pk)
            meet.wait(5)
            committer.run(lambda: snapshots.store(document_id=document.pk, made=made))
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=put_away) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert failures == []
    assert DocumentSnapshot.objects.filter(document=document).count() == 1
    assert [seq for seq, _data in log.since(document.pk, 0)] == [1, 2, 3, 4]
    state, head = log.load(document.pk)
    assert (head, content.plain_text(content.read(crdt.open_doc(state))).count("words ")) == (4, 3)


@pytest.mark.django_db
def test_a_log_that_only_grows_is_not_read_from_its_beginning(document, monkeypatch):
    """pycrdt-websocket #60, #116: the store grew with every key, and so did the time until a document was open."""
    for number in range(6):
        write_by_program(document, f"words {number}")
    snapshots.store(document_id=document.pk, made=snapshots.make(document.pk))
    write_by_program(document, "since then")
    asked: list[int] = []
    since = snapshots.DocumentUpdate.objects.since
    monkeypatch.setattr(
        type(snapshots.DocumentUpdate.objects),
        "since",
        lambda _self, document_id, seq: asked.append(seq) or since(document_id, seq),
    )

    _state, head = log.load(document.pk)

    assert (head, set(asked)) == (8, {7})
