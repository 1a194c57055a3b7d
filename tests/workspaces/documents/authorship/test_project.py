"""The projection is a function of the log: in one go or in many, now or again; and it counts each character once."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workspaces.documents.authorship.logs import (
    Desk,
    drop,
    firsts_alive,
    paragraph,
    project,
    project_in_goes,
    put,
    random_log,
    texts_of,
)
from workspaces.documents.authorship import graves, shown, state
from workspaces.documents.authorship.book import Book
from workspaces.documents.protocol import Malformed

IS_CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
EXAMPLES, SIZE = (60, 200) if IS_CI else (12, 30)


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 1 << 30), rests=st.sets(st.integers(1, 30)))
def test_it_does_not_matter_in_how_many_goes_a_log_is_read(seed, rests):
    rows = random_log(seed, 30)

    at_once, in_goes = project(rows), project_in_goes(rows, rests)

    assert shown.blocks(at_once) == shown.blocks(in_goes)
    assert state.dump(at_once) == state.dump(in_goes)


@pytest.mark.slow
def test_it_does_not_matter_in_how_many_goes_a_long_log_is_read(monkeypatch):
    monkeypatch.setattr(graves, "REMEMBERED_UNITS", 150)
    for seed in range(SIZE):
        rows = random_log(seed, 150, editors=4)
        rests = set(random.Random(seed).sample(range(150), 20))
        at_once = state.dump(project(rows))
        assert state.dump(project_in_goes(rows, rests)) == at_once, seed
        assert state.dump(project(rows)) == at_once, seed


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 1 << 30))
def test_every_character_has_one_writer_and_its_place(seed):
    book = project(random_log(seed, 30))

    for block in shown.blocks(book):
        at = 0
        for part in block.ranges:
            assert part.text
            assert part.start >= at
            at = part.start + len(part.text)
    everything = "".join(words for _id, words in texts_of(book))
    assert sum(len(part.text) for block in shown.blocks(book) for part in block.ranges) == len(everything)


def test_copies_never_grow_what_an_agent_has_written():
    """However often words are brought again: they are the same first clocks, and a cost is counted by these."""
    words = "one two three four five six seven eight nine ten"
    desk = Desk()
    desk.write(7, lambda root: put(root, paragraph(words)), kind="agent")
    for n in range(1, 6):
        client, count = n % 2 + 1, n

        def again(root, count=count):
            drop(root, *range(len(root.children)))
            put(root, *[paragraph(f"{words} {words}") for _ in range(count)])

        desk.write(client, again)

    mine = [at for at in firsts_alive(desk.book()) if at[0] == 7]
    assert len(mine) >= len(words)
    assert len(set(mine)) == len(words)


def test_two_copies_of_one_deletion_share_their_first_clocks():
    desk = Desk()
    desk.write(7, lambda root: put(root, paragraph("the same words for both of them")), kind="agent")
    desk.doc(2)
    away = desk.docs.pop(2)
    before = away.get_state()

    def move(root):
        drop(root, 0)
        put(root, paragraph("the same words for both of them"))

    desk.write(1, move)
    from workspaces.documents import crdt

    with away.transaction():
        move(crdt.root_of(away))
    desk.put(away.get_update(before), 2)

    mine = firsts_alive(desk.book())
    assert len(mine) == 2 * len(set(mine))
    assert {client for client, _clock in mine} == {7}


@pytest.mark.parametrize("data", [b"", b"\0", b"nonsense", state.dump(Book())[:-1]])
def test_bytes_that_are_no_state_are_refused(data):
    with pytest.raises(Malformed):
        state.load(data)


def test_an_empty_book_is_a_book():
    book = state.load(state.dump(Book()))

    assert (book.seq, shown.blocks(book)) == (0, [])
