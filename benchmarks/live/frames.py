"""Bytes of the generator: websocket frames, messages of the y-protocols, and what a Yjs update holds. Pure.

The reader of updates is the benchmark's own, so that a fault in the product's cannot hide a missing edit.
"""

import os
from collections.abc import Iterator

SYNC, AWARENESS, AUTH, SYNC_REPLY = 0, 1, 2, 4
STEP1, STEP2, UPDATE = 0, 1, 2
EMPTY_UPDATE = b"\x00\x00"
CLOSE, PING, PONG = 8, 9, 10
Range = tuple[int, int, int]  # client id, first clock, clock behind the last


# --- websocket ------------------------------------------------------------------------------------------------------
def masked(payload: bytes, opcode: int = 2) -> bytes:
    """Return a client's frame. The mask is random as a browser's: some servers skip a mask of zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def span(data: bytes, at: int) -> tuple[int, int] | None:
    """Return (where the payload begins, where the frame ends) of the server's frame at `at`; None: its head is cut."""
    if len(data) < at + 2:
        return None
    size = data[at + 1]
    if size < 126:
        return at + 2, at + 2 + size
    if size == 126:
        if len(data) < at + 4:
            return None
        return at + 4, at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    if len(data) < at + 10:
        return None
    return at + 10, at + 10 + int.from_bytes(data[at + 2 : at + 10], "big")


def payloads(data: bytes) -> Iterator[bytes]:
    """Yield the binary messages in whole frames of a server."""
    at = 0
    while at < len(data):
        found = span(data, at)
        if found is None:
            return
        if data[at] & 15 == 2:
            yield data[found[0] : found[1]]
        at = found[1]


# --- lib0 and y-protocols ---------------------------------------------------------------------------------------------
def var_uint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(128 | value & 127)
        value >>= 7
    out.append(value)
    return bytes(out)


def var_bytes(data: bytes) -> bytes:
    return var_uint(len(data)) + data


class Reader:
    """Reads lib0's encoding of honest servers; IndexError past the end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def take(self) -> bytes:
        size = self.uint()
        self.at += size
        return self.data[self.at - size : self.at]


def sync(step: int, payload: bytes) -> bytes:
    return bytes((SYNC, step)) + var_bytes(payload)


def awareness(client: int, clock: int, state: bytes) -> bytes:
    return bytes((AWARENESS,)) + var_bytes(b"\x01" + var_uint(client) + var_uint(clock) + var_bytes(state))


def states_in(body: bytes) -> list[tuple[int, bytes]]:
    """Return (client id, raw JSON) of an awareness update."""
    reader = Reader(body)
    found = []
    for _ in range(reader.uint()):
        client, _clock = reader.uint(), reader.uint()
        found.append((client, reader.take()))
    return found


# --- Yjs updates ------------------------------------------------------------------------------------------------------
_GC, _DELETED, _JSON, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _DOC, _SKIP = range(11)
_XML_ELEMENT, _XML_HOOK = 3, 5


def ranges_in(update: bytes) -> list[Range]:
    """Return what structs an update (v1) carries: one range for each unbroken run of a client."""
    reader = Reader(update)
    found: list[Range] = []
    for _ in range(reader.uint()):
        count, client, clock = reader.uint(), reader.uint(), reader.uint()
        start = clock
        for _ in range(count):
            info = reader.data[reader.at]
            reader.at += 1
            kind = info & 31
            if kind == _SKIP:
                if clock > start:
                    found.append((client, start, clock))
                clock += reader.uint()
                start = clock
            elif kind == _GC:
                clock += reader.uint()
            else:
                clock += _item(reader, info, kind)
        if clock > start:
            found.append((client, start, clock))
    return found


def _item(reader: Reader, info: int, kind: int) -> int:
    for flag in (128, 64):  # what it stands between
        if info & flag:
            reader.uint()
            reader.uint()
    if not info & 192:
        if reader.uint():
            reader.take()
        else:
            reader.uint()
            reader.uint()
        if info & 32:
            reader.take()
    return _content(reader, kind)


def _content(reader: Reader, kind: int) -> int:
    """Read an item's content and return its length in clocks."""
    if kind == _STRING:
        text = reader.take()
        return len(text) if text.isascii() else len(text.decode().encode("utf-16-le")) // 2
    if kind == _DELETED:
        return reader.uint()
    if kind == _FORMAT:
        reader.take()
        reader.take()
        return 1
    if kind == _TYPE:
        if reader.uint() in (_XML_ELEMENT, _XML_HOOK):
            reader.take()
        return 1
    if kind == _ANY:
        length = reader.uint()
        for _ in range(length):
            _value(reader)
        return length
    if kind in (_EMBED, _BINARY):
        reader.take()
        return 1
    raise ValueError(f"content {kind} is not written here")


def _value(reader: Reader) -> None:
    kind = reader.data[reader.at]
    reader.at += 1
    if kind == 119:
        reader.take()
    elif kind == 125:
        reader.uint()
    elif kind in (124, 123, 122):
        reader.at += 4 if kind == 124 else 8
    elif kind not in (127, 126, 121, 120):
        raise ValueError(f"a value of kind {kind} is not written here")
