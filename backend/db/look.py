"""A look: single statements that read, each a snapshot by itself, at the price of one round trip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg import RawCursor
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, Dialect, Engine, PoolProxiedConnection, Select, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from backend.db.engine import PAUSE_SECONDS

Rows: TypeAlias = Sequence[Sequence[Any]]
Question: TypeAlias = Select[*tuple[Any, ...]]
Ask: TypeAlias = Callable[[Question, Mapping[str, Any]], Rows]
Asked: TypeAlias = Callable[[psycopg.Connection, "dict[Any, Any]", "Compiled", Sequence[Any]], Rows]

_LOOKS: WeakKeyDictionary[Engine, Looks] = WeakKeyDictionary()
_DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_PREPARED = "doorstep_prepared"


@dataclass(frozen=True, slots=True)
class Look:
    """Where to ask; `all(statement, parameters)` gives rows in the order of the statement's columns.

    Values are what the driver makes of them: an enum arrives as its value.
    """

    all: Ask
    now: datetime
    dialect: str


class Looks:
    """Looks through one engine of `backend.db.engine.looking`.

    Connections that answered just now are kept at hand, out of the pool: its ceremony on the way out and in
    costs as much as a statement. They go with the pool.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._at_hand: list[tuple[PoolProxiedConnection, float]] = []
        event.listen(engine, "engine_disposed", self._let_go)

    @classmethod
    def of(cls, engine: Engine) -> Looks:
        """The one of this engine."""
        if engine not in _LOOKS:
            _LOOKS[engine] = cls(engine)
        return _LOOKS[engine]

    @contextmanager
    def look(self, now: datetime) -> Iterator[Look]:
        """A look, whose connection is taken for the length of the with-block."""
        if self._engine.dialect.name != "postgresql":
            with self._engine.connect() as connection:
                yield Look(through(connection), now, connection.dialect.name)
            return
        pooled = self._take()
        try:
            yield Look(_asking(pooled, _ask_alone), now, self._engine.dialect.name)
        finally:
            if pooled.is_valid:
                self._at_hand.append((pooled, time.monotonic()))

    def _take(self) -> PoolProxiedConnection:
        try:
            pooled, used = self._at_hand.pop()
        except IndexError:
            return self._engine.raw_connection()
        if time.monotonic() - used < PAUSE_SECONDS:
            return pooled
        pooled.close()  # back to the pool, which asks it whether it still works
        return self._engine.raw_connection()

    def _let_go(self, _: Engine) -> None:
        while self._at_hand:
            self._at_hand.pop()[0].invalidate()


def through(connection: Connection) -> Ask:
    """The same in a transaction that is open already."""
    if connection.dialect.name == "postgresql":
        return _asking(connection.connection, _ask_in_transaction)
    return lambda statement, parameters: connection.execute(statement, dict(parameters)).all()


def _asking(pooled: PoolProxiedConnection, asked: Asked) -> Ask:
    """Straight through the driver: SQLAlchemy's way around such a statement costs more than it does."""
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)

    def ask(statement: Question, parameters: Mapping[str, Any]) -> Rows:
        compiled = _compiled(statement)
        given = {**compiled.constants, **parameters}
        try:
            return asked(driver, pooled.info, compiled, [given[name] for name in compiled.order])
        except psycopg.Error as error:
            if driver.broken:
                pooled.invalidate(error)
            raise DBAPIError.instance(
                compiled.sql.decode(),
                dict(parameters),
                error,
                psycopg.Error,
                connection_invalidated=driver.broken,
            ) from error

    return ask


def _ask_in_transaction(
    driver: psycopg.Connection, _: dict[Any, Any], compiled: Compiled, values: Sequence[Any]
) -> Rows:
    """By psycopg, which begins the transaction, and forgets what is prepared when one is rolled back."""
    return RawCursor(driver).execute(compiled.sql, values, prepare=True, binary=True).fetchall()


def _ask_alone(
    driver: psycopg.Connection, info: dict[Any, Any], compiled: Compiled, values: Sequence[Any]
) -> Rows:
    """By libpq itself, on a connection in autocommit: psycopg's own way of waiting costs more."""
    transformer = Transformer(driver)
    given = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    types = transformer.types or ()
    prepared: dict[object, bytes] = info.setdefault(_PREPARED, {})
    name = prepared.get((compiled.sql, types))
    if name is None:
        name = f"look_{len(prepared)}".encode()
        _checked(driver.pgconn.prepare(name, compiled.sql, types))
        prepared[compiled.sql, types] = name
    # NULL is None here as in exec_params; only the annotation forgets it.
    result = _checked(driver.pgconn.exec_prepared(name, given, transformer.formats, Format.BINARY))  # type: ignore[arg-type]
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


def _checked(result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise error_from_result(result)
    return result


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement for libpq: `$1` is the first of `order`; `constants` stand in the statement itself."""

    sql: bytes
    order: Sequence[str]
    constants: Mapping[str, Any]


@cache
def _compiled(statement: Question) -> Compiled:
    compiled = statement.compile(dialect=_DIALECT)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    assert isinstance(compiled, SQLCompiler)
    return Compiled(str(compiled).encode(), tuple(compiled.positiontup or ()), constants)
