"""How often a room takes its turns: what comes while it rests is committed and told in one piece."""

import asyncio
import time

import pytest

from workspaces.documents.rooms import pace, store


def test_a_dear_room_takes_its_turns_less_often_but_never_sleeps(monkeypatch):
    monkeypatch.setattr("workspaces.documents.rooms.pace.time.monotonic", lambda: 100.0)
    cheap, dear = pace.Pace(), pace.Pace()

    for _ in range(50):
        cheap.spent(0.0002)
        dear.spent(0.5)

    assert cheap.rest(100.0) == pytest.approx(pace.SHARE * 0.0002, rel=0.01)
    assert cheap.rest(99.9) < 0  # at once: it has rested
    assert dear.rest(100.0) == pace.LONGEST_S < 0.04
    assert time.monotonic() == 100.0


async def test_the_first_key_is_told_at_once_and_those_that_follow_together(sockets, monkeypatch):
    """Broken, each of the ten would be a turn of its own: to commit takes less time than lies between them."""
    commits = []
    commit = store.commit
    monkeypatch.setattr(store, "commit", lambda *given: commits.append(len(given[3])) or commit(*given))
    monkeypatch.setattr(pace.Pace, "rest", lambda _pace, began: 0.1 - (time.monotonic() - began))
    at_ada = await sockets.at("Ada")

    for number in range(10):
        at_ada.update(at_ada.type(f"{number} "))
        await asyncio.sleep(0.006)
    await at_ada.until_acked()

    assert sum(commits) == 10
    assert commits[0] == 1
    assert len(commits) <= 4
