"""A look: single statements that read, each a snapshot by itself, at the price of one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import Connection, Dialect, Engine, PoolProxiedConnection, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

Rows: TypeAlias = Sequence[Sequence[Any]]
Question: TypeAlias = Select[*tuple[Any, ...]]
Ask: TypeAlias = Callable[[Question, Mapping[str, Any]], Rows]

_DIALECT: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


@dataclass(frozen=True, slots=True)
class Look:
    """Where to ask; `all(statement, parameters)` gives rows in the order of the statement's columns.

    Values are what the driver makes of them: an enum arrives as its value.
    """

    all: Ask
    now: datetime


@contextmanager
def looking(engine: Engine, now: datetime) -> Iterator[Look]:
    """A look through an engine of `backend.db.engine.looking`."""
    if engine.dialect.name == "postgresql":
        pooled = engine.raw_connection()
        try:
            yield Look(_through_driver(pooled), now)
        finally:
            pooled.close()
    else:
        with engine.connect() as connection:
            yield Look(through(connection), now)


def through(connection: Connection) -> Ask:
    """The same in a transaction that is open already."""
    return lambda statement, parameters: connection.execute(statement, dict(parameters)).all()


def _through_driver(pooled: PoolProxiedConnection) -> Ask:
    """Straight through psycopg: SQLAlchemy's way around a statement costs more than these statements do."""
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)

    def ask(statement: Question, parameters: Mapping[str, Any]) -> Rows:
        sql, constants = _compiled(statement)
        try:
            return driver.execute(sql, {**constants, **parameters}).fetchall()
        except psycopg.Error as error:
            if driver.broken:
                pooled.invalidate(error)
            raise DBAPIError.instance(
                sql.decode(), dict(parameters), error, psycopg.Error, connection_invalidated=driver.broken
            ) from error

    return ask


@cache
def _compiled(statement: Question) -> tuple[bytes, dict[str, Any]]:
    """The text for psycopg, and the values that stand in the statement itself."""
    compiled = statement.compile(dialect=_DIALECT)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled).encode(), constants
