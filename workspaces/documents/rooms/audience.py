"""The sockets of a room, and the slow ones among them: they get no more than they read, later the rest at once."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from workspaces.documents.protocol import STEP1, state_vector, sync_message
from workspaces.documents.rooms import answers
from workspaces.documents.rooms.answers import Answer, Notice
from workspaces.documents.rooms.member import Lag, Member
from workspaces.sockets.codes import Close
from workspaces.sockets.outlet import Parcel

PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.2
_MOST_DUE: Final = 100  # acknowledgements are one answer; who is refused so often does not listen


class Audience:
    """Who is told. `told` is what has been told to all, as {client id: next clock}.

    `bring_up(member, vector)` sends a member all that it lacks since `vector`; False: not now.
    """

    def __init__(self, told: Mapping[int, int], bring_up: Callable[[Member, bytes], bool]) -> None:
        self.members: set[Member] = set()
        self.told = dict(told)
        self._bring_up = bring_up
        self._timer: asyncio.TimerHandle | None = None

    def send(self, member: Member, parcel: Parcel) -> bool:
        """Send, unless the member lags behind or begins to: False, it will be brought up."""
        if member.lag is not None or not member.is_open:
            return False
        if member.is_overfull:
            self._fall_behind(member, self.vector())
            return False
        member.outlet.put_parcel(parcel)
        return True

    def answer(self, member: Member, vector: bytes, parcels: list[Parcel]) -> None:
        """Send what a member has asked for with its own `vector`. A slow reader is brought up from there later."""
        if member.lag is not None:
            member.lag.vector = vector
        elif member.is_overfull:
            self._fall_behind(member, vector)
        else:
            for parcel in parcels:
                member.outlet.put_parcel(parcel)

    def vector(self) -> bytes:
        """Return what has been told to all as an encoded state vector."""
        return state_vector(self.told)

    def ask(self, member: Member) -> None:
        """Ask a member, by step 1, for what the log lacks."""
        member.outlet.put(sync_message(STEP1, self.vector()))

    def tell(
        self,
        parcel_for: Callable[[Member], Parcel | None],
        clocks: Mapping[int, int],
        said: Mapping[Member, Sequence[Answer]],
    ) -> None:
        """Send every member its parcel, if it has one; afterwards all have been told up to these clocks.

        The parcels hold what is `said` to members; a slow reader hears it once it has been brought up.
        """
        for member in self.members:
            if (parcel := parcel_for(member)) is not None:
                self.send(member, parcel)
        self.told.update(clocks)
        for member, own in said.items():
            if member.lag is not None:
                self._owe(member, own)
            elif member in self.members:
                self._follow_up(member, own)

    def say(self, member: Member, *said: Answer) -> None:
        """Answer a member's update messages by themselves; a slow reader hears it once it has been brought up."""
        if member.lag is None and member.is_overfull:
            self._fall_behind(member, self.vector())
        if member.lag is not None:
            self._owe(member, said)
            return
        if member.client_id is not None:
            for message in answers.messages(said):
                member.outlet.put(message)
        self._follow_up(member, said)

    def _owe(self, member: Member, said: Sequence[Answer]) -> None:
        """Keep answers for a slow reader; one that goes on asking for refusals is closed."""
        due = member.lag.due if member.lag is not None else []
        answers.add(due, said)
        if len(due) > _MOST_DUE:
            member.close(Close.COME_BACK_LATER)

    def _follow_up(self, member: Member, said: Sequence[Answer]) -> None:
        notices = [answer for answer in said if isinstance(answer, Notice)]
        if member.grant.may_write and any(notice.asks for notice in notices):
            self.ask(member)
        for notice in notices:
            if notice.closes is not None and (member.client_id is None or notice.body is None):
                member.close(notice.closes)

    def close(self, code: Close) -> None:
        """Close every socket."""
        if self._timer is not None:
            self._timer.cancel()
        for member in self.members:
            member.close(code)

    def _fall_behind(self, member: Member, vector: bytes) -> None:
        member.lag = Lag(vector, time.monotonic())
        self._watch()

    def _watch(self) -> None:
        if self._timer is not None:  # who is brought up may fall behind again meanwhile
            return
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        at = time.monotonic()
        for member in list(self.members):
            lag = member.lag
            if lag is None or not member.is_open:
                continue
            if at - lag.since > PATIENCE_S:
                member.close(Close.COME_BACK_LATER)
            elif member.has_read:
                member.lag = None
                if not self._bring_up(member, lag.vector):
                    member.lag = lag
                else:
                    self.say(member, *lag.due)
        if any(member.lag is not None and member.is_open for member in self.members):
            self._watch()
