"""Time-ordered identifiers (RFC 9562 version 7); Python 3.11 has none of its own."""

import secrets
import threading
import time
from datetime import datetime
from uuid import UUID

_lock = threading.Lock()
_last_ms = 0
_counter = 0


def new_id() -> UUID:
    """Return a UUIDv7: 48 bits of Unix milliseconds, a 12-bit counter within the millisecond, 62 random bits.

    Ids of one process rise strictly, so that a primary key also orders rows by creation.
    """
    global _last_ms, _counter
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, secrets.randbits(11)
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        ms, counter = _last_ms, _counter
    value = (ms & (1 << 48) - 1) << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def first_id(moment: datetime) -> UUID:
    """Return the lowest id that `new_id` may give at a moment, to find rows of a time by their primary key."""
    return UUID(int=(int(moment.timestamp() * 1000) & (1 << 48) - 1) << 80)
