"""What SQLite and PostgreSQL spell differently, and small steps that every part of the engine takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

T = TypeVar("T")

IDS_AT_ONCE = 500
"""How many ids one statement names: well below both engines' limit of parameters."""


def dialect_of(session: Session) -> str:
    """ "sqlite" or "postgresql"."""
    return session.get_bind().dialect.name


def upsert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT: the dialects' methods are the same, but share no class."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def write(session: Session, statement: Executable, rows: Sequence[Mapping[str, object]]) -> int:
    """Run a writing statement once per row of parameters; how many rows of the table it touched."""
    if not rows:
        return 0
    result = session.connection().execute(statement, list(rows))
    return result.rowcount


def batches(items: Sequence[T], size: int = IDS_AT_ONCE) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
