"""How many tokens a call may write: all that it asked for, or a window ahead of its words that grows as they come.

A window holds far less money, so more calls can run on the same balance; it needs a provider that bills nothing after
we hang up. The others are granted everything at once, and are told how much that is.
"""

import asyncio
import logging
from uuid import UUID

from billing import services as billing
from wukong.kernel.errors import WukongError

WINDOW_TOKENS = 256
"""What is held ahead of the words."""
MARGIN_TOKENS = 16
"""What may be on its way when we hang up."""

_log = logging.getLogger("wukong.models")


class Room:
    """Of one call. `granted` is what is held for now; `most` what the call may become."""

    def __init__(self, call: UUID, most: int, *, is_window: bool) -> None:
        self.call, self.most, self.is_window = call, most, is_window
        self.granted = min(most, WINDOW_TOKENS) if is_window else most
        self._growing: asyncio.Task[None] | None = None

    def grant(self, tokens: int) -> int:
        """Note what the hold pays for at first; returns what the provider is told as the limit of the answer."""
        self.granted = tokens
        if not self.is_window:
            self.most = tokens
        return self.most

    async def has_more(self, written: int) -> bool:
        """Return whether the answer may go on after so many tokens. Half a window ahead the hold is grown meanwhile."""
        if self.granted >= self.most or written < self.granted - WINDOW_TOKENS // 2:
            return True
        if self._growing is None:
            self._growing = asyncio.create_task(self._grow(written))
        if written < self._end:
            return True
        await self._wait()
        if written >= self._end:  # what was refused half a window ago may have been paid in meanwhile
            await self._grow(written)
        return written < self._end

    async def cover(self, tokens: int) -> None:
        """Hold what the provider has counted beyond our own count, as far as it is affordable."""
        await self._wait()
        if tokens > self.granted and self.is_window:
            await self._ask(tokens, tokens)

    async def live(self, written: int) -> None:
        """Give a sign of life."""
        await self._ask(self.granted, written)

    @property
    def _end(self) -> int:
        """How many tokens may be written before the answer is broken off."""
        if self.granted >= self.most:
            return self.most
        return self.granted - min(MARGIN_TOKENS, self.granted // 4)

    async def _wait(self) -> None:
        if self._growing is not None:
            await asyncio.shield(self._growing)
            self._growing = None

    async def _grow(self, written: int) -> None:
        await self._ask(min(self.most, written + WINDOW_TOKENS), written)

    async def _ask(self, tokens: int, written: int) -> None:
        try:
            answer = await billing.aextend(call=self.call, max_tokens=tokens, written_tokens=written)
        except WukongError as refusal:  # the money has ended, or the hold: what is granted is all
            _log.info("call %s is granted no more than %s tokens: %s", self.call, self.granted, refusal.message)
        except Exception:  # noqa: BLE001 - the next sign of life may be heard; without any the hold is swept
            _log.exception("call %s could not be kept alive", self.call)
        else:
            self.granted = max(self.granted, answer.max_tokens)
