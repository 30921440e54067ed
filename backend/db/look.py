"""A look: single statements that read, each a snapshot by itself, at the price of one round trip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, PoolProxiedConnection, Select, event

from backend.db.driver import Asked, Rows, by_libpq, by_psycopg, compiled, run
from backend.db.engine import PAUSE_SECONDS

Question: TypeAlias = Select[*tuple[Any, ...]]
Ask: TypeAlias = Callable[[Question, Mapping[str, Any]], Rows]

_LOOKS = "doorstep_looks_through"


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
        """The one of this engine, which keeps it: so both go together."""
        looks: Looks | None = engine.get_execution_options().get(_LOOKS)
        if looks is None:
            looks = cls(engine)
            engine.update_execution_options(**{_LOOKS: looks})
        return looks

    def look(self, now: datetime) -> AbstractContextManager[Look]:
        """A look, whose connection is taken for the length of the with-block."""
        return _Taken(self, now) if self._engine.dialect.name == "postgresql" else self._connected(now)

    @contextmanager
    def _connected(self, now: datetime) -> Iterator[Look]:
        with self._engine.connect() as connection:
            yield Look(through(connection), now, connection.dialect.name)

    def take(self) -> PoolProxiedConnection:
        """One of PostgreSQL's connections, in autocommit, to be given back."""
        try:
            pooled, used = self._at_hand.pop()
        except IndexError:
            return self._engine.raw_connection()
        if time.monotonic() - used < PAUSE_SECONDS:
            return pooled
        pooled.close()  # back to the pool, which asks it whether it still works
        return self._engine.raw_connection()

    def give_back(self, pooled: PoolProxiedConnection) -> None:
        """Keep it at hand, unless it broke meanwhile."""
        if pooled.is_valid:
            self._at_hand.append((pooled, time.monotonic()))

    def _let_go(self, _: Engine) -> None:
        while self._at_hand:
            self._at_hand.pop()[0].invalidate()


class _Taken(AbstractContextManager[Look]):
    """A look at PostgreSQL. A class, because every request makes one: a generator costs six calls more."""

    def __init__(self, looks: Looks, now: datetime) -> None:
        self._looks = looks
        self._now = now

    def __enter__(self) -> Look:
        self._pooled = self._looks.take()
        return Look(_asking(by_libpq, self._pooled), self._now, "postgresql")

    def __exit__(self, *_: object) -> None:
        self._looks.give_back(self._pooled)


def through(connection: Connection) -> Ask:
    """The same in a transaction that is open already."""
    if connection.dialect.name == "postgresql":
        return _asking(by_psycopg, connection.connection)
    return lambda statement, parameters: connection.execute(statement, dict(parameters)).all()


def _asking(asked: Asked, pooled: PoolProxiedConnection) -> Ask:
    return lambda statement, parameters: run(asked, pooled, compiled(statement), parameters)
