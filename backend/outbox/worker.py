"""The thread that keeps the outbox empty."""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from backend.db.unit_of_work import UnitOfWorkFactory
from backend.outbox.rules import Lane
from backend.outbox.sending import Pauses, forget_what_was_sent, send_due
from backend.outbox.transports import Transport
from backend.outbox.watch import Watch

log = structlog.get_logger(__name__)

_HOUSEKEEPING = timedelta(hours=1)
_LONGEST_PAUSE = 60.0


class OutboxWorker:
    """Sends due messages until it is stopped. Several may run, in one process or in many."""

    def __init__(
        self,
        factory: UnitOfWorkFactory,
        transports: Mapping[str, Transport],
        *,
        lane: Lane = Lane.QUICK,
        pause: float = 1.0,
        watch: Watch | None = None,
    ) -> None:
        """`transports` by kind of message; `pause`: seconds between two looks at an empty outbox.

        `watch`: whose return hastens messages.
        """
        self._watch = watch
        self._lane = lane
        self._factory = factory
        self._transports = transports
        self._pause = pause
        self._pauses = Pauses()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._cleaned_at: datetime | None = None

    def start(self) -> None:
        """Begin to send; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"outbox-{self._lane}", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Finish the message at hand and end; whether it ended within `timeout` seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def wake(self) -> None:
        """Look at once: something was posted."""
        self._wake.set()

    def _run(self) -> None:
        pause = self._pause
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._watch is not None:
                    self._watch.look()
                send_due(
                    self._factory,
                    self._transports,
                    lane=self._lane,
                    until=self._stopping.is_set,
                    pauses=self._pauses,
                )
                self._clean_up_now_and_then()
                pause = self._pause
            except Exception:
                # The database is away or busy. The thread must outlive that, without filling the log.
                log.exception("outbox.stalled", pause_seconds=pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            self._wake.wait(pause)

    def _clean_up_now_and_then(self) -> None:
        now = self._factory.clock()
        if self._cleaned_at is None or now - self._cleaned_at >= _HOUSEKEEPING:
            self._cleaned_at = now
            with self._factory.begin() as uow:
                forget_what_was_sent(uow)
