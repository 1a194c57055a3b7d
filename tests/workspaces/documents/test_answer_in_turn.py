"""A refusal overtakes no acknowledgement: whoever hears of one takes back all that is not acknowledged yet."""

import threading

import pytest
from pycrdt import merge_updates

from tests.sockets import in_database, until
from tests.workspaces.documents.test_fill_up import add_blocks
from tests.workspaces.documents.test_room import replayed
from workspaces.documents import limits
from workspaces.documents.rooms import gate, hub, store
from workspaces.documents.rooms.answers import Ack, Notice, add
from workspaces.people.models import Role
from workspaces.sockets.codes import Close


class SlowDisk:
    """Commits that wait until `go`."""

    def __init__(self, monkeypatch) -> None:
        self.may_commit, self.has_begun, commit = threading.Event(), threading.Event(), store.commit

        def wait(*args):
            self.has_begun.set()
            self.may_commit.wait(5)
            return commit(*args)

        monkeypatch.setattr(store, "commit", wait)

    async def begun(self) -> None:
        await until(self.has_begun.is_set)

    def go(self) -> None:
        self.may_commit.set()


@pytest.fixture
def slow_disk(monkeypatch):
    disk = SlowDisk(monkeypatch)
    yield disk
    disk.go()


def the_room():
    (room,) = hub._rooms.values()
    return room


def member_of(client):
    return next(one for one in the_room().members if one.client_id == client.client_id)


async def until_taken(client, count: int) -> None:
    """Wait until the room has taken so many update messages of a client, and answered what it answers at once."""
    member = member_of(client)
    await until(lambda: member.received == count and client.inbox.empty())


def answers_to(client) -> list[tuple[str, object]]:
    """Return what a client has heard of its messages, and of its role."""
    names = {"ack": "n", "rejected": "n", "role": "role"}
    return [(one["type"], one[names[one["type"]]]) for one in client.controls if one["type"] in names]


def demote(client) -> None:
    the_room().regrant(member_of(client), store.Grant(the_room().document_id, Role.VIEWER))


async def test_a_role_that_is_taken_while_words_are_on_their_way_refuses_none_of_them(sockets, document, slow_disk):
    ada = await sockets.at("Ada")
    ada.update(ada.type(" in time"))
    await slow_disk.begun()

    demote(ada)
    ada.update(ada.type(" too late"))
    await until_taken(ada, 2)
    assert answers_to(ada) == []
    slow_disk.go()
    await until(lambda: ada.rejected)

    assert answers_to(ada) == [("ack", 1), ("role", "viewer"), ("rejected", 2)]
    assert await replayed(document) == "Plan\nFirst words. in time"


@pytest.mark.parametrize("waits", ["on the disk", "for the disk"])
async def test_what_is_refused_between_two_messages_is_told_between_their_acknowledgements(
    sockets, document, monkeypatch, slow_disk, waits
):
    monkeypatch.setattr(limits, "BLOCKS", 12)
    monkeypatch.setattr(gate, "_SHARE", 0)
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    if waits == "for the disk":  # all three are in one batch
        bob.update(bob.type("by Bob ", at=0))
        await slow_disk.begun()

    ada.update(ada.type(" one"))
    if waits == "on the disk":
        await slow_disk.begun()
    ada.update(ada.edit(add_blocks(20)))
    ada.update(b"\0\0")
    await until_taken(ada, 3)
    assert answers_to(ada) == []
    slow_disk.go()
    await until(lambda: ada.acked == 3)

    assert answers_to(ada) == [("ack", 1), ("rejected", 2), ("ack", 3)]
    assert [one["code"] for one in ada.rejected] == ["full"]
    assert (await replayed(document)).endswith("First words. one")


async def test_after_a_gap_it_is_asked_in_its_turn_for_what_is_missing(sockets, document, slow_disk):
    ada = await sockets.at("Ada")
    ada.update(ada.type(" one"))
    await slow_disk.begun()
    two, _never_sent, four = (ada.type(words) for words in (" two", " three", " four"))
    asked = len(ada.step1)

    ada.update(merge_updates(two, four))
    await until_taken(ada, 2)
    assert (answers_to(ada), len(ada.step1)) == ([], asked)
    slow_disk.go()
    await until(lambda: len(ada.step1) > asked)

    assert answers_to(ada) == [("ack", 1), ("rejected", 2)]
    ada.update(ada.doc.get_update(ada.step1[-1]))
    await ada.until_acked()
    assert await replayed(document) == ada.text


