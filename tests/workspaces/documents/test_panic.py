"""A panic in Rust is no Exception. It must not leave a room that looks open and is dead."""

import asyncio
import logging

import pytest

from tests.sockets import until
from tests.workspaces.documents.test_answer_in_turn import member_of, the_room
from workspaces.documents.crdt import is_panic
from workspaces.documents.rooms import hub, store
from workspaces.documents.rooms.audience import Lag
from workspaces.documents.rooms.gate import Gate
from workspaces.documents.rooms.replica import Replica
from workspaces.documents.rooms.room import Room
from workspaces.documents.rooms.telling import Telling
from workspaces.documents.rooms.turns import Turns

PanicException = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
"""Like that of pyo3, which each extension makes for itself and none gives away."""


def panic(*_args, **_kwargs):
    raise PanicException("called `Option::unwrap()` on a `None` value")


@pytest.fixture
def complaints(caplog):
    import wukong.asgi  # noqa: F401 - sets logging up once more, without the handler of this fixture

    logging.getLogger().addHandler(caplog.handler)
    caplog.set_level(logging.ERROR, "wukong.rooms")
    return lambda: [one for one in caplog.records if one.name == "wukong.rooms" and "failed" in one.getMessage()]


async def assert_all_come_back(clients, complaints) -> None:
    assert [await client.until_closed() for client in clients] == [1013] * len(clients)
    (complaint,) = complaints()
    assert is_panic(complaint.exc_info[1])
    assert hub._rooms == {}


async def test_while_others_words_are_taken_in(sockets, monkeypatch, complaints):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Replica, "clocks", panic)
        the_room().learn(the_room().head + 1)
        await assert_all_come_back([ada, bob], complaints)

    assert (await sockets.at("Ada")).text == "Plan\nFirst words."


async def test_while_words_are_committed(sockets, monkeypatch, complaints):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Telling, "__init__", panic)
        ada.update(ada.type("x"))
        await assert_all_come_back([ada, bob], complaints)

    again = await sockets.at("Ada")
    again.update(again.type(" y"))
    await again.until_acked()


@pytest.mark.parametrize("vector", ["nothing", "something"])
async def test_while_the_document_is_sent(sockets, monkeypatch, complaints, vector):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Replica, "since", panic)
        the_room()._replica.joining._encode = panic
        the_room()._replica.joining._state = None
        if vector == "nothing":
            bob.doc = type(bob.doc)()
        bob.ask()
        await assert_all_come_back([ada, bob], complaints)


async def test_while_an_update_is_let_in(sockets, monkeypatch, complaints):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Replica, "size", panic)
        ada.update(ada.type("x"))
        await assert_all_come_back([ada, bob], complaints)


async def test_over_the_bytes_of_one_update_only_its_sender_is_closed(sockets, monkeypatch, complaints):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Gate, "without_known", panic)
        ada.update(ada.type("x"))
        assert await ada.until_closed() == 4400

    bob.update(bob.type(" still here"))
    await bob.until_acked()
    assert complaints() == []


async def test_while_a_slow_reader_is_brought_up(sockets, monkeypatch, complaints):
    monkeypatch.setattr("workspaces.documents.rooms.audience._LOOK_S", 0.01)
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Replica, "since", panic)
        member_of(bob).lag = Lag(bob.doc.get_state(), asyncio.get_running_loop().time() + 60)
        the_room()._audience._watch()
        await assert_all_come_back([ada, bob], complaints)


async def test_while_a_document_is_opened(sockets, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "load", panic)
        assert await (await sockets("Ada").open()).until_closed() == 1013

    assert (await sockets.at("Ada")).text == "Plan\nFirst words."


async def test_several_who_wait_for_the_document_are_one_complaint(sockets, monkeypatch, complaints):
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    room = the_room()
    with monkeypatch.context() as patch:
        patch.setattr(Replica, "since", panic)
        room._waiting = [(member_of(client), client.doc.get_state()) for client in (ada, bob)]
        room.learn(room.head + 1)
        await assert_all_come_back([ada, bob], complaints)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
async def test_what_ends_the_process_is_not_kept_from_it(error):
    failed = []

    async def take():
        raise error

    turns = Turns(lambda: 0.0, take, failed.append)
    with pytest.raises(error):
        await turns._run()

    assert (failed, turns.is_running) == ([], False)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
async def test_nor_outside_a_turn(sockets, error):
    ada = await sockets.at("Ada")
    room: Room = the_room()
    with pytest.raises(error), room._watched():
        raise error

    assert not room.is_closed
    await ada.sync()
    await until(lambda: ada.is_synced)
