"""The epoch: one unbroken life of the database.

A restored copy begins a new one, and every device starts over.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text, bindparam, literal_column, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from sync.host import UnitOfWork
from sync.models import STATE
from sync.sql import dialect_of, upsert

NO_IDENTITY: ColumnElement[str | None] = literal_column("NULL", Text)
"""SQLite, or a PostgreSQL that tells its identity to nobody: then only devices notice a restored copy."""
SERVER_IDENTITY: ColumnElement[str | None] = literal_column(
    "(SELECT c.system_identifier::text FROM pg_control_system() c)"
    " || '/' || (SELECT k.timeline_id::text FROM pg_control_checkpoint() k)",
    Text,
)

_REFUSALS = frozenset({"42501", "42883"})  # insufficient privilege; no such function


def identity_expression(session: Session) -> ColumnElement[str | None]:
    """How to ask this database who it is.

    One probe in a savepoint; the answer holds for the whole process. Raises DBAPIError for anything but a
    refusal: a connection that is lost here says nothing about the next.
    """
    if dialect_of(session) == "sqlite":
        return NO_IDENTITY
    try:
        with session.begin_nested():
            session.connection().execute(select(SERVER_IDENTITY))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _REFUSALS:
            raise
        return NO_IDENTITY
    return SERVER_IDENTITY


def begin_first(uow: UnitOfWork) -> None:
    """Give a new database its first epoch; does nothing on one that has an epoch."""
    statement = upsert(dialect_of(uow.session), STATE)
    first = {"id": 1, "epoch": uow.mint_id(), "began_at": uow.now}
    uow.session.connection().execute(statement.values(first).on_conflict_do_nothing())


def begin_new(uow: UnitOfWork, seen: UUID) -> UUID:
    """Replace the epoch `seen` by a new one and return the epoch in force.

    When two devices notice the same restore at once, the second finds that it has been done.
    """
    connection = uow.session.connection()
    connection.execute(_REPLACE, {"new": uow.mint_id(), "began_at": uow.now, "seen": seen})
    return current_epoch(uow)


def current_epoch(uow: UnitOfWork) -> UUID:
    """The epoch in force; a database that anything was pushed to has one."""
    epoch: UUID = uow.session.connection().execute(select(STATE.c.epoch)).scalar_one()
    return epoch


def note_identity(uow: UnitOfWork, identity: str) -> None:
    """Remember what the database server says of itself."""
    uow.session.connection().execute(update(STATE).values(server_identity=identity))


_REPLACE = (
    update(STATE)
    .where(STATE.c.id == 1, STATE.c.epoch == bindparam("seen"))
    .values(epoch=bindparam("new"), began_at=bindparam("began_at"), server_identity=None)
)
