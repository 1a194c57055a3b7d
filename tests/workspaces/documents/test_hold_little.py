"""A process holds a document as seldom as it can, and a long one is read once."""

import random
import re

import pytest

from workspaces.documents import archive, crdt, log, order, snapshots
from workspaces.documents.models import DocumentSnapshot
from workspaces.documents.order import Order
from workspaces.documents.peer import Peer
from workspaces.documents.rooms import joining
from workspaces.documents.rooms.joining import Joining
from workspaces.documents.rooms.replica import Replica


def written(writers: int, words: list[str], seed: int = 1) -> list[bytes]:
    """Return updates of some who write at places of anybody's, and take away."""
    draw = random.Random(seed)
    first = Peer(b"", 1)
    blocks = [first.insert_after(None, [{"type": "paragraph"}])[0] for _ in range(3)]
    updates = [first.take_update() or b""]
    for client in draw.sample(range(2, 1 << 31), writers):
        doc = crdt.open_doc()
        crdt.apply(doc, updates)
        peer = Peer(bytes(doc.get_update()), client)
        for word in words:
            peer.append(draw.choice(blocks), word)
        updates.append(peer.take_update() or b"")
    doc = crdt.open_doc()
    crdt.apply(doc, updates)
    sent: list[bytes] = []
    subscription = doc.observe(lambda event: sent.append(event.update))
    for element in crdt.elements_in(crdt.root_of(doc)):
        for text in crdt.texts_in(element):
            with doc.transaction():
                del text[0:1]
    doc.unobserve(subscription)
    return updates + sent


@pytest.mark.parametrize(
    "words",
    [
        ["a", "b ", "long words that go on"],
        ["", "w" * 127, "w" * 128, "w" * 300],
        ["字", "a😀b", "é", "x" * 126 + "é", "y"],
    ],
)
def test_what_is_read_in_one_go_is_what_is_read_piece_by_piece(words, monkeypatch):
    doc = crdt.open_doc()
    crdt.apply(doc, written(5, words))
    state = bytes(doc.get_update())
    quick = archive.Archive(state)
    monkeypatch.setattr(archive, "_LETTERS", re.compile(rb"(?!)"))
    slow = archive.Archive(state)

    assert vars(quick) == vars(slow)
    ids = [(client, clock) for client, end in quick._ends.items() for clock in range(end)]
    assert [quick.origins(at) for at in ids] == [slow.origins(at) for at in ids]
    assert quick.halves or "😀" not in "".join(words)


@pytest.mark.parametrize("much", [joining._MOST_UPDATES + 1, joining._MOST_BYTES + 1])
def test_a_state_that_is_too_old_for_those_who_come_is_let_go(much):
    join = Joining(lambda: b"state")
    join.parcels()
    for delta in [b"x"] * much if much < 100 else [b"x" * much]:
        join.changed(delta)

    assert (join._state, join._since) == (None, [])
    assert len(join.parcels()) == 1


def test_the_copy_to_try_updates_on_is_let_go_when_much_has_come_since():
    doc = crdt.open_doc()
    peer = Peer(b"", 5)
    (block,) = peer.insert_after(None, [{"type": "paragraph"}])
    peer.append(block, "ab")
    crdt.apply(doc, [peer.take_update()])
    ask = Order(doc)
    assert ask.check(b"\0\0", [])
    ask.changed(b"\0\0")
    assert ask._copy is not None

    ask._may_copy_at = 0.0
    ask.changed(b"x" * (order._MOST_BEHIND + 1))

    assert (ask._copy, ask._behind, ask._size) == (None, [], 0)
    assert ask.check(b"\0\0", [])


def test_questions_and_changes_without_end_do_not_force_a_new_copy_each_time():
    doc = crdt.open_doc()
    peer = Peer(b"", 5)
    (block,) = peer.insert_after(None, [{"type": "paragraph"}])
    peer.append(block, "abcd")
    crdt.apply(doc, [peer.take_update()])
    end = Replica(doc).clocks()[5]
    letters = tuple((5, clock) for clock in range(end - 4, end))
    ask = Order(doc)
    assert ask.check(b"\0\0", [])
    copy, ask._may_copy_at = ask._copy, float("inf")

    for _ in range(order._MOST_PROBES):
        assert ask.check(b"\0\0", [order.Question(letters, True)])
    for _ in range(order._MOST_PROBES + 1):
        ask.changed(b"\0\0")

    assert ask._copy is copy
    assert (ask._behind, ask._size) == ([], 0)
    ask._may_copy_at = 0.0
    assert ask.check(b"\0\0", [order.Question(letters, True)])
    assert ask._copy is not copy
    assert ask._may_copy_at > 0.0
    with pytest.raises(crdt.Broken):
        ask.check(b"\0\0", [order.Question(letters[::-1], True)])


@pytest.mark.django_db
def test_a_document_of_many_writers_verifies_and_is_the_same_from_its_snapshot(document):
    """The bytes of a state vector name the writers in any order."""
    rows = [log.LogEntry(data=data, client_id=1, principal=document.pk, kind="agent") for data in written(40, ["ab"])]
    log.append(document_id=document.pk, entries=rows)
    doc, head = log.replica(document.pk)

    made = snapshots.make(document.pk)
    snapshots.store(document_id=document.pk, made=made)

    assert made.seq == head == len(rows) + 1
    again, at = log.replica(document.pk)
    assert at == head
    assert crdt.read(crdt.root_of(again)) == crdt.read(crdt.root_of(doc))
    assert Replica(again).clocks() == Replica(doc).clocks()


@pytest.mark.django_db
def test_a_snapshot_that_does_not_open_is_passed_over_by_a_room_too(document):
    expected, head = log.replica(document.pk)
    sealed = snapshots.sealed(b"\x01\x02\x03")
    DocumentSnapshot.objects.create(document=document, seq=head, state=sealed)

    found, at = log.replica(document.pk)

    assert at == head
    assert crdt.read(crdt.root_of(found)) == crdt.read(crdt.root_of(expected))
