"""How much one connection may send. Pure: the caller brings the clock."""


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
