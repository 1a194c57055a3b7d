"""When a room takes its turns: one at a time, each when it is due."""

import asyncio
from collections.abc import Awaitable, Callable

from workspaces.documents import crdt


class Turns:
    """Of one room. `until_due()` returns the seconds until there is something to do, at once if not positive; None:
    there is nothing. `take()` takes one turn; `fail(error)` is told when that was not possible.
    """

    def __init__(
        self,
        until_due: Callable[[], float | None],
        take: Callable[[], Awaitable[None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._until_due, self._take, self._fail = until_due, take, fail
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    @property
    def is_running(self) -> bool:
        return self._task is not None

    def wake(self) -> None:
        """See to it that the next turn begins when it is due."""
        if self._task is not None or self._is_over or (wait := self._until_due()) is None:
            return
        self._stop_timer()
        if wait <= 0:
            self._task = self._loop.create_task(self._run())
        else:
            self._timer = self._loop.call_later(wait, self.wake)

    async def finish(self, seconds: float) -> None:
        """Take the turns that are due, but wait no longer than so many seconds for them."""
        self.wake()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)

    def end(self) -> None:
        """Begin no further turn."""
        self._is_over = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        try:
            while not self._is_over and (wait := self._until_due()) is not None and wait <= 0:
                await self._take()
        except BaseException as error:
            if not (isinstance(error, Exception) or crdt.is_panic(error)):
                raise
            self._fail(error)
        finally:
            self._task = None
        self.wake()
