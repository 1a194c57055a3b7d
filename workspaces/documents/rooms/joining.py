"""What somebody gets who comes with nothing: the whole state, encoded once for many, and what has come since."""

import time
from collections.abc import Callable
from typing import Final

from pycrdt import merge_updates

from workspaces.documents import protocol
from workspaces.sockets.outlet import Parcel

_MOST_UPDATES: Final = 50  # merging more costs more than encoding anew
_MOST_BYTES: Final = 64 * 1024
_KEEP_S: Final = 10.0


class Joining:
    """Keeps the encoded state of one replica for a while: many come at once, and somebody types meanwhile.

    `encode` returns the whole state as one Yjs v1 update.
    """

    def __init__(self, encode: Callable[[], bytes]) -> None:
        self._encode = encode
        self._state: Parcel | None = None
        self._since: list[bytes] = []
        self._size = 0
        self._used_at = 0.0

    def changed(self, delta: bytes) -> None:
        """Note what has been added to the replica. A state that is too old to be sent is as large as the document."""
        if self._state is not None:
            self._since.append(delta)
            self._size += len(delta)
            if len(self._since) > _MOST_UPDATES or self._size > _MOST_BYTES:
                self._forget()

    def parcels(self) -> list[Parcel]:
        """Return step 2 with the state of a while ago, and an update with the rest if there is one."""
        self._used_at = time.monotonic()
        if self._state is None:
            self._state = Parcel((protocol.sync_message(protocol.STEP2, self._encode()),))
        if len(self._since) > 1:
            self._since = [bytes(merge_updates(*self._since))]
        return [self._state, *(Parcel((protocol.sync_message(protocol.UPDATE, one),)) for one in self._since)]

    def look(self) -> None:
        """Forget the state when nobody has come for it lately: it is as large as the document."""
        if self._state is not None and time.monotonic() - self._used_at > _KEEP_S:
            self._forget()

    def _forget(self) -> None:
        self._state, self._since, self._size = None, [], 0
