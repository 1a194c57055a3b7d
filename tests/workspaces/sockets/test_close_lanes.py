"""The threads that read the database end with the process, whatever waits in them."""

import asyncio
import threading
import time

from django.db.backends.base.base import BaseDatabaseWrapper

from tests.sockets import until
from workspaces.sockets import reading


async def test_the_end_does_not_wait_for_what_has_not_begun(monkeypatch):
    monkeypatch.setattr(reading, "_PATIENCE_S", 0.1)
    has_begun, may_end, performed = threading.Event(), threading.Event(), []
    lane = reading._Lane("a lane")

    def first() -> None:
        has_begun.set()
        may_end.wait(5)
        performed.append("first")

    jobs = [asyncio.ensure_future(lane.run(first))]
    jobs += [asyncio.ensure_future(lane.run(lambda: performed.append("later"))) for _ in range(3)]
    await until(has_begun.is_set)

    began = time.monotonic()
    await lane.close()
    took = time.monotonic() - began
    may_end.set()
    await asyncio.wait(jobs)

    assert took < 2
    assert performed == ["first"]
    assert [job.cancelled() for job in jobs] == [False, True, True, True]


async def test_the_connection_of_a_lane_is_closed_in_its_thread(monkeypatch):
    lane, closed = reading._Lane("a lane"), []
    thread = await lane.run(threading.current_thread)
    close = BaseDatabaseWrapper.close

    def note(one: BaseDatabaseWrapper) -> None:
        closed.append(threading.current_thread())
        close(one)

    monkeypatch.setattr(BaseDatabaseWrapper, "close", note)

    await lane.close()

    assert thread in closed
