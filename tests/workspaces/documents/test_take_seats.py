"""How many may sit at a document, and how much each of them may send: who is over goes, the others go on."""

import asyncio
from uuid import uuid4

from tests.sockets import until
from workspaces.documents import protocol
from workspaces.documents.rooms import hub
from workspaces.sockets import rates
from workspaces.sockets.connection import Connection
from workspaces.sockets.rates import Rate

NOTHING = protocol.sync_message(protocol.UPDATE, protocol.EMPTY_UPDATE)


def members() -> int:
    return sum(len(room.members) for room in hub._rooms.values())


async def enters(client) -> bool:
    """Return whether there was a seat."""
    await client.open()
    client.ask()
    await until(lambda: client.is_synced or client.code)
    assert client.code in (None, 1013)
    return client.is_synced


# --- seats -----------------------------------------------------------------------------------------------------------
def test_a_document_has_a_hundred_seats_and_a_person_twenty_of_them(settings):
    assert (settings.WUKONG_SOCKETS_OF_A_DOCUMENT, settings.WUKONG_SOCKETS_OF_A_PERSON) == (100, 20)


async def test_who_finds_no_seat_comes_back_later_and_the_others_stay(sockets, settings):
    settings.WUKONG_SOCKETS_OF_A_DOCUMENT = 3
    at_ada, at_bob, at_rita = [await sockets.at(name) for name in ("Ada", "Bob", "Rita")]

    assert not await enters(sockets("Ada"))
    assert not await enters(sockets("Ada", protocols=()))

    at_ada.update(at_ada.type(" The show goes on."))
    await at_ada.until_acked()
    await until(lambda: at_bob.text == at_rita.text == at_ada.text)
    await at_rita.close()
    await until(lambda: members() == 2)
    assert await enters(sockets("Ada", protocols=()))


async def test_one_person_does_not_take_all_seats(sockets, settings):
    settings.WUKONG_SOCKETS_OF_A_PERSON = 2
    first, second = await sockets.at("Bob"), await sockets.at("Bob")

    assert not await enters(sockets("Bob"))
    assert not await enters(sockets("Bob", protocols=()))
    assert await enters(sockets("Ada"))

    assert first.code is second.code is None
    await first.close()
    await until(lambda: members() == 2)
    assert await enters(sockets("Bob"))


async def test_of_many_who_come_at_once_only_so_many_sit_down(sockets, settings):
    settings.WUKONG_SOCKETS_OF_A_DOCUMENT = 3

    entered = await asyncio.gather(*(enters(sockets(name)) for name in ("Ada", "Bob", "Ada", "Bob", "Rita", "Ada")))

    assert (sum(entered), members()) == (3, 3)


# --- rates -----------------------------------------------------------------------------------------------------------
async def test_who_floods_is_closed_and_the_room_goes_on(sockets, monkeypatch):
    monkeypatch.setattr(Connection, "messages", Rate(1.0, 50.0))
    at_ada, at_bob, at_rita = [await sockets.at(name, protocols=()) for name in ("Ada", "Bob", "Rita")]

    for _ in range(60):
        at_bob.send(NOTHING)

    assert await at_bob.until_closed() == 4429
    at_ada.update(at_ada.type(" Unmoved."))
    await until(lambda: at_rita.text == at_ada.text)
    assert "Unmoved." in at_rita.text


async def test_who_sends_too_many_bytes_is_closed(sockets, monkeypatch):
    monkeypatch.setattr(Connection, "sizes", Rate(10.0, 2000.0))
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    for _ in range(3):
        at_bob.update(at_bob.type("w" * 900))

    assert await at_bob.until_closed() == 4429
    at_ada.update(at_ada.type("x"))
    await at_ada.until_acked()


async def test_all_sockets_of_a_person_share_an_allowance_and_nobody_elses(sockets, settings):
    """Each of them is far below what one connection may send."""
    settings.WUKONG_RATE_SOCKETS = 50  # 150 at once
    at_ada = await sockets.at("Ada", protocols=())
    of_bob = [await sockets.at("Bob", protocols=()) for _ in range(3)]  # a question for the whole counts as 31

    for _ in range(40):
        for client in of_bob:
            client.send(NOTHING)

    await until(lambda: any(client.code == 4429 for client in of_bob))
    (room,) = hub._rooms.values()
    at_ada.update(at_ada.type("x"))
    await until(lambda: room.head == 2)
    assert at_ada.code is None


async def test_what_was_said_before_the_flood_is_kept(sockets, monkeypatch):
    monkeypatch.setattr(Connection, "messages", Rate(1.0, 40.0))
    at_bob, at_rita = await sockets.at("Bob"), await sockets.at("Rita")

    at_bob.update(at_bob.type(" said in time"))
    for _ in range(60):
        at_bob.send(NOTHING)

    assert await at_bob.until_closed() == 4429
    await until(lambda: "said in time" in at_rita.text)


async def test_questions_for_the_whole_document_are_dear(sockets):
    """A step 1 has a few bytes, its answer may have 16 MB."""
    at_bob = await sockets.at("Bob")

    for _ in range(40):
        at_bob.send(protocol.sync_message(protocol.STEP1, b"\0"))

    assert await at_bob.until_closed() == 4429


def test_an_allowance_is_given_anew_with_the_time_and_forgotten_with_the_last_socket():
    person, rate = uuid4(), (Rate(10, 30), Rate(100, 1000))
    first, second = rates.of_person(person, *rate), rates.of_person(person, *rate)
    assert first is second
    assert rates.of_person(uuid4(), *rate) is not first

    assert [first.take(10, 0, 50.0) for _ in range(4)] == [True, True, True, False]
    assert [first.take(10, 0, 51.0) for _ in range(2)] == [True, False]
    assert [first.take(0, 600, 52.0) for _ in range(2)] == [True, False]

    del first, second
    assert person not in rates._persons
