"""Time-ordered identifiers (RFC 9562 version 7); Python 3.11 has none of its own."""

import os
import random
import secrets
import threading
import time
from datetime import datetime
from uuid import UUID

_lock = threading.Lock()
# An id is no secret, and asking the system for the bits of each costs more than the id.
_random = random.Random(secrets.randbits(256))  # noqa: S311
os.register_at_fork(after_in_child=lambda: _random.seed(secrets.randbits(256)))
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
            _last_ms, _counter = now_ms, _random.getrandbits(11)
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        ms, counter, noise = _last_ms, _counter, _random.getrandbits(62)
    value = (ms & (1 << 48) - 1) << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | noise
    return UUID(int=value)


def first_id(moment: datetime) -> UUID:
    """Return the lowest id that `new_id` may give at a moment, to find rows of a time by their primary key."""
    return UUID(int=(int(moment.timestamp() * 1000) & (1 << 48) - 1) << 80)
