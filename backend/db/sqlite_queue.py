"""Lets the threads of a process write to an SQLite file one after the other, in the order they came in.

SQLite itself has no queue: who finds it locked sleeps a while, up to a tenth of a second, and tries again.
The lock lies idle meanwhile, and who has just come takes it from those who have waited for seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from sqlalchemy import Connection, Engine, event


class Queue:
    """A lock that is handed over to whoever has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def enter(self, seconds: float) -> bool:
        """Wait for one's turn; False when it did not come in time."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=seconds):
            return True
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True  # it came in the last moment

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def leave(self) -> None:
        """Let the next one in."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


_HELD: dict[int, Queue] = {}
"""Of which queue a driver's connection is the one that writes: engines may share a dialect, and its hooks."""


class WriteQueue:
    """The queue before one engine's write lock: who is in it writes, from before BEGIN until it is over."""

    def __init__(self, engine: Engine, busy_seconds: float) -> None:
        self._queue, self._busy_seconds = Queue(), busy_seconds
        dialect = engine.dialect
        self._commit, self._rollback = dialect.do_commit, dialect.do_rollback
        # SQLAlchemy's events come before the commit is done, which is too early to let the next one in.
        dialect.do_commit = self._after_commit  # type: ignore[method-assign, assignment]
        dialect.do_rollback = self._after_rollback  # type: ignore[method-assign, assignment]
        event.listen(engine, "close", lambda connection, _: self._leave(connection))
        event.listen(engine, "invalidate", lambda connection, *_: self._leave(connection))

    def begin_immediate(self, connection: Connection) -> None:
        """Begin to write when it is one's turn; other processes are waited for as SQLite does it."""
        key = _key(connection.connection)
        # Whose turn does not come goes on, and is told by SQLite that it is locked.
        if key not in _HELD and self._queue.enter(self._busy_seconds):
            _HELD[key] = self._queue
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            self._leave(connection.connection)
            raise

    def _after_commit(self, connection: Any) -> None:
        self._commit(connection)
        self._leave(connection)  # not when it raised: then it may be tried again, or is rolled back

    def _after_rollback(self, connection: Any) -> None:
        try:
            self._rollback(connection)
        finally:
            self._leave(connection)

    def _leave(self, connection: Any) -> None:
        key = _key(connection)
        queue = _HELD.pop(key, None)
        if queue is not None:
            queue.leave()


def _key(connection: Any) -> int:
    """The driver's connection, however it is wrapped; it lives at least as long as its transaction."""
    return id(getattr(connection, "dbapi_connection", None) or connection)
