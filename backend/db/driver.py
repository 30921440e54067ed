"""Statements straight through the driver: SQLAlchemy's way around a small one costs more than it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NoReturn, TypeAlias

import psycopg
from psycopg import RawCursor
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InFailedSqlTransaction, error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Dialect, Executable, PoolProxiedConnection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Rows: TypeAlias = Sequence[Sequence[Any]]
Asked: TypeAlias = Callable[[psycopg.Connection, "dict[Any, Any]", "Compiled", Sequence[Any]], Rows]

_DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_PREPARED = "doorstep_prepared"
_TRANSFORMER = "doorstep_transformer"
_OID_OF_NUMERIC = 1700
"""As what a column of numbers arrives; the types of other columns do not ask."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement for libpq: `$1` is the first of `order`; `constants` stand in the statement itself.

    `readers`: of the columns whose type makes something else of what the driver gives, by their place.
    """

    sql: bytes
    order: Sequence[str]
    constants: Mapping[str, Any]
    readers: Sequence[tuple[int, Callable[[Any], Any]]]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """What `$1` and so on stand for."""
        given = {**self.constants, **parameters}
        return [given[name] for name in self.order]

    def read(self, rows: Rows) -> Rows:
        """Rows as SQLAlchemy would give them: each value as the type of its column says."""
        return [self._read(list(row)) for row in rows] if self.readers else rows

    def _read(self, row: list[Any]) -> Sequence[Any]:
        for place, reader in self.readers:
            row[place] = reader(row[place])
        return row


BEGIN = Compiled(b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", (), {}, ())
BEGIN_SNAPSHOT = Compiled(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", (), {}, ())
COMMIT = Compiled(b"COMMIT", (), {}, ())
ROLLBACK = Compiled(b"ROLLBACK", (), {}, ())


@cache
def compiled(statement: Executable) -> Compiled:
    """The statement in the words of PostgreSQL. Kept for ever: for statements that are built once."""
    assert isinstance(statement, ClauseElement)
    made = statement.compile(dialect=_DIALECT)
    assert isinstance(made, SQLCompiler)
    constants = {name: value for name, value in made.params.items() if value is not None}
    types = [column.type.dialect_impl(_DIALECT) for column in getattr(statement, "exported_columns", ())]
    readers = [(place, kind.result_processor(_DIALECT, _OID_OF_NUMERIC)) for place, kind in enumerate(types)]
    changing = tuple((place, reader) for place, reader in readers if reader is not None)
    return Compiled(str(made).encode(), tuple(made.positiontup or ()), constants, changing)


def run(
    asked: Asked, pooled: PoolProxiedConnection, statement: Compiled, parameters: Mapping[str, Any]
) -> Rows:
    """Run a statement on this connection; an error is the one that SQLAlchemy would have raised."""
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        return asked(driver, pooled.info, statement, statement.values(parameters))
    except psycopg.Error as error:
        raise _as_raised(pooled, driver, statement, parameters, error) from error


def run_together(
    pooled: PoolProxiedConnection, batch: Sequence[tuple[Compiled, Mapping[str, Any]]]
) -> list[Rows]:
    """Send statements in one go (libpq's pipeline) and read all their answers: one round trip for all.

    To PostgreSQL they are one after the other as ever, each with a snapshot of its own. None runs after one
    that fails, whose error is raised. The connection must be one that psycopg has in autocommit.
    """
    driver, found = pooled.driver_connection, list[Rows]()
    assert isinstance(driver, psycopg.Connection)
    try:
        given = [_bound(driver, pooled.info, made, made.values(parameters)) for made, parameters in batch]
        for result in _pipelined(driver, given):
            found.append(_read(driver, pooled.info, result))
    except psycopg.Error as error:
        raise _as_raised(pooled, driver, *batch[len(found)], error) from error
    return found


def ask_ahead(
    pooled: PoolProxiedConnection, statement: Compiled, parameters: Mapping[str, Any]
) -> Callable[[], Rows]:
    """Send a statement; what is returned waits for its rows. PostgreSQL works on it in between.

    Nothing else may be asked on this connection before. Whatever fails is raised when the rows are asked for.
    """
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        name, given, formats = _bound(driver, pooled.info, statement, statement.values(parameters))
        driver.pgconn.send_query_prepared(name, given, formats, Format.BINARY)
        driver.wait(send(driver.pgconn))
    except psycopg.Error as error:
        raised = _as_raised(pooled, driver, statement, parameters, error)
        return partial(_raise, raised)

    def rows() -> Rows:
        try:
            (result,) = driver.wait(fetch_many(driver.pgconn))
            return statement.read(_read(driver, pooled.info, result))
        except psycopg.Error as error:
            raise _as_raised(pooled, driver, statement, parameters, error) from error

    return rows


def _raise(error: BaseException) -> NoReturn:
    raise error


def _as_raised(
    pooled: PoolProxiedConnection,
    driver: psycopg.Connection,
    statement: Compiled,
    parameters: Mapping[str, Any],
    error: psycopg.Error,
) -> BaseException:
    if driver.broken:
        pooled.invalidate(error)
    return DBAPIError.instance(
        statement.sql.decode(),
        dict(parameters),
        error,
        psycopg.Error,
        connection_invalidated=driver.broken,
    )


def by_psycopg(
    driver: psycopg.Connection, _: dict[Any, Any], statement: Compiled, values: Sequence[Any]
) -> Rows:
    """By psycopg, which begins the transaction, and forgets what is prepared when one is rolled back."""
    return RawCursor(driver).execute(statement.sql, values, prepare=True, binary=True).fetchall()


def by_libpq(
    driver: psycopg.Connection, info: dict[Any, Any], statement: Compiled, values: Sequence[Any]
) -> Rows:
    """By libpq itself, on a connection that psycopg has in autocommit: its own way of waiting costs more."""
    name, given, formats = _bound(driver, info, statement, values)
    return _read(driver, info, driver.pgconn.exec_prepared(name, given, formats, Format.BINARY))


def _transformer(driver: psycopg.Connection, info: dict[Any, Any]) -> Any:
    # Kept with its connection: it remembers how each type is written and read, which a new one asks again.
    transformer = info.get(_TRANSFORMER)
    if transformer is None:
        transformer = info[_TRANSFORMER] = Transformer(driver)
    return transformer


def _bound(
    driver: psycopg.Connection, info: dict[Any, Any], statement: Compiled, values: Sequence[Any]
) -> tuple[bytes, Any, Any]:
    """The name of the prepared statement, its values, and their formats."""
    transformer = _transformer(driver, info)
    given = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    types = transformer.types or ()
    prepared: dict[object, bytes] = info.setdefault(_PREPARED, {})
    name = prepared.get((statement.sql, types))
    if name is None:
        name = f"straight_{len(prepared)}".encode()
        _checked(driver.pgconn.prepare(name, statement.sql, types))
        prepared[statement.sql, types] = name
    return name, given, transformer.formats


def _read(driver: psycopg.Connection, info: dict[Any, Any], result: PGresult) -> Rows:
    _checked(result)
    transformer = _transformer(driver, info)
    transformer.set_pgresult(result)
    rows: Rows = transformer.load_rows(0, result.ntuples, tuple)
    return rows


def _pipelined(driver: psycopg.Connection, given: Sequence[tuple[bytes, Any, Any]]) -> list[PGresult]:
    """The results of prepared statements that are sent together."""
    pgconn, results = driver.pgconn, list[PGresult]()
    pgconn.enter_pipeline_mode()
    try:
        for name, values, formats in given:
            pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        pgconn.pipeline_sync()
        driver.wait(send(pgconn))
        while not results or results[-1].status != ExecStatus.PIPELINE_SYNC:
            results += driver.wait(fetch_many(pgconn))
    finally:
        if pgconn.status == ConnStatus.OK:
            pgconn.exit_pipeline_mode()
    return results[:-1]


def by_word(driver: psycopg.Connection, _: dict[Any, Any], statement: Compiled, __: Sequence[Any]) -> Rows:
    """By libpq, what needs no plan: a word that begins or ends a transaction."""
    result = _checked(driver.pgconn.exec_(statement.sql))
    if statement == COMMIT and result.command_status == b"ROLLBACK":
        raise InFailedSqlTransaction("A statement failed before: nothing was committed.")
    return ()


def roll_back(pooled: PoolProxiedConnection) -> None:
    """End a transaction; a connection on which that fails is not used again."""
    try:
        run(by_word, pooled, ROLLBACK, {})
    except DBAPIError as error:
        pooled.invalidate(error)


def _checked(result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise error_from_result(result)
    return result
