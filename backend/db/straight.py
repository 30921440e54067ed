"""A writing transaction of a few known statements, without a session, straight through the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine, Executable, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

from backend.db.driver import BEGIN, COMMIT, ROLLBACK, Rows, by_libpq, by_word, compiled, run
from backend.db.look import Looks
from sync.sql import Parameters

Run: TypeAlias = Callable[[Executable, Parameters], Rows]


@dataclass(frozen=True, slots=True)
class Straight:
    """The transaction: `run(statement, parameters)` gives rows in the order of the statement's columns.

    A list of parameters runs the statement once for each. What only writes gives no rows.
    """

    dialect: str
    now: datetime
    run: Run


@contextmanager
def straight_through(engine: Engine, looks: Looks, now: datetime) -> Iterator[Straight]:
    """Begin, and commit when the block ends; an exception rolls back.

    On PostgreSQL it takes one of the connections of looks, which read unless a transaction says that it
    writes; those of sessions forget their prepared statements whenever one is rolled back.
    """
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            yield Straight(engine.dialect.name, now, _by_sqlalchemy(connection))
        return
    pooled = looks.take()
    try:
        run(by_word, pooled, BEGIN, {})
        yield Straight(engine.dialect.name, now, _by_driver(pooled))
        run(by_word, pooled, COMMIT, {})
    except BaseException as error:
        if pooled.is_valid:
            _roll_back(pooled, error)
        raise
    finally:
        looks.give_back(pooled)


def _roll_back(pooled: PoolProxiedConnection, because: BaseException) -> None:
    try:
        run(by_word, pooled, ROLLBACK, {})
    except DBAPIError:
        pooled.invalidate(because)


def _by_driver(pooled: PoolProxiedConnection) -> Run:
    def run_one(statement: Executable, parameters: Parameters) -> Rows:
        made = compiled(statement)
        if isinstance(parameters, Mapping):
            return made.read(run(by_libpq, pooled, made, parameters))
        for each in parameters:
            run(by_libpq, pooled, made, each)
        return ()

    return run_one


def _by_sqlalchemy(connection: Connection) -> Run:
    def run_one(statement: Executable, parameters: Parameters) -> Rows:
        result = connection.execute(statement, parameters)
        return result.all() if result.returns_rows else ()

    return run_one
