"""Structural edits with the real editor: how many of the characters that moved kept their author.

The seeds were not used while the thresholds of the projection were sought. By default two short drives, with the
profile `ci` six long ones; in some of them people look at each other's changes late.
"""

import os

import pytest

from tests.workspaces.documents.authorship.driver import Score, Watched, drive, share_right
from tests.workspaces.documents.authorship.logs import project, project_in_goes, texts_in, texts_of
from workspaces.documents import crdt
from workspaces.documents.authorship import state

pytestmark = [pytest.mark.node, pytest.mark.slow]
IS_CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
DRIVES = (
    [(101, 700, 0), (102, 700, 1), (103, 700, 0), (104, 700, 2), (105, 700, 1), (106, 700, 0)]
    if IS_CI
    else [(501, 300, 0), (502, 300, 1)]
)
TYPING = ("type", "letters", "cell", "retypeLetters")
KINDS = ("heading", "bullet", "ordered", "task", "quote", "lift", "sink")


@pytest.fixture(scope="module")
def drives(tmp_path_factory):
    return drive(tmp_path_factory.mktemp("drives"), DRIVES)


@pytest.fixture(scope="module")
def watched(drives):
    found = {}
    for name, one in drives.items():
        found[name] = book = Watched()
        for seq, entry in enumerate(one.entries, 1):
            book.enter(seq, entry)
    return found


@pytest.fixture(scope="module")
def score(watched):
    total = Score()
    for book in watched.values():
        total += book.score
    print(f"\n{total.table()}")
    return total


def test_the_driver_did_what_it_was_told(drives):
    for one in drives.values():
        assert len(one.entries) > 100
        assert one.failures == []
    assert any(entry.cut for one in drives.values() for entry in one.entries)


@pytest.mark.parametrize("operation", ["enter", "drag", "list", "quote", "heading"])
def test_words_that_change_their_block_keep_their_author(score, operation):
    names = {"list": ("bullet", "ordered", "task", "lift", "sink")}.get(operation, (operation,))

    assert sum(score.moved[name] for name in names) > 100
    assert score.right(*names) >= 0.995, score.table()


def test_blocks_that_change_their_kind_keep_their_authors(score):
    assert score.right(*KINDS) >= 0.995, score.table()


@pytest.mark.parametrize(("operation", "least"), [("join", 0.97), ("undo", 0.97), ("paste", 0.92)])
def test_words_that_come_back_keep_their_author(score, operation, least):
    assert score.moved[operation] > 100
    assert score.right(operation) >= least, score.table()


def test_what_people_type_is_theirs(score):
    assert sum(score.own[name] for name in TYPING) > 100
    assert score.taken(*TYPING) <= 0.01, score.table()


def test_the_share_of_right_characters_is_printed(watched):
    for name, book in watched.items():
        print(f"\n{name}: {100 * share_right(book):.1f} % of the living characters have the right author")
        assert share_right(book) > 0.85


def test_the_words_are_the_documents_and_the_goes_do_not_matter(drives):
    for (seed, _steps, _lag), one in drives.items():
        rows = [entry.row() for entry in one.entries]
        at_once = project(rows)
        assert state.dump(project_in_goes(rows, set(range(seed % 50, len(rows), 50)))) == state.dump(at_once)
        as_written = project([entry.row(is_folded=False) for entry in one.entries])
        words = texts_of(as_written)
        assert words == texts_in(crdt.open_doc(one.final))
        assert not any("\ufffd" in text for _id, text in words)
