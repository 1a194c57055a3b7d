"""The pieces of a log come to lie as in Yjs: whatever is written, the living text is the document's."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workspaces.documents import updates
from tests.workspaces.documents.authorship.logs import Desk, drop, paragraph, put, random_log, texts_in, texts_of
from workspaces.documents import crdt
from workspaces.documents.authorship import tree as trees
from workspaces.documents.authorship.book import Book
from workspaces.documents.authorship.reading import characters, read, units
from workspaces.documents.protocol import Malformed, var_uint

IS_CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
EXAMPLES, SIZE = (60, 300) if IS_CI else (12, 40)


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 1 << 30))
def test_the_living_text_is_the_documents(seed):
    book, doc = Book(), crdt.open_doc()

    for seq, row in enumerate(random_log(seed, 25), 1):
        book.apply(seq, row)
        doc.apply_update(row.data)
        assert texts_of(book) == texts_in(doc)


@pytest.mark.slow
def test_the_living_text_is_the_documents_in_long_logs():
    for seed in range(SIZE):
        rows = random_log(seed, 120, editors=4)
        book, doc = Book(), crdt.open_doc()
        for seq, row in enumerate(rows, 1):
            book.apply(seq, row)
            doc.apply_update(row.data)
        assert texts_of(book) == texts_in(doc), seed


def test_what_is_sent_again_or_overlaps_counts_once():
    desk = Desk()
    desk.write(1, lambda root: root.children.append(paragraph("one")))
    doc = desk.doc(1)
    text = crdt.last_text(crdt.root_of(doc).children[0])
    text += " 茶😀 two"
    whole = doc.get_update()
    book = desk.book()

    book.apply(2, desk.put(whole, 1))
    book.apply(3, desk.put(whole, 1))

    assert [words for _id, words in texts_of(book)] == ["one 茶😀 two"]
    assert book.tree.strands[1].end == read(whole)[0][1][-1].clock + read(whole)[0][1][-1].length


def test_pieces_of_several_clients_lean_on_each_other_in_one_update():
    """A browser that was away sends its words of two connections at once."""
    first, second = crdt.open_doc(client_id=1), crdt.open_doc(client_id=9)
    for round_ in range(4):
        for doc, other in ((first, second), (second, first)):
            with doc.transaction():
                crdt.root_of(doc).children.insert(0, paragraph(f"{round_} of {doc.client_id}"))
            other.apply_update(doc.get_update())
    book, desk = Book(), Desk()

    book.apply(1, desk.put(second.get_update(), 9))

    assert texts_of(book) == texts_in(second)
    assert len(texts_of(book)) == 8


@pytest.mark.parametrize(
    "data",
    [
        updates.update(updates.words(updates.child_of(9, 5))),
        updates.update(updates.words(updates.child_of(8, 0))),
        updates.update(updates.element(), clock=3),
        updates.update(b"\x01" + updates.TOP + var_uint(0)),
        updates.update(updates.element(updates.U(1) + updates.S("other"))),
        b"\1",
    ],
)
def test_what_no_gate_lets_through_is_refused_and_changes_nothing_before_it(data):
    book, desk = Book(), Desk()
    book.apply(1, desk.write(1, lambda root: root.children.append(paragraph("kept"))))

    with pytest.raises(Malformed):
        book.apply(2, desk.put(data, 9))

    assert [words for _id, words in texts_of(book)] == ["kept"]
    assert book.seq == 2


def test_half_a_pair_that_is_deleted_becomes_what_yjs_makes_of_it():
    data = updates.update(*updates.PARAGRAPH, updates.words(updates.IN_TEXT, "a😀b"))
    deletion = b"\0" + var_uint(1) + var_uint(9) + var_uint(1) + var_uint(4) + var_uint(1)
    book, desk = Book(), Desk()

    book.apply(1, desk.put(data, 9))
    book.apply(2, desk.put(deletion, 9))

    assert [words for _id, words in texts_of(book)] == ["a\ufffdb"]


def test_a_type_takes_what_it_holds_with_it_and_what_comes_later():
    """A browser that did not know of the deletion goes on in the dead block: nothing of it is alive."""
    desk = Desk()
    desk.write(1, lambda root: put(root, paragraph("one"), paragraph("two")))
    desk.doc(2)
    away = desk.docs.pop(2)
    desk.write(1, lambda root: drop(root, 0))
    before = away.get_state()
    crdt.last_text(crdt.root_of(away).children[0]).insert(1, "late")
    desk.put(away.get_update(before), 2)

    book = desk.book()

    assert [words for _id, words in texts_of(book)] == ["two"]


@pytest.mark.parametrize(("most", "is_bounded"), [(1_000_000, False), (500, True)])
def test_the_walk_among_conflicts_is_bounded(monkeypatch, most, is_bounded):
    """Pieces that all claim the same place cost Yjs a comparison each with each; a log of them has to end."""
    monkeypatch.setattr(trees, "CONFLICT_STEPS", most)
    client, count = 9, 200
    block = var_uint(3) + updates.S("paragraph")
    row = [b"\x87" + _id(1, 0) + block, *(b"\x87" + _id(client, n) + block for n in range(count))]
    # All stand behind the same piece, each in front of another one of the row.
    others = [b"\xc7" + _id(1, 0) + _id(client, n) + block for n in range(count)]
    book, desk = Book(), Desk()
    book.apply(1, desk.put(updates.update(updates.element(), client=1), 1))

    book.apply(2, desk.put(updates.update(*row, *others, client=client), client))

    assert (book.tree._steps < count * count / 2) is is_bounded
    assert book.tree._steps < most + 2 * count
    assert len(texts_of(book)) == 2 * count + 2


def _id(client: int, clock: int) -> bytes:
    return var_uint(client) + var_uint(clock)


@given(text=st.text("a茶😀é\u0301"))
def test_units_are_characters_again(text):
    assert characters(units(text)) == text
    assert len(units(text)) == len(text.encode("utf-16-le")) // 2