async def test_a_stock_client_is_closed_over_a_full_document_after_what_it_has_sent_before(sockets, monkeypatch):
    monkeypatch.setattr(limits, "BLOCKS", 3)
    ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    stock.update(stock.type(" Bound."))
    await until(lambda: "Bound" in ada.text)
    disk = SlowDisk(monkeypatch)
    ada.update(ada.type(" by Ada"))
    await disk.begun()

    stock.update(stock.type(" by Bob"))
    stock.update(stock.edit(add_blocks(2)))
    await until(lambda: any(one.received == 3 for one in the_room().members) and stock.inbox.empty())
    assert stock.code is None
    disk.go()

    assert await stock.until_closed() == 4413
    await until(lambda: "by Bob" in ada.text)
    assert ada.code is None


async def test_the_end_of_the_process_refuses_nothing_that_it_saves(sockets, document, slow_disk):
    """What comes while it ends is neither taken nor refused: it is sent again."""
    ada = await sockets.at("Ada")
    ada.update(ada.type(" last words"))
    await slow_disk.begun()

    demote(ada)
    the_room().is_draining = True
    ada.update(ada.type(" too late"))
    await until_taken(ada, 2)
    slow_disk.go()
    await hub.close_all()

    assert answers_to(ada) == [("ack", 1), ("role", "viewer")]
    assert ada.code == 1001
    assert (await replayed(document)).endswith("last words")


async def test_a_room_that_is_closed_refuses_nothing(sockets, slow_disk):
    ada = await sockets.at("Ada")
    ada.update(ada.type(" one"))
    await slow_disk.begun()
    demote(ada)
    ada.update(ada.type(" two"))
    await until_taken(ada, 2)

    the_room().close(Close.COME_BACK_LATER)
    slow_disk.go()

    assert await ada.until_closed() == 1013
    assert answers_to(ada) == []


async def test_who_has_left_is_told_nothing_and_their_words_are_saved(sockets, document, slow_disk):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    ada.update(ada.type(" one"))
    await slow_disk.begun()
    demote(ada)
    ada.update(ada.type(" two"))
    await until_taken(ada, 2)
    frames = len(ada.frames)

    await ada.close()
    slow_disk.go()
    await until(lambda: bob.text.endswith(" one"))

    assert len(ada.frames) == frames
    assert await in_database(document.updates.count) == 2


async def test_a_refusal_alone_is_told_at_once_and_costs_no_commit(sockets, document, slow_disk):
    rita = await sockets.at("Rita")
    rita.update(rita.type("graffiti"))
    await until(lambda: rita.rejected)

    assert answers_to(rita) == [("rejected", 1)]
    assert not slow_disk.has_begun.is_set()


async def test_refusals_of_others_do_not_tell_an_author_their_own_words(sockets, slow_disk):
    ada, bob, rita = await sockets.at("Ada"), await sockets.at("Bob"), await sockets.at("Rita")
    bob.update(bob.type("by Bob ", at=0))
    await slow_disk.begun()

    before = len(ada.frames)
    ada.update(ada.type(" by Ada"))
    rita.update(rita.type("graffiti"))
    await until_taken(ada, 1)
    await until_taken(rita, 1)
    slow_disk.go()
    await ada.until_acked()
    await until(lambda: rita.rejected)

    assert len(ada.frames) == before + 2  # Bob's words, and the acknowledgement


@pytest.mark.slow
async def test_a_slow_reader_hears_its_answers_in_their_order(sockets, monkeypatch):
    monkeypatch.setattr("workspaces.documents.rooms.member.HIGH_WATER", 2000)
    monkeypatch.setattr("workspaces.documents.rooms.member.LOW_WATER", 100)
    monkeypatch.setattr("workspaces.documents.rooms.audience._LOOK_S", 0.02)
    ada, slow = await sockets.at("Ada"), await sockets.at("Bob")
    slow.may_read.clear()
    for _ in range(40):
        ada.update(ada.type("w" * 200))
        await ada.until_acked()
    member = member_of(slow)
    assert member.lag is not None

    slow.update(slow.type("even so "))
    slow.update(slow.type("and so "))
    await until(lambda: Ack(2, 43) in member.lag.due)
    demote(slow)
    slow.update(slow.type("no more "))
    await until_taken(slow, 3)
    slow.may_read.set()
    await until(lambda: slow.rejected)

    assert answers_to(slow) == [("ack", 2), ("role", "viewer"), ("rejected", 3)]


def test_one_acknowledgement_counts_those_before_it_but_skips_nothing_said_between():
    refusal = Notice({"type": "rejected", "n": 3})
    answers = []

    add(answers, [Ack(1, 5), Ack(2, 6)])
    add(answers, [refusal, refusal])
    add(answers, [Ack(5, 7)])
    add(answers, [Ack(6, 8)])

    assert answers == [Ack(2, 6), refusal, refusal, Ack(6, 8)]
