"""The outlet: in order, without waiting, the short way where there is one; what piles up shows who reads slowly."""

import asyncio
import socket
from functools import partial

import pytest

from tests.sockets import until
from workspaces.sockets import outlet as outlets
from workspaces.sockets.codes import Close
from workspaces.sockets.direct import framed, wire_behind
from workspaces.sockets.outlet import Outlet, Parcel
from workspaces.sockets.rates import Bucket


# --- through the server's own send -----------------------------------------------------------------------------------
async def test_frames_leave_in_order_even_when_some_have_to_wait():
    sent, gate = [], asyncio.Event()

    async def send(message):
        if message.get("bytes") == b"2":
            await gate.wait()
        sent.append(message.get("bytes") or message.get("text") or message["code"])

    outlet = Outlet(send)
    outlet.put(b"1")
    outlet.put_parcel(Parcel((b"2", b"3")))
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


# --- straight to the socket ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_says_how_long_it_is(size, head):
    assert framed(b"x" * size) == head + b"x" * size


class Transport:
    """Twisted's transport of an accepted connection, as far as the outlet knows it."""

    TLS = False
    offset = 0
    connected = True
    disconnecting = False

    def __init__(self, handle):
        self.handle = handle
        self.dataBuffer, self._tempDataBuffer, self._tempDataLen = b"", [], 0
        self.is_cut = False

    def getHandle(self):
        return self.handle

    def write(self, data):
        assert isinstance(data, bytes)
        self._tempDataBuffer.append(data)
        self._tempDataLen += len(data)

    def abortConnection(self):
        self.is_cut = True


class Autobahn:
    """Autobahn's protocol, open and without extensions."""

    state = 3
    _perMessageCompress = None

    def __init__(self, transport):
        self.transport = transport
        self.send_queue = []


class Session:
    """As Channels' session middleware wraps `send`."""

    def __init__(self, send):
        self.real_send = send

    async def send(self, message):
        await self.real_send(message)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def daphne(pair):
    return Autobahn(Transport(pair[0]))


def sender(protocol, said):
    async def reply(_protocol, message):
        said.append(message)

    return partial(reply, protocol)


@pytest.mark.parametrize("wrap", [lambda send: send, lambda send: Session(Session(send).send).send])
async def test_behind_daphne_frames_go_straight_to_the_socket(daphne, pair, wrap):
    said = []
    outlet = Outlet(wrap(sender(daphne, said)))

    outlet.put_parcel(Parcel((b"one", b"two")))

    assert pair[1].recv(100) == b"\x82\x03one\x82\x03two"
    assert (said, outlet.backlog) == ([], 0)


async def test_what_the_socket_does_not_take_waits_in_the_transport_and_all_that_follows_behind_it(daphne, pair):
    outlet = Outlet(sender(daphne, []))
    large = Parcel((b"x" * (4 << 20),))

    outlet.put_parcel(large)
    outlet.put(b"next")

    rest = b"".join(daphne.transport._tempDataBuffer)
    assert outlet.backlog == len(rest) > 1 << 20
    received = b""
    while len(received) + len(rest) < len(large.frames) + 6:
        received += pair[1].recv(1 << 20)
    assert received + rest == large.frames + b"\x82\x04next"


async def test_of_the_transports_buffer_only_what_is_not_sent_counts(daphne):
    outlet = Outlet(sender(daphne, []))
    daphne.transport.dataBuffer, daphne.transport.offset = b"x" * 100, 40
    outlet.put(b"12345678")

    assert outlet.backlog == 60 + 10


async def test_a_socket_that_has_gone_harms_nobody(daphne, pair):
    pair[0].close()

    Outlet(sender(daphne, [])).put(b"x")

    assert daphne.transport._tempDataBuffer == []


@pytest.mark.parametrize(
    "change",
    [
        lambda protocol: setattr(protocol, "_perMessageCompress", object()),
        lambda protocol: setattr(protocol, "state", 2),
        lambda protocol: protocol.send_queue.append(b"x"),
    ],
    ids=["compressed", "closing", "autobahn has something to send"],
)
async def test_where_the_short_way_does_not_hold_the_server_sends(daphne, change):
    said = []
    outlet = Outlet(sender(daphne, said))
    change(daphne)

    outlet.put(b"x")

    assert said == [{"type": "websocket.send", "bytes": b"x"}]


def _without(name):
    def change(protocol):
        part = protocol if name in vars(protocol) else protocol.transport
        delattr(part, name)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda protocol: setattr(protocol.transport, "TLS", True),
        lambda protocol: setattr(protocol.transport, "handle", object()),
        _without("send_queue"),
        _without("_tempDataLen"),
    ],
    ids=["TLS begun", "TLS from the start", "another autobahn", "another Twisted"],
)
def test_where_a_part_is_missing_there_is_no_short_way(daphne, change):
    change(daphne)

    assert wire_behind(sender(daphne, [])) is None


class Uvicorn:
    """uvicorn's sans-IO protocol, accepted, without extensions; it is its own transport and connection."""

    handshake_complete, close_sent = True, False

    def __init__(self):
        self.transport = self.conn = self
        self.extensions, self.written, self.said = [], [], []
        self.is_cut = self.is_closed = False

    async def send(self, message):
        self.said.append(message)

    def write(self, data):
        self.written.append(data)

    def get_write_buffer_size(self):
        return sum(map(len, self.written))

    def is_closing(self):
        return self.is_closed

    def abort(self):
        self.is_cut = True


async def test_behind_uvicorn_frames_go_straight_to_the_transport():
    uvicorn = Uvicorn()
    outlet = Outlet(Session(uvicorn.send).send)

    outlet.put(b"one")

    assert (uvicorn.written, uvicorn.said) == ([b"\x82\x03one"], [])
    assert outlet.backlog == 5


@pytest.mark.parametrize("name", ["is_closed", "close_sent"])
async def test_uvicorn_itself_says_what_is_to_be_done_with_a_socket_that_closes(name):
    uvicorn = Uvicorn()
    outlet = Outlet(uvicorn.send)
    setattr(uvicorn, name, True)

    outlet.put(b"one")

    assert (uvicorn.written, len(uvicorn.said)) == ([], 1)


def test_a_compressed_connection_of_uvicorn_has_no_short_way():
    uvicorn = Uvicorn()
    uvicorn.extensions.append("permessage-deflate")

    assert wire_behind(uvicorn.send) is None


@pytest.mark.parametrize("make", [Uvicorn, None])
async def test_who_does_not_even_read_the_close_is_cut_off(daphne, monkeypatch, make):
    monkeypatch.setattr(outlets, "_CUT_AFTER_S", 0.01)
    protocol = make() if make else daphne
    outlet = Outlet(protocol.send if make else sender(daphne, []))
    (protocol.transport.written if make else protocol.transport._tempDataBuffer).append(b"waits")
    protocol.transport._tempDataLen = 5

    outlet.close(Close.COME_BACK_LATER)

    await until(lambda: protocol.transport.is_cut)


def test_a_bucket_gives_a_burst_and_then_a_rate():
    bucket = Bucket(per_second=2, burst=3)
    at = 100.0

    assert [bucket.take(1, at) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1, at + 0.5) for _ in range(2)] == [True, False]
    assert [bucket.take(1, at + 60) for _ in range(4)] == [True, True, True, False]
