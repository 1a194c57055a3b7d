"""The stored projection: it goes on from where it stands, is made anew when it has to be, and never goes back."""

import pytest

from tests.workspaces.documents.authorship.logs import texts_of
from tests.workspaces.documents.writers import Person
from workspaces.documents import log, snapshots
from workspaces.documents.authorship import services, shown, state
from workspaces.documents.authorship.book import Book
from workspaces.documents.models import Document, DocumentAuthorship
from workspaces.documents.services import tidy_document
from wukong.kernel.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def typist(document, bob):
    """Bob types in the last block, a letter a row."""
    state_, _head = log.load(document.pk)
    client_id = log.issue_client_id(document_id=document.pk, kind="person", principal=bob.pk)
    person = Person(state_, client_id)
    [block] = [block for block, words in texts_of(services.project(document.pk)) if words == "First words."]
    DocumentAuthorship.objects.all().delete()

    def type_(words: str) -> int:
        for letter in words:
            person.type(block, len(person.text(block)), letter)
        entries = [
            log.LogEntry(data=data, client_id=client_id, principal=bob.pk, kind="person") for data in person.take()
        ]
        return log.append(document_id=document.pk, entries=entries)

    return type_


def applied(monkeypatch) -> list[int]:
    """Return the list into which the seq of each row goes that is taken in."""
    seqs: list[int] = []
    apply = Book.apply

    def noted(self, seq, row):
        seqs.append(seq)
        apply(self, seq, row)

    monkeypatch.setattr(Book, "apply", noted)
    return seqs


def test_it_goes_on_from_where_it_stands(document, typist, bob, monkeypatch):
    typist("Tea")
    first = services.project(document.pk)
    seqs = applied(monkeypatch)
    typist("pot")

    second = services.project(document.pk)

    assert (first.seq, second.seq) == (4, 7)
    assert seqs == [5, 6, 7]
    assert shown.blocks(second)[-1].ranges[-1].text == "Teapot"
    assert shown.blocks(second)[-1].ranges[-1].writer.principal == bob.pk
    row = DocumentAuthorship.objects.get()
    assert (row.seq, row.version) == (7, state.VERSION)
    assert state.dump(state.load(bytes(row.state))) == state.dump(second)


def test_other_rules_begin_anew(document, typist, monkeypatch):
    typist("Tea")
    services.project(document.pk)
    monkeypatch.setattr(state, "VERSION", state.VERSION + 1)
    seqs = applied(monkeypatch)

    services.project(document.pk)

    assert seqs == [1, 2, 3, 4]
    assert DocumentAuthorship.objects.get().version == state.VERSION


@pytest.mark.parametrize("damage", [{"state": b"nonsense"}, {"seq": 99}])
def test_what_cannot_be_right_is_made_anew(document, typist, monkeypatch, damage):
    typist("Tea")
    services.project(document.pk)
    DocumentAuthorship.objects.update(**damage)
    seqs = applied(monkeypatch)

    services.project(document.pk)
    typist("s")
    services.project(document.pk)

    assert seqs[:4] == [1, 2, 3, 4]
    assert DocumentAuthorship.objects.get().seq == 5


def test_a_row_that_cannot_be_read_ends_nothing(document, typist, bob, caplog):
    typist("Tea")
    entry = log.LogEntry(data=b"\1", client_id=5, principal=bob.pk, kind="person")
    log.append(document_id=document.pk, entries=[entry])
    typist("s")

    book = services.project(document.pk)

    assert book.seq == 6
    assert shown.blocks(book)[-1].ranges[-1].text == "Teas"
    assert "cannot be read" in caplog.text


def test_a_reader_waits_so_long_and_no_longer(document, typist, monkeypatch):
    typist("many letters")
    monkeypatch.setattr(services, "_WORTH_STORING", 1)

    far = [services.project(document.pk, seconds=0.0).seq for _ in range(13)]

    assert far == list(range(1, 14))  # a row each time, none twice
    assert services.project(document.pk, seconds=5.0).seq == 13


def test_a_reader_stores_only_what_is_worth_it(document, typist):
    typist("Tea")

    services.project(document.pk, seconds=5.0)
    assert not DocumentAuthorship.objects.exists()

    typist("x" * services._WORTH_STORING)
    services.project(document.pk, seconds=5.0)
    assert DocumentAuthorship.objects.get().seq == 4 + services._WORTH_STORING


def test_who_comes_late_does_not_put_it_back(document, typist):
    typist("Tea")
    late = services.project(document.pk)
    typist("s")
    services.project(document.pk)

    services._store(document.pk, late.seq, state.dump(late))

    assert DocumentAuthorship.objects.get().seq == 5


def test_a_document_that_is_gone_has_no_authors(document, typist):
    typist("Tea")
    book = services.project(document.pk)
    Document.objects.filter(pk=document.pk).delete()

    services._store(document.pk, book.seq, state.dump(book))

    assert not DocumentAuthorship.objects.exists()
    assert services.project(document.pk).seq == services.project(new_id()).seq == 0


def test_tidying_goes_on_with_it_when_a_snapshot_is_due(document, typist, monkeypatch):
    typist("Tea")
    tidy_document(document_id=document.pk)
    assert not DocumentAuthorship.objects.exists()

    monkeypatch.setattr(snapshots, "ROWS", 1)
    monkeypatch.setattr(services, "_WORTH_STORING", 1)
    tidy_document(document_id=document.pk)

    assert DocumentAuthorship.objects.get().seq == 4
