"""The broker within one process: its consumer sleeps until something comes; kombu's own asks ten times a second."""

import threading
import time
from queue import Empty
from typing import Any

from kombu.transport import memory

_moved = threading.Event()


class _Channel(memory.Channel):
    """Kombu's queues in memory, which say when there may be something to deliver."""

    def _put(self, *args: Any, **more: Any) -> None:
        super()._put(*args, **more)  # type: ignore[no-untyped-call]
        _moved.set()

    def basic_ack(self, *args: Any, **more: Any) -> None:
        super().basic_ack(*args, **more)  # type: ignore[no-untyped-call]
        _moved.set()  # the consumer that had its fill may take more

    def basic_reject(self, *args: Any, **more: Any) -> None:
        super().basic_reject(*args, **more)  # type: ignore[no-untyped-call]
        _moved.set()


class Transport(memory.Transport):
    """`memory://` for one consumer."""

    Channel = _Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **_more: Any) -> None:
        """Deliver one message; raises TimeoutError when none comes within `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            _moved.clear()  # before the look, so that nothing comes unheard between the two
            try:
                self.cycle.get(self._deliver, timeout=timeout)  # type: ignore[union-attr]
            except Empty:
                if not _moved.wait(None if end is None else max(end - time.monotonic(), 0)):
                    raise TimeoutError from None
            else:
                return
