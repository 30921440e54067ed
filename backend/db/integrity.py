"""Turns a broken database constraint into the domain error that its room declared for it."""

import re
from collections.abc import Iterable

from sqlalchemy import MetaData, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from backend.db.base import Base
from schemas.errors import DomainError

_TRIGGER = re.compile(r"^constraint:(\w+)")
_SQLITE_CHECK = re.compile(r"^CHECK constraint failed: (\w+)")
_SQLITE_INDEX = re.compile(r"^UNIQUE constraint failed: index '(\w+)'")
_SQLITE_UNIQUE = re.compile(r"^UNIQUE constraint failed: (.+)$")

_facts: dict[str, tuple[type[DomainError], str]] = {}


def constraint_fact(constraint: str, error: type[DomainError], detail: str | None = None) -> None:
    """Declare, in a room's models.py, which error a broken `constraint` means; `detail`: what to do next."""
    declared = (error, detail or error.title)
    if _facts.setdefault(constraint, declared) != declared:
        raise ValueError(f"constraint {constraint} already means {_facts[constraint][0].__name__}")


def fact_of(error: IntegrityError, metadata: MetaData = Base.metadata) -> DomainError | None:
    """The declared domain error for this broken constraint, or None when nobody declared one."""
    name = constraint_name(error, metadata)
    if name is None or name not in _facts:
        return None
    kind, detail = _facts[name]
    return kind(detail)


def constraint_name(error: IntegrityError, metadata: MetaData = Base.metadata) -> str | None:
    """The name of the constraint that broke, the same on both engines.

    SQLite names columns instead of unique constraints, which are looked up in `metadata`, and says nothing
    about foreign keys: None. A trigger names its constraint by `RAISE(ABORT, 'constraint:<name>')`.
    """
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        name: str | None = diagnosis.constraint_name
        return name
    message = str(error.orig)
    for pattern in (_TRIGGER, _SQLITE_CHECK, _SQLITE_INDEX):
        if found := pattern.match(message):
            return found.group(1)
    if found := _SQLITE_UNIQUE.match(message):
        return _unique_over(found.group(1).split(", "), metadata)
    return None


def _unique_over(columns: list[str], metadata: MetaData) -> str | None:
    table = metadata.tables.get(columns[0].partition(".")[0])
    if table is None:
        return None
    wanted = {column.partition(".")[2] for column in columns}
    for name, names in _unique_sets(table):
        if names == wanted:
            return name
    return None


def _unique_sets(table: Table) -> Iterable[tuple[str, set[str]]]:
    yield str(table.primary_key.name), {column.name for column in table.primary_key.columns}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield str(constraint.name), {column.name for column in constraint.columns}
    for index in table.indexes:
        if index.unique:
            yield str(index.name), {column.name for column in index.columns}
