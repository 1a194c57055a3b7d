"""How much one connection may send, and one person with all of theirs. Pure but for the list of persons: the caller
brings the clock.
"""

from typing import Final, NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary


class Rate(NamedTuple):
    """`burst` at once, then `per_second`."""

    per_second: float
    burst: float


class Bucket:
    """A token bucket: `burst` at once, then `per_second`."""

    __slots__ = ("at", "burst", "left", "per_second")

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second, self.burst = per_second, burst
        self.left, self.at = burst, 0.0

    def take(self, count: float, at: float) -> bool:
        """Take `count` at the moment `at` (seconds of a steady clock); False when there is not enough."""
        self.left = min(self.burst, self.left + (at - self.at) * self.per_second)
        self.at = at
        if count > self.left:
            return False
        self.left -= count
        return True


class Allowance:
    """Messages and bytes."""

    __slots__ = ("__weakref__", "_bytes", "_messages")

    def __init__(self, messages: Rate, size: Rate) -> None:
        self._messages, self._bytes = Bucket(*messages), Bucket(*size)

    def take(self, messages: float, size: float, at: float) -> bool:
        """Take so many messages of together `size` bytes; False when there is not enough."""
        return self._messages.take(messages, at) and self._bytes.take(size, at)


_persons: Final[WeakValueDictionary[UUID, Allowance]] = WeakValueDictionary()


def of_person(person: UUID, messages: Rate, size: Rate) -> Allowance:
    """Return the allowance that all connections of a person share in this process, for as long as one is open."""
    if (allowance := _persons.get(person)) is None:
        allowance = _persons[person] = Allowance(messages, size)
    return allowance
