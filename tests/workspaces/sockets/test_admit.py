"""Before somebody is let in: nothing that they send piles up, and it does not take for ever."""

import asyncio
import functools
import threading

import pytest

from tests.sockets import Refused, in_database, until
from workspaces.documents import protocol
from workspaces.documents.rooms import hub
from workspaces.sockets import auth, connection, inlet
from workspaces.sockets.inlet import EARLY_BYTES, EARLY_FRAMES, Inlet

NOTHING = protocol.sync_message(protocol.UPDATE, protocol.EMPTY_UPDATE)


@pytest.fixture
def gatekeeper(monkeypatch):
    """Let nobody in until the event is set."""
    may_enter, authenticate = threading.Event(), auth.authenticate

    def slowly(scope):
        may_enter.wait(5)
        return authenticate(scope)

    monkeypatch.setattr(auth, "authenticate", slowly)
    yield may_enter
    may_enter.set()


@pytest.fixture
def inlets(monkeypatch):
    """Return the inlets that connections have made."""
    made: list[Inlet] = []

    class Noted(Inlet):
        def __init__(self, *args) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(connection, "Inlet", Noted)
    return made


async def knock(client) -> "asyncio.Task[object]":
    """Begin to open a socket; returns what waits for the answer."""
    opening = asyncio.ensure_future(client.open())
    await asyncio.sleep(0)
    return opening


async def status_of(opening: "asyncio.Task[object]") -> int:
    with pytest.raises(Refused) as caught:
        await opening
    return caught.value.status


async def test_a_flood_before_the_admission_is_thrown_away_and_refused(sockets, document, gatekeeper, inlets):
    """GHSA-xwhh-v746-pj9m (hocuspocus): what came before the authentication was kept without a limit."""
    for count, size in ((2000, 2), (200, 4096), (1, EARLY_BYTES + 1)):
        gatekeeper.clear()
        client = sockets("Ada")
        opening = await knock(client)
        for _ in range(count):
            client.send(b"\0" * size)
        await until(client.inbox.empty)

        assert sum(len(message["bytes"]) for message in inlets[-1]._early) <= EARLY_BYTES
        assert len(inlets[-1]._early) <= EARLY_FRAMES
        assert hub._rooms == {}
        gatekeeper.set()
        assert await status_of(opening) == 429

    assert len(inlets) == 3
    assert hub._rooms == {}
    assert await in_database(document.updates.count) == 1


async def test_who_says_hello_without_waiting_is_heard(sockets, gatekeeper):
    """A provider sends step 1 as soon as its socket is open, which may be before we know who it is."""
    client = sockets("Ada")
    opening = await knock(client)
    client.ask()
    for _ in range(EARLY_FRAMES - 1):
        client.send(NOTHING)
    await until(client.inbox.empty)

    gatekeeper.set()
    await opening
    await until(lambda: client.is_synced)
    await until(lambda: client.acked == EARLY_FRAMES - 1)


async def test_a_flood_while_the_document_is_opened_closes_its_sender(sockets, monkeypatch):
    from workspaces.documents.rooms import store

    may_load, load = threading.Event(), store.load

    def load_slowly(document_id):
        may_load.wait(5)
        return load(document_id)

    monkeypatch.setattr(store, "load", load_slowly)
    client, other = await sockets("Ada").open(), await sockets("Bob").open()
    for _ in range(500):
        client.send(NOTHING)
    await until(client.inbox.empty)
    may_load.set()

    assert await client.until_closed() == 4429
    await other.sync()


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "talking"])
async def test_an_admission_that_takes_too_long_is_refused_whatever_is_sent_meanwhile(
    sockets, gatekeeper, monkeypatch, talks
):
    assert connection.ADMISSION_LASTS_S == 5.0
    monkeypatch.setattr(connection, "ADMISSION_LASTS_S", 0.1)
    client, loop = sockets("Ada"), asyncio.get_running_loop()
    opening, began = await knock(client), loop.time()
    while talks and not opening.done() and loop.time() < began + 2:
        client.send(NOTHING)
        await asyncio.sleep(0.02)

    assert await status_of(opening) == 503
    assert loop.time() < began + 1
    assert hub._rooms == {}


async def test_who_leaves_before_the_admission_leaves_nothing_behind(sockets, gatekeeper, document):
    from wukong.kernel import bus

    client = sockets("Ada")
    opening = await knock(client)
    client.inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await until(client.inbox.empty)

    gatekeeper.set()
    await opening
    await asyncio.wait_for(client.task, 5)

    assert not any(room.members for room in hub._rooms.values())
    assert not connection._open
    assert all(not topic.startswith("person:") for topic in bus._current().topics)


async def test_what_follows_a_refusal_is_not_taken(sockets, document):
    """hocuspocus #1123: queued messages of a connection that had been refused were worked off all the same."""
    bob, ada = await sockets.at("Bob"), await sockets.at("Ada")

    bob.send(b"\x07\x00")
    bob.update(bob.type(" too late"))

    assert await bob.until_closed() == 4400
    await ada.sync()
    assert ada.text == "Plan\nFirst words."
    assert await in_database(document.updates.count) == 1


async def test_what_was_sent_before_a_refusal_is_not_taken(sockets, gatekeeper, document):
    """hocuspocus #1123, of somebody who is not let in at all."""
    ada = sockets("Ada")
    eve = sockets("Eve")
    opening = await knock(eve)
    eve.send(protocol.sync_message(protocol.STEP1, b"\0"))
    await until(eve.inbox.empty)
    gatekeeper.set()

    assert await status_of(opening) == 404
    assert eve.frames == []
    await ada.open()
    await ada.sync()


# --- the server underneath -------------------------------------------------------------------------------------------
class Transport:
    """Speaks with Twisted's names."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def pauseProducing(self) -> None:
        self.said.append("pause")

    def resumeProducing(self) -> None:
        self.said.append("resume")


class Protocol:
    def __init__(self) -> None:
        self.transport = Transport()


async def test_daphne_is_told_not_to_read_until_the_work_is_done():
    """It would keep all that comes in a queue without an end."""

    async def never():
        await asyncio.Event().wait()

    async def work() -> str:
        assert spoken.transport.said == ["pause"]
        return "done"

    spoken = Protocol()
    one = Inlet(never, functools.partial(print, spoken))

    assert await one.during(work()) == "done"
    assert spoken.transport.said == ["pause", "resume"]
    with pytest.raises(ZeroDivisionError):
        await one.during(_fails())
    assert spoken.transport.said == ["pause", "resume"] * 2
    one.forget()


async def _fails() -> None:
    raise ZeroDivisionError


async def test_what_came_early_comes_first_and_nothing_is_lost_on_the_border():
    sent: asyncio.Queue[dict] = asyncio.Queue()

    async def work() -> None:
        for number in range(3):
            sent.put_nowait({"type": "websocket.receive", "bytes": bytes((number,))})
            await asyncio.sleep(0)

    one = Inlet(sent.get, print)
    await one.during(work())
    sent.put_nowait({"type": "websocket.receive", "bytes": b"\3"})

    assert [(await one.next())["bytes"] for _ in range(4)] == [b"\0", b"\1", b"\2", b"\3"]
    assert not one.is_flooded
    assert inlet.EARLY_FRAMES == 8
