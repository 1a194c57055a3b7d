"""What Daphne receives: small whole messages take the quick way, everything else autobahn's own."""

import os

import pytest

pytest.importorskip("daphne.server")  # installs the reactor, before anything else imports Twisted

from wukong.handshake import _Protocol, unmasked


def masked(payload: bytes, *, head: int = 0x82, mask: bytes = b"abcd") -> bytes:
    """Return a frame as a client sends it."""
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes((head,)) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 63, 125, 126, 4096])
def test_the_mask_is_taken_off(size):
    payload, mask = os.urandom(size), os.urandom(4)

    assert unmasked(masked(payload, mask=mask)[-size:], mask) == payload


class Protocol(_Protocol):
    """Open, with a note of what came which way."""

    def __init__(self):
        self.state = self.STATE_OPEN
        self.data, self.current_frame, self.inside_message = b"", None, False
        self.quick, self.slow = [], b""

    def _onMessage(self, payload, isBinary):
        assert isBinary
        self.quick.append(payload)

    def _dataReceived(self, data):
        self.slow += data


@pytest.fixture
def protocol():
    return Protocol()


def test_whole_messages_are_handed_on(protocol):
    protocol.dataReceived(masked(b"one") + masked(b"two" * 50) + masked(b"three"))

    assert (protocol.quick, protocol.slow) == ([b"one", b"two" * 50, b"three"], b"")


@pytest.mark.parametrize(
    "odd",
    [
        masked(b"text", head=0x81),
        masked(b"ping", head=0x89),
        masked(b"first part", head=0x02),
        masked(b"compressed", head=0xC2),
        masked(b"", head=0x88),
        masked(b""),
        masked(b"x" * 5000),
        masked(b"x" * 70_000),
        b"\x82\x03abc",  # not masked
        b"\x82\xfe\x00\x05abcd12345",  # not the shortest form of its length
    ],
)
def test_anything_else_and_what_follows_is_for_autobahn(protocol, odd):
    protocol.dataReceived(masked(b"before") + odd + masked(b"after"))

    assert (protocol.quick, protocol.slow) == ([b"before"], odd + masked(b"after"))


@pytest.mark.parametrize("size", range(1, 9))
def test_a_message_that_is_not_whole_yet_is_for_autobahn(protocol, size):
    begun = masked(b"cut")[:size]

    protocol.dataReceived(masked(b"before") + begun)

    assert (protocol.quick, protocol.slow) == ([b"before"], begun)


@pytest.mark.parametrize(
    "change",
    [
        {"state": 1},
        {"state": 2},
        {"data": b"begun"},
        {"current_frame": object()},
        {"inside_message": True},
    ],
)
def test_while_autobahn_is_in_the_middle_of_something_it_gets_all(protocol, change):
    vars(protocol).update(change)

    protocol.dataReceived(masked(b"x"))

    assert (protocol.quick, protocol.slow) == ([], masked(b"x"))
