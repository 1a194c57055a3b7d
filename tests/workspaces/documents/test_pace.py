"""How often a room takes its turns: what comes while it rests is committed and told in one piece."""

import asyncio

import pytest

from tests.sockets import in_database, until
from tests.workspaces.documents.test_write_beside import write_by_program
from workspaces.documents import log
from workspaces.documents.rooms import hub, pace, store
from wukong.kernel import committer


def test_a_dear_room_takes_its_turns_less_often_but_never_sleeps(monkeypatch):
    monkeypatch.setattr("workspaces.documents.rooms.pace.time.monotonic", lambda: 100.0)
    cheap, dear = pace.Pace(), pace.Pace()

    for _ in range(50):
        cheap.spent(0.0002, 100.0)
        dear.spent(0.5, 100.0)

    assert cheap.until_turn == pytest.approx(pace.SHARE * 0.0002, rel=0.01)
    assert dear.until_turn == pytest.approx(pace.LONGEST_S)
    assert pace.LONGEST_S < 0.04
    cheap.spent(0.0002, 99.9)
    assert cheap.until_turn < 0  # at once: it has rested


async def test_the_first_key_is_told_at_once_and_those_that_follow_together(sockets, monkeypatch):
    """Broken, each of the ten would be a turn of its own: to commit takes less time than lies between them."""
    commits = []
    commit = store.commit
    monkeypatch.setattr(store, "commit", lambda *given: commits.append(len(given[3])) or commit(*given))
    monkeypatch.setattr(pace, "LONGEST_S", 0.1)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    at_ada = await sockets.at("Ada")

    for number in range(10):
        at_ada.update(at_ada.type(f"{number} "))
        await asyncio.sleep(0.006)
    await at_ada.until_acked()

    assert sum(commits) == 10
    assert commits[0] == 1
    assert len(commits) <= 4


async def test_what_others_write_is_told_while_a_room_rests_from_its_own(sockets, document, monkeypatch):
    """Two processes would otherwise add up their rests."""
    monkeypatch.setattr(pace, "LONGEST_S", 60.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_ada.update(at_ada.type("ours "))
    await at_ada.until_acked()
    await until(lambda: "ours " in at_bob.text)

    await committer.arun(lambda: write_by_program(document, "theirs"))

    await until(lambda: "theirs" in at_bob.text)


async def test_what_rests_is_written_before_the_process_ends(sockets, document, monkeypatch):
    monkeypatch.setattr(pace, "LONGEST_S", 60.0)
    monkeypatch.setattr(pace, "SHARE", 1e9)
    at_ada = await sockets.at("Ada")
    at_ada.update(at_ada.type("at once "))
    await at_ada.until_acked()
    at_ada.update(at_ada.type("and before the end"))
    await asyncio.sleep(0.01)

    (room,) = hub._rooms.values()
    room.is_draining = True
    await room.drain(5)

    assert len(await in_database(lambda: log.since(document.pk, 0))) == 3
    assert at_ada.acked == 2
