"""What the sync engine needs of this application, and where a request finds the engine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import structlog
from flask import Flask, current_app
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS
from backend.access.queries import user, zone_and_revocation
from backend.access.reach import TECHNICIAN
from backend.db.faults import is_connection_trouble, is_transient
from backend.db.look import Look
from backend.db.snapshot import Snapshot
from backend.db.straight import Straight
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.web.problems import domain_error_of, status_of
from schemas.access import Role
from schemas.errors import DomainError
from sync.engine import SyncEngine
from sync.host import EVERYBODY, Audience, Caller
from sync.wake import WaitingRoom

_ENGINE, _ROOM = "doorstep.sync", "doorstep.waiting_room"
THREADS_PER_WAITER = 4
"""Of so many threads of the server one may wait for news; the others do the work."""

log = structlog.get_logger("doorstep.sync")


@dataclass(frozen=True)
class SyncHost:
    """The `sync.host.Host` of Doorstep."""

    factory: UnitOfWorkFactory
    cursor_secret: bytes

    def begin(self, *, write: bool = True) -> AbstractContextManager[UnitOfWork]:
        """One transaction."""
        return self.factory.begin(write=write)

    def begin_straight(self) -> AbstractContextManager[Straight]:
        """One writing transaction of a few statements."""
        return self.factory.begin_straight()

    def caller_of(self, session: Session, device_id: UUID, user_id: UUID) -> Caller | None:
        """A technician's device, as if it asked now."""
        time_zone, revoked_at = zone_and_revocation(session, device_id)
        role = user(session, user_id).role
        if role is not Role.TECHNICIAN:
            return None
        return caller_for(Actor(user_id, role, PERMISSIONS[role], device_id), time_zone, revoked_at)

    def look(self) -> AbstractContextManager[Look]:
        """For single statements that read."""
        return self.factory.look()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """For statements that read the same state of the database."""
        return self.factory.snapshot()

    def domain_error(self, error: Exception) -> DomainError | None:
        """The fact behind an error, None when it is a bug."""
        return domain_error_of(error)

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same transaction may succeed when repeated."""
        return is_transient(error)

    def is_database_trouble(self, error: BaseException) -> bool:
        """Whether the database cannot be reached or cannot write at all."""
        return is_connection_trouble(error)

    def status_of(self, error: DomainError) -> int:
        """The HTTP status of the problem in an outcome."""
        return status_of(error)

    def alarm(self, code: str, detail: str) -> None:
        """An error in the log, by its code: what whoever runs the server is to be woken for."""
        log.error("sync alarm", code=code, detail=detail)


def caller_for(actor: Actor, time_zone: str, revoked_at: datetime | None) -> Caller:
    """The caller that an actor on a phone is to the engine."""
    assert actor.device_id is not None, "a caller has a device"
    return Caller(
        device_id=actor.device_id,
        user_id=actor.user_id,
        actor=actor,
        audiences=(Audience(TECHNICIAN, actor.user_id), EVERYBODY),
        time_zone=time_zone,
        revoked_at=revoked_at,
    )


def install_engine(app: Flask, engine: SyncEngine, threads: int) -> None:
    """Give `app` its engine, and a room for phones to wait in that leaves most of its threads free."""
    app.extensions[_ENGINE] = engine
    app.extensions[_ROOM] = WaitingRoom(threads // THREADS_PER_WAITER)


def current_engine() -> SyncEngine:
    """The engine of the app that serves the current request."""
    return engine_of(current_app)


def engine_of(app: Flask) -> SyncEngine:
    """The same, of an app."""
    return cast("SyncEngine", app.extensions[_ENGINE])


def current_waiting_room() -> WaitingRoom:
    """Where phones wait for news in this process."""
    return waiting_room_of(current_app)


def waiting_room_of(app: Flask) -> WaitingRoom:
    """The same, of an app."""
    return cast("WaitingRoom", app.extensions[_ROOM])
