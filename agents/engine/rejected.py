"""Words that a check or a reviewer takes back, and whose call had written them: what the report of waste tells."""

import zlib
from collections.abc import Callable
from uuid import UUID

from agents.engine.hand import Hand
from agents.writing.writes import Remove, Replace, Write
from billing.contracts import Rejected


def by_write(hand: Hand, write: Write, tokens_of: Callable[[str], int]) -> Rejected | None:
    """Return what a write is about to take back, None for nothing; to be asked before the hand performs it.

    `tokens_of` counts the tokens of a text. What a person has touched stays, and words that no call wrote cost nothing.
    """
    if not isinstance(write, Replace | Remove):
        return None
    entry = hand.standing(write)
    if entry is None or not entry.call:
        return None
    kept = write.text if isinstance(write, Replace) else ""
    lost = tokens_of(entry.text) - tokens_of(kept)
    if lost <= 0:
        return None
    mark = zlib.crc32(entry.text.encode())
    return Rejected(
        key=f"call:{entry.call}:{entry.id}:{mark:08x}",
        call=UUID(entry.call),
        tokens=lost,
        by="check" if write.task is None else "reviewer",
    )
