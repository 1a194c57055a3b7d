"""One broken update among many that wait: it is searched for by halves, and all others are saved in their order."""

import asyncio

import pytest
from pycrdt import XmlElement, XmlText

from tests.sockets import in_database, until
from tests.workspaces.documents.test_answer_in_turn import SlowDisk, answers_to, the_room, until_taken
from tests.workspaces.documents.test_only_read import deletion
from tests.workspaces.documents.test_room import _text_at_the_top, replayed
from workspaces.documents import crdt, log
from workspaces.documents.rooms import store
from workspaces.documents.rooms.batch import Entry
from workspaces.documents.rooms.pending import Pending

COUNT = 16


@pytest.fixture
def counted(monkeypatch):
    """Count the rows of each commit, and the loads."""
    counts = {"commits": [], "loads": 0}
    commit, load = store.commit, store.load

    def note_commit(*args):
        counts["commits"].append(len(args[-1]))
        return commit(*args)

    def note_load(document_id):
        counts["loads"] += 1
        return load(document_id)

    monkeypatch.setattr(store, "commit", note_commit)
    monkeypatch.setattr(store, "load", note_load)
    return counts


@pytest.mark.parametrize("place", [0, *(pytest.param(place, marks=pytest.mark.slow) for place in (7, 8, 15))])
async def test_one_broken_of_sixteen_costs_a_few_commits_and_closes_nobody_else(
    sockets, document, monkeypatch, counted, place
):
    clients = [await sockets.at(("Ada", "Bob")[number % 2]) for number in range(COUNT)]
    first = await sockets.at("Ada")
    disk = SlowDisk(monkeypatch)
    first.update(first.type(" first"))
    await disk.begun()
    for number, client in enumerate(clients):
        client.update(_text_at_the_top(client) if number == place else client.add_block(f"block {number}"))
        await until_taken(client, 1)
    counted["commits"].clear()
    counted["loads"] = 0
    assert len(list(the_room()._pending)) == COUNT

    disk.go()
    assert await clients[place].until_closed() == 4400
    others = [client for number, client in enumerate(clients) if number != place]
    await asyncio.gather(*(client.until_acked() for client in others))

    assert counted["commits"][0] == 1  # that of the first words
    assert sum(counted["commits"][1:]) == COUNT - 1
    assert len(counted["commits"][1:]) <= 4
    assert counted["loads"] <= 5
    text = await replayed(document)
    assert [text.count(f"block {number}\n") + text.endswith(f"block {number}") for number in range(COUNT)] == [
        int(number != place) for number in range(COUNT)
    ]
    assert await in_database(document.updates.count) == COUNT + 1
    await until(lambda: {client.text for client in others} == {text})


async def test_the_words_of_one_before_and_after_the_broken_one_of_another_are_saved_in_order(
    sockets, document, monkeypatch, counted
):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    disk = SlowDisk(monkeypatch)
    ada.update(ada.type(" 0"))
    await disk.begun()
    bad = _text_at_the_top(bob)
    for number in range(1, 5):
        ada.update(ada.type(f" {number}"))
    await until_taken(ada, 5)
    bob.update(bad)
    await until_taken(bob, 1)
    for number in range(5, 9):
        ada.update(ada.type(f" {number}"))
    await until_taken(ada, 9)

    disk.go()
    assert await bob.until_closed() == 4400
    await ada.until_acked()

    assert await replayed(document) == ada.text == "Plan\nFirst words. 0 1 2 3 4 5 6 7 8"
    acks = [n for kind, n in answers_to(ada) if kind == "ack"]
    assert acks == sorted(set(acks))
    rows = await in_database(lambda: log.since(document.pk, 0))
    assert len(rows) == 1 + 9


async def test_what_the_sender_of_the_broken_one_has_sent_after_it_is_dropped(sockets, document, monkeypatch):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    disk = SlowDisk(monkeypatch)
    ada.update(ada.type(" by Ada"))
    await disk.begun()

    bob.update(_text_at_the_top(bob))
    bob.update(deletion(bob))  # leans on nothing of his own
    await until_taken(bob, 2)
    ada.update(ada.type(" again"))
    await until_taken(ada, 2)
    disk.go()

    assert await bob.until_closed() == 4400
    await ada.until_acked()
    assert await replayed(document) == ada.text == "Plan\nFirst words. by Ada again"


async def test_what_turns_out_to_be_too_much_is_refused_after_what_was_sent_before(sockets, document, monkeypatch):
    """The bytes do not tell how wide a table is: that is seen when it is applied."""

    def table(doc) -> None:
        cells = [XmlElement("tableCell", {}, [XmlElement("paragraph", {}, [XmlText("x")])]) for _ in range(201)]
        crdt.root_of(doc).children.append(XmlElement("table", {}, [XmlElement("tableRow", {}, cells)]))

    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    disk = SlowDisk(monkeypatch)
    bob.update(bob.type("by Bob ", at=0))
    await disk.begun()
    ada.update(ada.type(" one"))
    ada.update(b"\0\0")
    ada.update(ada.edit(table))
    await until_taken(ada, 3)
    disk.go()
    await until(lambda: ada.rejected or ada.code)

    assert answers_to(ada) == [("ack", 1), ("ack", 2), ("rejected", 3)]
    assert [one["code"] for one in ada.rejected] == ["full"]
    assert bob.code is None
    assert await replayed(document) == "Plan\nby Bob First words. one"


def test_halves_keep_the_order_and_come_before_what_came_later():
    pending, entries = Pending(), [Entry(None, n) for n in range(7)]
    for entry in entries[:5]:
        pending.add(entry)
    batch = pending.take()
    for entry in entries[5:]:
        pending.add(entry)

    pending.put_back(batch)
    assert [entry.n for entry in pending] == [0, 1, 2, 3, 4, 5, 6]
    assert pending.is_searched
    pending.put_back(pending.take())
    assert [[entry.n for entry in pending.take()] for _ in range(4)] == [[0], [1], [2, 3, 4], [5, 6]]
    assert not pending


def test_whoever_is_sifted_out_leaves_no_empty_half():
    pending, entries = Pending(), [Entry(None, n) for n in range(4)]
    pending.put_back(entries[:2])
    pending.add(entries[2])
    pending.add(entries[3])
    seen = []

    def may_stay(entry) -> bool:
        seen.append([one.n for one in pending])
        return entry.n != 0

    pending.sift(may_stay)

    assert seen == [[], [], [1], [1, 2]]
    assert [[entry.n for entry in pending.take()] for _ in range(2)] == [[1], [2, 3]]
    assert not pending
