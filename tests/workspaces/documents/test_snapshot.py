"""Snapshots: beside the log, verified, and passed over when they are not sound. The log alone says the same."""

import pytest

from workspaces.documents import content, crdt, log, services, snapshots
from workspaces.documents.models import Document, DocumentSnapshot, DocumentUpdate
from workspaces.documents.peer import Peer
from wukong import tasks

pytestmark = pytest.mark.django_db


def text_of(state: bytes) -> str:
    return content.plain_text(content.read(crdt.open_doc(state)))


@pytest.fixture
def write(document):
    """Return a function that appends a paragraph as an agent does, with as many rows as it has words."""

    def paragraph(words: str) -> None:
        client_id = log.issue_client_id(document_id=document.pk, kind="agent", principal=document.pk)
        peer = Peer(log.load(document.pk)[0], client_id)
        (block,) = peer.insert_after(None, [{"type": "paragraph"}])
        for word in words.split():
            peer.append(block, word + " ")
            entry = log.LogEntry(
                data=peer.take_update(), client_id=client_id, principal=document.pk, kind="agent", call=None
            )
            log.append(document_id=document.pk, entries=[entry])

    return paragraph


def taken(document) -> list[int]:
    return list(DocumentSnapshot.objects.filter(document=document).order_by("seq").values_list("seq", flat=True))


def test_a_snapshot_and_the_rows_since_say_what_the_log_says(document, write):
    write("one two")
    snapshots.store(document_id=document.pk, made=snapshots.make(document.pk))
    write("three")

    state, head = log.load(document.pk)
    DocumentSnapshot.objects.all().delete()

    assert text_of(state) == text_of(log.load(document.pk)[0]) == "Plan\nFirst words.\none two \nthree "
    assert head == 4


def test_it_is_time_for_one_after_many_rows_or_many_bytes(document, write, monkeypatch):
    assert not snapshots.is_due(document.pk)
    monkeypatch.setattr(snapshots, "ROWS", 3)
    write("one two")
    assert snapshots.is_due(document.pk)

    services.tidy_document(document_id=document.pk)
    assert taken(document) == [3]
    assert not snapshots.is_due(document.pk)

    monkeypatch.setattr(snapshots, "BYTES", 50)
    write("w" * 60)
    assert snapshots.is_due(document.pk)


def test_to_see_whether_it_is_time_no_bytes_are_read(document, write, django_assert_num_queries, monkeypatch):
    write("one two")
    with django_assert_num_queries(3) as seen:
        snapshots.is_due(document.pk)

    assert not any('"data" FROM' in one["sql"] or '"state"' in one["sql"] for one in seen.captured_queries)


def test_the_last_two_are_kept_and_no_row_of_the_log_ever_goes(document, write, monkeypatch):
    monkeypatch.setattr(snapshots, "ROWS", 1)
    for word in ("one", "two", "three", "four"):
        write(word)
        services.tidy_document(document_id=document.pk)

    assert taken(document) == [4, 5]
    assert list(DocumentUpdate.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]
    services.tidy_document(document_id=document.pk)
    assert taken(document) == [4, 5]
    assert Document.objects.get(pk=document.pk).words == 7


def damaged(kind: str, stored: bytes) -> bytes:
    place = stored.rindex(b"two")
    return {
        "a letter": stored[:place] + b"twO" + stored[place + 3 :],
        "cut": stored[: len(stored) // 2],
        "empty": b"",
        "of another time": stored[:-8],
    }[kind]


@pytest.mark.parametrize("kind", ["a letter", "cut", "empty", "of another time"])
@pytest.mark.parametrize("how_many", [1, 2])
def test_one_that_is_damaged_is_passed_over(document, write, kind, how_many):
    for words in ("one", "two"):
        write(words)
        snapshots.store(document_id=document.pk, made=snapshots.make(document.pk))
    write("three")
    expected = log.load(document.pk)
    last = DocumentSnapshot.objects.order_by("seq").last()
    last.state = damaged(kind, bytes(last.state))
    last.save()
    if how_many == 2:
        DocumentSnapshot.objects.exclude(pk=last.pk).update(state=b"\x01\x02\x03")

    state, head = log.load(document.pk)

    assert head == expected[1] == 4
    assert text_of(state) == text_of(expected[0])


def test_what_does_not_verify_is_never_stored(document, write, monkeypatch):
    monkeypatch.setattr(snapshots, "ROWS", 1)
    write("one")
    read = content.read
    seen = []

    def read_once(doc):
        seen.append(doc)
        return read(doc)[: len(seen) % 2]  # the second reading misses something

    monkeypatch.setattr(content, "read", read_once)
    with pytest.raises(ValueError, match="does not load to the same state"):
        services.tidy_document(document_id=document.pk)

    assert taken(document) == []


def test_a_document_that_only_programs_write_gets_one_too(document, write, project, ada, monkeypatch):
    monkeypatch.setattr(snapshots, "ROWS", 3)
    services.create_document(project=project, title="Short", actor=ada, markdown="Words.\n")
    write("one two")

    tasks.tidy()
    tasks.tidy()

    assert list(DocumentSnapshot.objects.values_list("document", "seq")) == [(document.pk, 3)]
    assert snapshots.overdue(10) == []


def test_one_that_cannot_be_made_stops_no_other(document, write, monkeypatch):
    monkeypatch.setattr(snapshots, "ROWS", 1)
    write("one")

    def fail(*_args, **_options):
        raise ValueError("not the same state")

    monkeypatch.setattr(snapshots, "make", fail)

    assert services.tidy_overdue() == 0
    assert taken(document) == []


def test_a_document_that_is_gone_is_skipped(document):
    key = document.pk
    document.delete()

    services.tidy_document(document_id=key)
