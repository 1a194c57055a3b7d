"""Count of words and snapshots: refreshed when a document has come to rest, and now and then while it has not."""

import asyncio
import logging
import time
from typing import Final
from uuid import UUID

from workspaces.documents import services
from workspaces.sockets.reading import tidy

QUIET_S: Final = 3.0
AT_MOST_EVERY_S: Final = 15.0
_log = logging.getLogger("wukong.rooms")


class Tidying:
    """Of one room. It begins untidy: agents may have written while nobody had the document open."""

    def __init__(self, document_id: UUID) -> None:
        self.document_id = document_id
        self._is_untidy = True
        self._changed_at, self._tidied_at = time.monotonic(), 0.0
        self._task: asyncio.Task[None] | None = None

    def touch(self, at: float) -> None:
        """Note that the document has changed at this moment (steady clock)."""
        self._is_untidy, self._changed_at = True, at

    def look(self, at: float, *, is_last: bool = False) -> None:
        """Tidy up if it is time; `is_last`: if there is anything to do at all."""
        is_time = is_last or at - self._changed_at >= QUIET_S or at - self._tidied_at >= AT_MOST_EVERY_S
        if self._is_untidy and is_time and (self._task is None or self._task.done()):
            self._is_untidy, self._tidied_at = False, at
            self._task = asyncio.get_running_loop().create_task(self._tidy())

    async def _tidy(self) -> None:
        try:
            await tidy(lambda: services.tidy_document(document_id=self.document_id))
        except Exception:  # noqa: BLE001 - what is left untidy is tidied at the next change
            _log.exception("could not tidy up %s", self.document_id)
