"""The outlet: in order, without waiting; who reads slowly is seen by what piles up."""

import asyncio
from functools import partial

import pytest

from tests.sockets import until
from workspaces.sockets.codes import Close
from workspaces.sockets.outlet import Outlet
from workspaces.sockets.rates import Bucket


async def test_frames_leave_in_order_even_when_some_have_to_wait():
    sent, gate = [], asyncio.Event()

    async def send(message):
        if message.get("bytes") == b"2":
            await gate.wait()
        sent.append(message.get("bytes") or message.get("text") or message["code"])

    outlet = Outlet(send)
    for part in (b"1", b"2", b"3"):
        outlet.put(part)
    outlet.put_text("four")
    outlet.close(Close.GONE)
    assert sent == [b"1"]
    assert outlet.backlog == 5

    gate.set()
    await until(lambda: len(sent) == 5)
    assert sent == [b"1", b"2", b"3", "four", 4404]
    assert outlet.backlog == 0


async def test_nothing_follows_a_close_and_the_first_reason_counts():
    sent = []

    async def send(message):
        sent.append(message)

    outlet = Outlet(send)
    outlet.close(Close.SIGNED_OUT)
    outlet.close(Close.GONE)
    outlet.put(b"late")

    assert sent == [{"type": "websocket.close", "code": 4401}]


async def test_a_peer_that_has_gone_harms_nobody():
    async def send(_message):
        raise ConnectionResetError

    async def send_later(_message):
        await asyncio.sleep(0)
        raise ConnectionResetError

    Outlet(send).put(b"x")
    outlet = Outlet(send_later)
    outlet.put(b"x")
    outlet.put(b"y")
    await asyncio.sleep(0.01)
    outlet.forget()


class _Transport:
    dataBuffer = b"12345"
    _tempDataLen = 3


class _Protocol:
    transport = _Transport()


class _Session:
    """As Channels' session middleware wraps `send`."""

    def __init__(self, send):
        self.real_send = send

    async def send(self, message):
        await self.real_send(message)


async def _reply(_protocol, _message):
    pass


@pytest.mark.parametrize("wrap", [lambda send: send, lambda send: _Session(send).send])
async def test_behind_daphne_the_transport_tells_what_waits(wrap):
    outlet = Outlet(wrap(partial(_reply, _Protocol())))

    outlet.put(b"x")

    assert outlet.backlog == 8


def test_a_bucket_gives_a_burst_and_then_a_rate():
    bucket = Bucket(per_second=2, burst=3)
    at = 100.0

    assert [bucket.take(1, at) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1, at + 0.5) for _ in range(2)] == [True, False]
    assert [bucket.take(1, at + 60) for _ in range(4)] == [True, True, True, False]
