"""SQLite for several threads of one process: writers queue in line instead of in SQLite's busy handler.

SQLite's busy handler sleeps and retries, so under load somebody starves for seconds. Here a writer takes a
first-in-first-out lock of the process at BEGIN IMMEDIATE and gives it back at COMMIT or ROLLBACK. Reads outside
transactions do not queue.
"""

import threading
from collections import deque
from typing import Any

from django.db.backends.sqlite3 import base


class Line:
    """A fair lock: who comes first is served first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_busy = False

    def enter(self) -> None:
        with self._guard:
            if not self._is_busy:
                self._is_busy = True
                return
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        ticket.acquire()

    def leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_busy = False


_line = Line()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite backend with the queue in front of every transaction.

    The methods that are overridden are private: the stubs do not know them, so their calls are not typed.
    """

    _is_in_line = False

    def _start_transaction_under_autocommit(self) -> None:
        _line.enter()
        self._is_in_line = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        if self._is_in_line:
            self._is_in_line = False
            _line.leave()

    def _commit(self) -> Any:
        result = super()._commit()  # type: ignore[misc]
        self._leave()  # a failed commit keeps its place until the rollback
        return result

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._leave()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._leave()
