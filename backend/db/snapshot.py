"""A snapshot: several statements that read one state of the database, without a session around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

from backend.db.driver import BEGIN_SNAPSHOT, Rows, ask_ahead, by_libpq, by_word, compiled, roll_back, run
from backend.db.look import Ask, Looks, Question, through

Promised: TypeAlias = Callable[[], Rows]
Ahead: TypeAlias = Callable[[Question, Mapping[str, Any]], Promised]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A `Look` whose statements see the same. `ahead` is `all` for rows that are wanted a little later.

    On PostgreSQL the database works on it meanwhile. Nothing else is to be asked before its rows were taken.
    """

    all: Ask
    ahead: Ahead
    now: datetime
    dialect: str


@contextmanager
def snapshot_through(reading: Engine, looks: Looks, now: datetime) -> Iterator[Snapshot]:
    """Begin with the first statement, end with the block, whatever was asked ahead and never taken.

    On PostgreSQL it takes one of the connections of looks, as `backend.db.straight` does and for its reason.
    """
    if reading.dialect.name != "postgresql":
        with reading.connect() as connection:
            ask = through(connection)
            yield Snapshot(ask, lambda *asked: lambda: ask(*asked), now, reading.dialect.name)
        return
    pooled = looks.take()
    try:
        asking = _Asking(pooled)
        run(by_word, pooled, BEGIN_SNAPSHOT, {})
        try:
            yield Snapshot(asking.all, asking.ahead, now, "postgresql")
        finally:
            try:
                asking.settle()
            finally:
                if pooled.is_valid:
                    roll_back(pooled)
    finally:
        looks.give_back(pooled)


class _Asking:
    """Statements on one connection of PostgreSQL, one of them perhaps still on its way."""

    def __init__(self, pooled: PoolProxiedConnection) -> None:
        self._pooled = pooled
        self._promised: Promised | None = None

    def all(self, statement: Question, parameters: Mapping[str, Any]) -> Rows:
        return run(by_libpq, self._pooled, compiled(statement), parameters)

    def ahead(self, statement: Question, parameters: Mapping[str, Any]) -> Promised:
        promised = self._promised = ask_ahead(self._pooled, compiled(statement), parameters)

        def rows() -> Rows:
            self._promised = None
            return promised()

        return rows

    def settle(self) -> None:
        """Take what nobody took: the connection has to be free for what comes next."""
        if self._promised is not None:
            with suppress(DBAPIError):
                self._promised()
