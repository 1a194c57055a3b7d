"""Who reads slowly gets the rest at once later; who does not read at all is closed."""

import pytest

from tests.sockets import until
from workspaces.documents.rooms import hub


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr("workspaces.documents.rooms.member.HIGH_WATER", 2000)
    monkeypatch.setattr("workspaces.documents.rooms.member.LOW_WATER", 100)
    monkeypatch.setattr("workspaces.documents.rooms.audience._LOOK_S", 0.02)


async def overfill(at_ada, slow):
    """Let somebody write more than `slow` reads; return the member that lags."""
    slow.may_read.clear()
    for _ in range(40):
        at_ada.update(at_ada.type("w" * 200))
        await at_ada.until_acked()
    (room,) = hub._rooms.values()
    (lagging,) = [member for member in room.members if member.lag is not None]
    return lagging


@pytest.mark.slow
async def test_a_slow_reader_gets_no_more_than_it_reads_and_then_the_rest_at_once(sockets):
    at_ada, slow = await sockets.at("Ada"), await sockets.at("Bob")
    lagging = await overfill(at_ada, slow)
    assert lagging.outlet.backlog < 3000

    slow.update(slow.type("even so "))
    slow.may_read.set()
    await until(lambda: slow.text == at_ada.text and "even so" in slow.text)
    await slow.until_acked()
    assert lagging.lag is None


@pytest.mark.slow
async def test_a_slow_reader_that_asks_for_the_document_gets_it_once_it_reads(sockets):
    """It asks with what it has: it may lack more than what was told since it began to lag."""
    from workspaces.documents import crdt

    at_ada, slow = await sockets.at("Ada"), await sockets.at("Bob")
    await overfill(at_ada, slow)

    slow.doc, slow.is_synced = crdt.open_doc(), False  # it has forgotten everything, as after a crash of the page
    slow.ask()
    await until(slow.inbox.empty)
    slow.may_read.set()

    await until(lambda: slow.is_synced)
    await until(lambda: slow.text == at_ada.text)


async def test_who_does_not_read_at_all_is_closed(sockets, monkeypatch):
    monkeypatch.setattr("workspaces.documents.rooms.member.HIGH_WATER", 500)
    monkeypatch.setattr("workspaces.documents.rooms.audience.PATIENCE_S", 0.1)
    at_ada, slow = await sockets.at("Ada"), await sockets.at("Bob")
    slow.may_read.clear()
    for _ in range(10):
        at_ada.update(at_ada.type("w" * 200))
        await at_ada.until_acked()

    (room,) = hub._rooms.values()
    await until(lambda: any(member.outlet.code == 1013 for member in room.members))
    slow.may_read.set()
    assert await slow.until_closed() == 1013
