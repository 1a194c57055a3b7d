"""What a turn says to whom: one parcel for nearly all, framed once; one of their own for who wrote and who moved."""

from collections.abc import Mapping
from typing import Final

from workspaces.documents import protocol
from workspaces.documents.rooms.awareness import News
from workspaces.documents.rooms.member import Member
from workspaces.sockets.outlet import Parcel

NOTHING: Final = Parcel(())


def ack_message(n: int, seq: int) -> bytes:
    """Return message 64 for "your first `n` update messages are in the log, up to `seq`"; many are sent a second."""
    return b"\x40" + protocol.var_bytes(b'{"type":"ack","n":%d,"seq":%d}' % (n, seq))


def _updates(*updates: bytes | None) -> Parcel:
    given = [protocol.sync_message(protocol.UPDATE, update) for update in updates if update is not None]
    return Parcel(given) if given else NOTHING


class Telling:
    """The words of a turn, who is where, and acknowledgements.

    `others` is what other writers have put into the log, `delta` what members of this room have, `acks` are their
    messages; when there is one author alone it does not hear its own words.
    """

    def __init__(
        self, others: bytes | None, delta: bytes | None, acks: Mapping[Member, int], seq: int, news: News | None
    ) -> None:
        self._acks, self._seq, self._news = acks, seq, news
        self._words = _updates(others, delta)
        self._author = next(iter(acks)) if len(acks) == 1 else None
        self._words_for_author = _updates(others) if self._author is not None else NOTHING
        self._common = self._words if news is None else self._words + Parcel((news.whole,))

    def parcel_for(self, member: Member) -> Parcel | None:
        """Return what a member is told; None: nothing."""
        n, news = self._acks.get(member), self._news
        is_mover = news is not None and member.shown_id in news.moved
        if n is None and not is_mover:
            return self._common if self._common.payloads else None
        parcel = self._words_for_author if member is self._author else self._words
        if news is not None and (message := news.without(member.shown_id)) is not None:
            parcel += Parcel((message,))
        if n is not None and member.client_id is not None:
            parcel += Parcel((ack_message(n, self._seq),))
        return parcel if parcel.payloads else None
