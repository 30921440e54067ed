"""Forgets what may be forgotten, once a day, so that nobody has to remember it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from backend.access.sessions import forget_old_tokens
from backend.access.throttle import forget_old_buckets
from backend.app import Wiring
from backend.db.unit_of_work import UnitOfWork
from backend.outbox.sending import forget_what_was_sent
from backend.web.idempotency import forget_old_keys
from sync.horizon import forget_what_is_past

log = structlog.get_logger("doorstep.housekeeping")

DAY_SECONDS = 86_400.0
FIRST_AFTER_SECONDS = 600.0
"""Not at once: a server that is restarted often has better things to do."""
UNFINISHED_UPLOADS_KEPT = timedelta(days=7)

CHORES: tuple[Callable[[UnitOfWork], object], ...] = (
    forget_old_tokens,
    forget_old_buckets,
    forget_old_keys,
    forget_what_was_sent,
)
"""Each in a transaction of its own: one that fails keeps none of the others from being done."""


def keep_house(wiring: Wiring) -> list[str]:
    """Do every chore once, also beside a running server; returns the names of those that failed."""
    failed = []
    for chore in CHORES:
        try:
            with wiring.factory.begin() as uow:
                chore(uow)
        except Exception:
            log.exception("chore failed", chore=chore.__name__)
            failed.append(chore.__name__)
    for work in (_forget_past_journals, _sweep_uploads):
        try:
            work(wiring)
        except Exception:
            log.exception("chore failed", chore=work.__name__)
            failed.append(work.__name__)
    return failed


def _forget_past_journals(wiring: Wiring) -> None:
    forget_what_is_past(wiring.sync)


def _sweep_uploads(wiring: Wiring) -> None:
    wiring.objects.sweep(before=wiring.clock() - UNFINISHED_UPLOADS_KEPT)


class Housekeeper:
    """Keeps house once a day in a thread of the server."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the chore at hand."""
        self._stopping.set()

    def _run(self) -> None:
        pause = FIRST_AFTER_SECONDS
        while not self._stopping.wait(pause):
            keep_house(self._wiring)
            pause = DAY_SECONDS
