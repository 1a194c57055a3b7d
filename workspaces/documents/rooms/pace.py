"""How often a room takes its turns: the first at once, the next after a rest, longer the more a turn costs.

What comes during the rest is committed and told in one piece. A person alone is never made to wait; where many write,
words are seen up to `LONGEST_S` later, and each of them costs a fraction.
"""

import time
from typing import Final

SHARE: Final = 40
"""From one turn to the next a room takes forty times what a turn costs, up to `LONGEST_S`."""

LONGEST_S: Final = 0.03
READ_EVERY_S: Final = 0.015
"""Agents flush many times a second, and each flush is hinted at."""


class Pace:
    """Of one room. The cost of a turn is CPU: to apply, to commit (on the committer's thread), to tell."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._next_at = 0.0
        self._read_at = 0.0

    def spent(self, cost: float, began: float) -> None:
        """Note what a turn has cost, in seconds, and when it began (steady clock)."""
        self._cost += 0.25 * (cost - self._cost)
        self._next_at = began + min(SHARE * self._cost, LONGEST_S)

    @property
    def until_turn(self) -> float:
        """Return the seconds until the next turn; negative: now."""
        return self._next_at - time.monotonic()

    def read(self) -> None:
        """Note that the log is read now."""
        self._read_at = time.monotonic()

    def read_at_once(self) -> None:
        """Let the log be read without waiting."""
        self._read_at = 0.0

    @property
    def until_read(self) -> float:
        """Return the seconds until the log may be read again; negative: now."""
        return self._read_at + READ_EVERY_S - time.monotonic()
