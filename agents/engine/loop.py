"""The agents' loop: one asyncio loop in one thread a process.

Worker threads only wait; streams live here (80 kB each).
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_log = logging.getLogger("wukong.engine")


class _Loop(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="agents", daemon=True)
        self.loop = asyncio.new_event_loop()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.start()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def keep(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as a task that `stop` cancels. What it starts itself it also ends itself."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        try:
            return await task
        finally:
            self.tasks.discard(task)

    def stop(self, timeout: float) -> None:
        """Cancel what runs, give it `timeout` seconds to put its affairs in order, end the thread."""
        done = asyncio.run_coroutine_threadsafe(self._cancel_all(timeout), self.loop)
        try:
            done.result(timeout + 1)
        except (TimeoutError, CancelledError):
            _log.warning("agents did not end in time; their steps are taken over at the next start")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(timeout)

    async def _cancel_all(self, grace_s: float) -> None:
        tasks = set(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for other in rest:  # who only watches, and who did not come to an end in time
            other.cancel()
        if rest:
            await asyncio.wait(rest, timeout=0.2)


_lock = threading.Lock()
_thread: _Loop | None = None
_closed = False


def submit(work: Coroutine[Any, Any, T]) -> Future[T] | None:
    """Start `work` on the agents' loop; None when the process is closing."""
    global _thread
    with _lock:
        if _closed:
            work.close()
            return None
        if _thread is None:
            _thread = _Loop()
        return asyncio.run_coroutine_threadsafe(_thread.keep(work), _thread.loop)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Perform `work` on the agents' loop and wait. Returns at once when the process is closing."""
    future = submit(work)
    if future is None:
        return
    with suppress(CancelledError):  # closing; the step's lease ends or is taken over
        future.result()


def call(function: Any, *arguments: Any) -> None:
    """Call `function(*arguments)` on the loop soon, if there is one. From any thread; does not wait."""
    with _lock:
        if _thread is not None and not _closed:
            _thread.loop.call_soon_threadsafe(function, *arguments)


def is_closing() -> bool:
    """Return whether new work is refused."""
    return _closed


def close(timeout: float = 1.5) -> None:
    """Refuse new work, cancel what runs, end the loop's thread. `reopen` allows work again."""
    global _thread, _closed
    with _lock:
        _closed = True
        thread, _thread = _thread, None
    if thread is not None:
        thread.stop(timeout)


def reopen() -> None:
    """Accept work again (tests)."""
    global _closed
    with _lock:
        _closed = False
