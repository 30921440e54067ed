"""A writing transaction of a few known statements, without a session, straight through the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Executable, PoolProxiedConnection

from backend.db.driver import (
    BEGIN,
    COMMIT,
    Compiled,
    Rows,
    by_libpq,
    by_word,
    compiled,
    roll_back,
    run,
    run_together,
)
from backend.db.look import Looks
from sync.sql import Parameters

Promised: TypeAlias = Callable[[], Rows]
Later: TypeAlias = Callable[[Executable, Parameters], Promised]


@dataclass(frozen=True, slots=True)
class Straight:
    """The transaction: `run(statement, parameters)` gives rows in the order of the statement's columns.

    A list of parameters runs the statement once for each. What only writes gives no rows. `later` is `run`
    for what nobody waits for: on PostgreSQL it travels with the next statement that somebody does wait for.
    """

    dialect: str
    now: datetime
    later: Later

    def run(self, statement: Executable, parameters: Parameters) -> Rows:
        """Rows, now."""
        return self.later(statement, parameters)()


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
        queue = _Queue(pooled)
        yield Straight(engine.dialect.name, now, queue.add)
        queue.send()
        run(by_word, pooled, COMMIT, {})
    except BaseException:
        if pooled.is_valid:
            roll_back(pooled)
        raise
    finally:
        looks.give_back(pooled)


class _Queue:
    """Statements that are sent together, in their order, as soon as the rows of one are wanted."""

    def __init__(self, pooled: PoolProxiedConnection) -> None:
        self._pooled = pooled
        self._waiting: list[tuple[Compiled, Mapping[str, Any]]] = [(BEGIN, {})]
        self._sent = 0
        self._found: dict[int, Rows] = {}

    def add(self, statement: Executable, parameters: Parameters) -> Promised:
        """Put one at the end; what is returned gives its rows, once."""
        made = compiled(statement)
        if not isinstance(parameters, Mapping):
            self._waiting += [(made, each) for each in parameters]
            return tuple
        self._waiting.append((made, parameters))
        place = self._sent + len(self._waiting) - 1

        def rows() -> Rows:
            if place >= self._sent:
                self.send()
            return made.read(self._found.pop(place))

        return rows

    def send(self) -> None:
        """Run what waits; what fails is raised, and nothing after it has run."""
        batch, self._waiting = self._waiting, []
        first, self._sent = self._sent, self._sent + len(batch)
        if len(batch) == 1:
            found = [run(by_libpq, self._pooled, *batch[0])]
        else:
            found = run_together(self._pooled, batch) if batch else []
        self._found.update(enumerate(found, first))


def _by_sqlalchemy(connection: Connection) -> Later:
    def run_now(statement: Executable, parameters: Parameters) -> Promised:
        result = connection.execute(statement, parameters)
        rows = result.all() if result.returns_rows else ()
        return lambda: rows

    return run_now
