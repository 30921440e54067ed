"""The lookout of a server process: what the sync engine needs done although no phone asks for it."""

from __future__ import annotations

import signal
import socket
import threading
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from backend.app import Wiring
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.sync_host import waiting_room_of
from backend.web.wiring import EXTENSION
from sync.engine import SyncEngine
from sync.expand import CHANNEL
from sync.hook import CHANGED
from sync.wake import WaitingRoom

log = structlog.get_logger("doorstep.lookout")

IDLE_SECONDS = 5.0
"""Between two looks when nothing was written here: another process may have, and what is held comes due."""
SETTLE_SECONDS = 0.2
"""After a write: the exchange that made it expands by itself, and then there is nothing left to do."""
LONGEST_PAUSE = 60.0
HEARTBEAT_SECONDS = 2.0
LONGEST_SILENCE = 15.0
"""Between two tries to listen again: those who wait look for themselves meanwhile."""


def start_lookout(app: Flask) -> tuple[Lookout, Listener | None]:
    """Start what a server process needs beside its requests; the listener only on PostgreSQL."""
    wiring: Wiring = app.extensions[EXTENSION]
    room = waiting_room_of(app)
    lookout = Lookout(wiring.sync, wiring.factory, room)
    lookout.start()
    if wiring.engine.dialect.name != "postgresql":
        return lookout, None
    listener = Listener(wiring.engine, room)
    listener.start()
    return lookout, listener


def empty_at_the_end(room: WaitingRoom) -> socket.socket:
    """Send everybody home when this process is told to end; to be called from its main thread.

    The server waits for answers under way, and whoever waits for news would hold it up for as long. Its own
    signal handlers are set after ours could be: so we listen at the wakeup descriptor, which hears them all.
    Returns its socket, which must stay open as long as the process lives.
    """
    hears, speaks = socket.socketpair()
    speaks.setblocking(False)
    signal.set_wakeup_fd(speaks.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        heard: set[int] = set()
        while not heard & {signal.SIGTERM, signal.SIGINT}:
            heard.update(hears.recv(64))
        room.close()

    threading.Thread(target=listen, name="end", daemon=True).start()
    return speaks


class Lookout:
    """Expands what was written here and rings for those who wait, without anybody having to pull first."""

    def __init__(self, engine: SyncEngine, factory: UnitOfWorkFactory, room: WaitingRoom) -> None:
        self._engine = engine
        self._room = room
        self._stopping = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        event.listen(factory.session_factory, "after_commit", self._nudge)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the look at hand."""
        self._stopping.set()
        self._nudged.set()
        self._thread.join(timeout)

    def look(self) -> None:
        """Once: expand, try again what was held, ring."""
        for audience in self._engine.look_after():
            self._room.ring(audience)

    def _nudge(self, session: Session) -> None:
        if session.info.get(CHANGED):
            self._nudged.set()

    def _run(self) -> None:
        pause = IDLE_SECONDS
        while not self._stopping.is_set():
            self._nudged.wait(pause)
            self._nudged.clear()
            if self._stopping.wait(SETTLE_SECONDS):
                return
            try:
                self.look()
                pause = IDLE_SECONDS
            except Exception:
                # The database is away or busy. The thread must outlive that, without filling the log.
                log.exception("lookout.stalled", pause_seconds=pause)
                pause = min(pause * 2, LONGEST_PAUSE)


class Listener:
    """Hears on PostgreSQL what any process expanded: one connection, made anew when it breaks."""

    def __init__(self, engine: Engine, room: WaitingRoom) -> None:
        self._engine = engine
        self._room = room
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End, within a heartbeat."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            try:
                self._listen()
                pause = 1.0
            except Exception as error:
                log.warning("listener.broken", error=type(error).__name__, pause_seconds=pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_SILENCE)

    def _listen(self) -> None:
        # A connection of its own, with the pool's settings: the pool forgets it and may make another.
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        try:
            connection.rollback()
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self._room.is_rung = True
            self._room.ring()  # for all that was said while nobody listened
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=HEARTBEAT_SECONDS):
                    self._room.ring(notice.payload)
                connection.execute("SELECT 1")  # a connection that died silently must not be trusted
        finally:
            self._room.is_rung = False
            connection.close()
