"""Threads that stop at a named point until the test lets them go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

PATIENCE = 10.0


class Gate:
    """A point in a program: whoever comes through waits there until the test opens it.

    Only the first one waits.
    """

    def __init__(self) -> None:
        self._reached, self._open, self._used = threading.Event(), threading.Event(), False

    def pass_through(self) -> None:
        if self._used:
            return
        self._used = True
        self._reached.set()
        assert self._open.wait(PATIENCE), "nobody opened the gate"

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()


class Beside:
    """Runs something in another thread; leaving the block waits for it and raises what it raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Until it has ended, for so long at most."""
        self._thread.join(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive() or error, "the other thread does not end"
        if self._error is not None and error is None:
            raise self._error
