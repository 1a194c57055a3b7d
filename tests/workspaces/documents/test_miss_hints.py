"""Hints between processes may be lost, late, doubled or wrong: the log is the truth, and nobody talks in circles."""

import asyncio

import pytest

from tests.sockets import in_database, until
from workspaces.documents import log
from workspaces.documents.rooms import hub, store
from wukong.kernel import bus, committer


async def write_elsewhere(document, reader, words: str) -> None:
    """Append as another process does, without a hint."""
    entry = log.LogEntry(data=reader.add_block(words), client_id=reader.client_id, principal=document.pk, kind="agent")
    await committer.arun(lambda: log.append(document_id=document.pk, entries=[entry]))


@pytest.fixture
def _deaf(monkeypatch):
    monkeypatch.setattr(bus, "publish", lambda *_args: None)


@pytest.mark.usefixtures("_deaf")
async def test_between_processes_every_look_reads_the_rows(sockets, document, monkeypatch):
    """hocuspocus #178, #588, #669, #983: what one process wrote did not reach the people of another."""
    assert hub.LOOK_S <= 2.0
    monkeypatch.setattr(hub, "LOOK_S", 0.05)
    monkeypatch.setattr(hub, "SELDOM", 1_000_000)  # so rarely where a hint cannot be lost: within one process
    monkeypatch.setattr(bus, "is_shared", lambda: True)
    at_ada, other = await sockets.at("Ada"), await sockets.at("Bob")
    loop = asyncio.get_running_loop()

    for number in range(3):
        began = loop.time()
        await write_elsewhere(document, other, f"unheard {number}")
        await until(lambda words=f"unheard {number}": words in at_ada.text, 2.0)
        assert loop.time() - began < 1.0

    at_ada.update(at_ada.type(" heard"))
    await at_ada.until_acked()
    assert at_ada.rejected == []


@pytest.mark.usefixtures("_deaf")
async def test_who_writes_is_told_first_what_was_unheard(sockets, document, monkeypatch):
    """hocuspocus #1008: two processes that each hold the document went on apart."""
    monkeypatch.setattr(hub, "LOOK_S", 100)
    at_ada, other = await sockets.at("Ada"), await sockets.at("Bob")
    await write_elsewhere(document, other, "unheard")

    at_ada.update(at_ada.type(" said here"))
    await at_ada.until_acked()

    await until(lambda: "unheard" in at_ada.text)
    rows = await in_database(lambda: log.since(document.pk, 0))
    assert [seq for seq, _data in rows] == [1, 2, 3]


async def test_a_commit_is_hinted_at_once_and_answered_by_nobody(sockets, document, monkeypatch):
    """hocuspocus #335, #340: instances answered each other's messages for ever."""
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    said, reads, publish, since = [], [], bus.publish, log.since
    monkeypatch.setattr(bus, "publish", lambda topic, message: said.append(message) or publish(topic, message))
    monkeypatch.setattr(log, "since", lambda *args: reads.append(args) or since(*args))

    for number in range(5):
        at_ada.update(at_ada.type(str(number)))
        await at_ada.until_acked()
    await until(lambda: at_bob.text == at_ada.text)
    await asyncio.sleep(0.05)

    assert [message["seq"] for message in said if "seq" in message] == [2, 3, 4, 5, 6]
    assert reads == []


WRONG = [{"seq": 1}, {"seq": 2}, {"seq": 1 << 60}, {"seq": "2"}, {"rights": True}]
NONE = [{"seq": "many"}, {"seq": None}, {}, {"presence": "x"}]


async def test_a_wrong_hint_costs_one_look_and_no_word(sockets, document, monkeypatch):
    """Doubled, late, of a future that does not come, without a reason."""
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_ada.update(at_ada.type(" once"))
    await at_ada.until_acked()
    reads, since = [], log.since
    monkeypatch.setattr(log, "since", lambda *args: reads.append(args) or since(*args))

    for number in range(30):
        bus.publish(f"document:{document.pk}", WRONG[number % len(WRONG)])
        await asyncio.sleep(0.001)
    at_ada.update(at_ada.type(" twice"))
    await at_ada.until_acked()

    await until(lambda: at_bob.text == at_ada.text == "Plan\nFirst words. once twice")
    (room,) = hub._rooms.values()
    await until(lambda: (room.head, room._hinted, room.is_busy) == (3, 3, False))
    assert len(reads) <= 31
    count = len(reads)
    await asyncio.sleep(0.05)
    assert len(reads) == count  # it is not waited for with ever more looks


async def test_a_hint_that_is_none_makes_nobody_deaf(sockets, document):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    for message in NONE:
        bus.publish(f"document:{document.pk}", message)
        await asyncio.sleep(0.002)
    await write_elsewhere(document, at_bob, "heard all the same")

    await until(lambda: "heard all the same" in at_ada.text)


@pytest.mark.usefixtures("_deaf")
async def test_a_look_at_the_rows_that_fails_is_made_good_by_the_next(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(bus, "is_shared", lambda: True)
    at_ada, other = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(store, "standings", lambda _ids: 1 / 0)
        await write_elsewhere(document, other, "late but here")
        await asyncio.sleep(0.05)
        assert "late" not in at_ada.text

    await until(lambda: "late but here" in at_ada.text)
