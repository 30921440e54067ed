"""What SQLite and PostgreSQL spell differently, and small steps that every part of the engine takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    ColumnElement,
    Executable,
    Table,
    TableClause,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class _JsonText(UserDefinedType[str]):
    """JSON that has been written already."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


IDS_AT_ONCE = 500
"""How many ids one statement names: well below both engines' limit of parameters."""


def dialect_of(session: Session) -> str:
    """ "sqlite" or "postgresql"."""
    return session.get_bind().dialect.name


def upsert(dialect: str, table: TableClause | type[Any]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT: the dialects' methods are the same, but share no class."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def write(session: Session, statement: Executable, rows: Sequence[Mapping[str, object]]) -> int:
    """Run a writing statement once per row of parameters; how many rows of the table it touched."""
    if not rows:
        return 0
    result = session.connection().execute(statement, list(rows))
    return result.rowcount


def insert_rows(
    session: Session, table: Table, rows: Sequence[Mapping[str, object]], newest_of: tuple[str, ...] = ()
) -> None:
    """Insert rows in one statement (`insertion`)."""
    if rows:
        session.connection().execute(*insertion(dialect_of(session), table, rows, newest_of))


def insertion(
    dialect: str, table: Table, rows: Sequence[Mapping[str, object]], newest_of: tuple[str, ...] = ()
) -> tuple[Executable, Parameters]:
    """The statement that inserts these rows, one at least, and its parameters.

    The rows fill the same columns. `newest_of` names a unique key: a row that is there under it takes the
    values of the new one, of which there may be only one.
    """
    statement = _insert(dialect, table, tuple(rows[0]), newest_of)
    return statement, list(rows) if dialect == "sqlite" else {"rows": orjson.dumps(rows).decode()}


@cache
def _insert(dialect: str, table: Table, names: tuple[str, ...], newest_of: tuple[str, ...]) -> Executable:
    if dialect == "sqlite" and not newest_of:
        return table.insert()
    statement = upsert(dialect, table)
    if dialect == "postgresql":
        # One JSON document for any number of rows: the statement is prepared once, the rows travel together,
        # and PostgreSQL reads their values by the types of the table's columns.
        shape: ColumnElement[Any] = literal_column(f"NULL::{table.name}")
        given = func.json_populate_recordset(shape, cast(bindparam("rows", type_=Text), _JsonText))
        rows = given.table_valued(*(table.c[name] for name in names))
        statement = statement.from_select(names, select(*(rows.c[name] for name in names)))
    if newest_of:
        newest = {name: statement.excluded[name] for name in names if name not in newest_of}
        statement = statement.on_conflict_do_update(index_elements=newest_of, set_=newest)
    return statement


def batches(items: Sequence[T], size: int = IDS_AT_ONCE) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
