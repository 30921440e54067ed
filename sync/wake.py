"""Waiting for news: a long poll that saves exchanges which bring nothing. A hint; nothing depends on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sync.cursor import Cursor
from sync.engine import SyncEngine
from sync.host import EVERYBODY, Caller
from sync.status import NO_JOURNAL, Status

LOOKS_EVERY = 0.5
"""Seconds between two looks while nobody rings."""
LOOKS_EVERY_WHEN_RUNG = 5.0
"""The same where somebody does: what was missed comes a little later."""
AWAY_SECONDS = 10
"""How long somebody who found no place should stay away."""


@dataclass
class Seat:
    """One device that waits. `given_up`: it asked again, so nobody listens to this answer any more."""

    audiences: frozenset[str]
    bell: threading.Event = field(default_factory=threading.Event)
    given_up: bool = False


class WaitingRoom:
    """Who waits in this process. Bounded, because whoever waits holds a thread of the server.

    `is_rung` while somebody rings for everything that happens; until then those who wait look for themselves.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.is_rung = False
        self._seats: dict[UUID, Seat] = {}
        self._lock = threading.Lock()

    @contextmanager
    def seat(self, device_id: UUID, audiences: Sequence[str]) -> Iterator[Seat | None]:
        """A place for the length of a with-block, None when all are taken; a device has one at a time."""
        seat = self._take(device_id, Seat(frozenset(audiences)))
        try:
            yield seat
        finally:
            with self._lock:
                if seat is not None and self._seats.get(device_id) is seat:
                    del self._seats[device_id]

    def _take(self, device_id: UUID, seat: Seat) -> Seat | None:
        with self._lock:
            before = self._seats.get(device_id)
            if before is None and len(self._seats) >= self.places:
                return None
            self._seats[device_id] = seat
            if before is not None:
                before.given_up = True
                before.bell.set()
        return seat

    def close(self) -> None:
        """Nobody waits any more: the process is about to end, and would have to wait for them."""
        with self._lock:
            self.places = 0
            for seat in self._seats.values():
                seat.given_up = True
                seat.bell.set()

    def ring(self, audience: str | None = None) -> None:
        """There may be news for this audience; for everybody with None."""
        everybody = audience in (None, EVERYBODY.key)
        with self._lock:
            for seat in self._seats.values():
                if everybody or audience in seat.audiences:
                    seat.bell.set()


@dataclass(frozen=True)
class Waited:
    """How a wait ended. `was_full`: there was no place to wait in."""

    news: bool
    was_full: bool = False


def wait_for_news(
    engine: SyncEngine, caller: Caller, room: WaitingRoom, token: str | None, seconds: float
) -> Waited:
    """Look once, and then until there is something new or `seconds` have passed. No transaction is held.

    `token` is the device's cursor: what came after it is news at once. Without one only what comes from now
    on is.
    """
    known: dict[str, int] | None = None
    if token is not None:
        cursor = engine.signer.read(token)
        if cursor is None or _must_begin_anew(engine, caller, cursor):
            return Waited(news=True)
        known = {key: place.position for key, place in cursor.places.items()}
    audiences = [audience.key for audience in caller.audiences]
    ends = time.monotonic() + seconds
    with room.seat(caller.device_id, audiences) as seat:
        while True:
            if seat is not None:
                seat.bell.clear()  # before looking: who rings meanwhile is heard
            status, is_stale = _look(engine, caller)
            heads = {key: feed.head for key, feed in status.feeds.items()} if status else {}
            if known is None:
                known = heads
            if is_stale or any(head > known.get(key, 0) for key, head in heads.items()):
                return Waited(news=True)
            left = ends - time.monotonic()
            if seat is None or seat.given_up or left <= 0:
                return Waited(news=False, was_full=seat is None and seconds > 0)
            seat.bell.wait(min(left, LOOKS_EVERY_WHEN_RUNG if room.is_rung else LOOKS_EVERY))


def _look(engine: SyncEngine, caller: Caller) -> tuple[Status | None, bool]:
    """How the caller's feeds stand, and whether one of them may differ from its scope."""
    status, now = _status(engine, caller)
    if status is not None and status.changes_pending:
        engine.expand()
        status, now = _status(engine, caller)
    if status is None:
        return None, True
    return status, bool(engine.stale(caller, status, now))


def _status(engine: SyncEngine, caller: Caller) -> tuple[Status | None, datetime]:
    with engine.host.look() as look:
        return engine.status(look, NO_JOURNAL, caller.audiences), look.now


def _must_begin_anew(engine: SyncEngine, caller: Caller, cursor: Cursor) -> bool:
    """Whether an exchange cannot go on from this cursor: of that the device should hear at once."""
    if cursor.device_id != caller.device_id:
        return True
    status, _ = _status(engine, caller)
    return status is None or status.epoch != cursor.epoch
