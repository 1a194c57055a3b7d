"""Rooms come and go: what fails leaves nothing behind, who comes while a room goes gets the whole document."""

import asyncio
import gc
import threading
import time
import weakref

import pytest
from django.db import OperationalError

from tests.sockets import in_database, until, until_in_database
from workspaces.documents import content, crdt, log, services, snapshots
from workspaces.documents.models import Document, DocumentUpdate
from workspaces.documents.rooms import hub, store
from workspaces.documents.rooms.room import Room
from wukong.kernel import bus


def listeners(document) -> int:
    return len(bus._current().topics.get(f"document:{document.pk}", ()))


async def test_a_load_that_fails_leaves_neither_a_room_nor_a_row_nor_a_timer(sockets, document, monkeypatch):
    """hocuspocus #382, #384, #389 (an empty document stored over the good one), #1156 (a timer that stays)."""
    before = await in_database(lambda: (Document.objects.get(pk=document.pk).head_seq, DocumentUpdate.objects.count()))

    def fail(_document_id):
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "load", fail)
        for _ in range(3):
            assert await (await sockets("Ada").open()).until_closed() == 1013

    assert (hub._rooms, hub._opening, hub._keeping, listeners(document)) == ({}, {}, {}, 0)
    after = await in_database(lambda: (Document.objects.get(pk=document.pk).head_seq, DocumentUpdate.objects.count()))
    assert after == before
    assert (await sockets.at("Ada")).text == "Plan\nFirst words."


async def test_while_the_database_is_away_nothing_is_acknowledged_and_afterwards_all_of_it_once(
    sockets, document, monkeypatch
):
    """hocuspocus #954, #955 (the store fails, the document is unloaded), y-sweet #415 (an ack means: on the disk)."""
    at_ada = await sockets.at("Ada")
    words = [at_ada.type(f"word{number} ") for number in range(3)]

    def fail(*_args):
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        for name in ("commit", "load", "issue"):
            patch.setattr(store, name, fail)
        at_ada.update(words[0])
        assert await at_ada.until_closed() == 1013
        assert await (await sockets("Ada").open()).until_closed() == 1013
        assert at_ada.acked == 0

    again = await sockets.at("Ada")
    for data in words + words:
        again.update(data)
    await again.until_acked()
    await again.sync()
    assert [again.text.count(f"word{number} ") for number in range(3)] == [1, 1, 1]
    assert len(await in_database(lambda: log.since(document.pk, 0))) == 4


async def test_who_comes_while_a_room_ends_has_what_was_acknowledged(sockets, monkeypatch):
    """hocuspocus #572 (loaded before the last store), #709, #1014, #1110 (unloaded while somebody comes)."""
    monkeypatch.setattr(hub, "KEEP_S", 0.0)
    monkeypatch.setattr(hub, "LOOK_S", 0.01)
    expected = "Plan\nFirst words."
    for number in range(8):
        try:
            at_ada = await sockets("Ada").open()
            await at_ada.sync()
        except AssertionError:
            assert at_ada.code == 1013  # it came at the moment at which the room ended, and comes back
            continue
        assert at_ada.text == expected
        at_ada.update(at_ada.type(f" {number}"))
        if number % 2:
            await at_ada.until_acked()
            await at_ada.close()
            expected = at_ada.text
        else:  # it leaves with words on their way: they are written all the same
            await until(at_ada.inbox.empty)
            await at_ada.close()
            expected = at_ada.text
            await until(lambda: not hub._rooms)


async def test_people_who_come_and_go_leave_nothing_in_a_room(sockets, document):
    """hocuspocus #204, #205, #206, #345, #1108: presence and connections that pile up."""
    at_ada = await sockets.at("Ada")
    (room,) = hub._rooms.values()
    for _ in range(10):
        at_bob = await sockets.at("Bob")
        at_bob.say({"cursor": 1})
        await until(lambda: len(room.presences.board._shown) == 1)
        await at_bob.close()
    await until(lambda: at_ada.people == [])

    later = time.time() + 60
    room.presences.board._wall = lambda: later
    room.presences.sweep()

    assert room.presences.board._last == {}
    assert len(room.members) == 1
    assert listeners(document) == 1
    assert len(hub._keeping) <= 1


