"""The sockets of a room, and the slow ones among them: they get no more than they read, later the rest at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from workspaces.documents.rooms.member import Lag, Member
from workspaces.sockets.codes import Close

PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.2


class Audience:
    """Who is told. `told` is the state vector of what has been told to all.

    `bring_up(member, vector)` sends a member all that it lacks since `vector`; False: not now.
    """

    def __init__(self, told: bytes, bring_up: Callable[[Member, bytes], bool]) -> None:
        self.members: set[Member] = set()
        self.told = told
        self._bring_up = bring_up
        self._timer: asyncio.TimerHandle | None = None

    def send(self, member: Member, frame: bytes) -> None:
        """Send one frame, unless the member lags behind or begins to."""
        if member.lag is not None or not member.is_open:
            return
        if member.is_overfull:
            member.lag = Lag(self.told, time.monotonic())
            self._watch()
        else:
            member.outlet.put(frame)

    def tell(self, frame: bytes, told: bytes, without: Member | None = None) -> None:
        """Send a committed delta to all but its only author; afterwards all have been told `told`."""
        for member in self.members:
            if member is not without:
                self.send(member, frame)
        self.told = told

    def close(self, code: Close) -> None:
        """Close every socket."""
        if self._timer is not None:
            self._timer.cancel()
        for member in self.members:
            member.close(code)

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        at = time.monotonic()
        for member in self.members:
            lag = member.lag
            if lag is None or not member.is_open:
                continue
            if at - lag.since > PATIENCE_S:
                member.close(Close.COME_BACK_LATER)
            elif member.has_read:
                member.lag = None
                if not self._bring_up(member, lag.vector):
                    member.lag = lag
                elif lag.ack is not None:
                    member.ack(*lag.ack)
        if any(member.lag is not None and member.is_open for member in self.members):
            self._watch()