async def test_a_room_that_has_ended_is_forgotten(sockets, monkeypatch):
    """y-websocket #23, #142, #145, #163: documents without people stayed in memory."""
    monkeypatch.setattr(hub, "KEEP_S", 0.2)
    at_ada = await sockets.at("Ada")
    room = weakref.ref(next(iter(hub._rooms.values())))
    await at_ada.close()
    await until(lambda: not hub._rooms)

    await asyncio.sleep(0.05)
    gc.collect()

    assert hub._keeping == {}
    assert room() is None


async def test_a_fault_in_one_room_does_not_stop_the_care_for_all(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(hub, "SELDOM", 1)
    await sockets.at("Ada")
    looks = []
    with monkeypatch.context() as patch:
        patch.setattr(Room, "look", lambda _room: looks.append(1) or 1 / 0)
        await until(lambda: len(looks) > 3)
    with monkeypatch.context() as patch:
        patch.setattr(store, "standings", lambda _ids: 1 / 0)
        await asyncio.sleep(0.1)

    compared = []
    monkeypatch.setattr(Room, "compare", lambda _room, standing: compared.append(standing))
    await until(lambda: compared)


async def test_a_room_that_was_loaded_while_the_process_ends_lets_nobody_in(sockets, monkeypatch):
    load, begun = store.load, asyncio.Event()
    loop = asyncio.get_running_loop()

    def load_slowly(document_id):
        loop.call_soon_threadsafe(begun.set)
        loaded = load(document_id)
        threading.Event().wait(0.1)
        return loaded

    monkeypatch.setattr(store, "load", load_slowly)
    at_ada = await sockets("Ada").open()
    await begun.wait()
    await hub.close_all()

    assert await at_ada.until_closed() in (1001, 1013)
    assert hub._rooms == {}


async def test_a_new_document_has_its_content_once_whoever_opens_it_first(sockets, project, ada):
    """hocuspocus #84, #344, #509: seeded by each client, or again after a restart."""
    made = await in_database(
        lambda: services.create_document(project=project, title="New", actor=ada, markdown="Once.\n")
    )
    path = f"/ws/documents/{made.pk}"

    clients = [await sockets(name, path=path).open() for name in ("Ada", "Bob", "Rita")]
    await asyncio.gather(*(client.sync() for client in clients))
    await hub.close_all()
    hub.reopen()
    again = await sockets("Ada", path=path).open()
    await again.sync()

    assert {client.text for client in [*clients, again]} == {"Once."}


@pytest.mark.slow
async def test_a_room_is_kept_for_a_reload_and_then_closed(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "KEEP_S", 0.5)
    at_ada = await sockets.at("Ada")
    at_ada.update(at_ada.type(" More of them."))
    await at_ada.until_acked()
    await at_ada.close()
    assert document.pk in hub._rooms

    await until(lambda: document.pk not in hub._rooms)

    # The count that lists show comes with the end of the room.
    await until_in_database(lambda: Document.objects.filter(pk=document.pk, words=6).exists())


async def test_a_snapshot_is_taken_when_enough_has_come_together(sockets, document, monkeypatch):
    monkeypatch.setattr(snapshots, "ROWS", 5)
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(hub, "SELDOM", 1)
    monkeypatch.setattr("workspaces.documents.rooms.tidying.QUIET_S", 0.05)
    at_ada = await sockets.at("Ada")
    for number in range(6):
        at_ada.update(at_ada.type(str(number)))
        await at_ada.until_acked()

    await until_in_database(document.snapshots.exists)
    state, head = await in_database(lambda: log.load(document.pk))
    assert head == 7
    assert content.plain_text(content.read(crdt.open_doc(state))) == at_ada.text
