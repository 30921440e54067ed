"""What a connection to SQLite may do, where PostgreSQL would ask its roles: judged statement by statement."""

import sqlite3
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

Rights: TypeAlias = Callable[[int, str | None, str | None, str | None, str | None], int]
"""SQLite's authorizer: the action and what it is about, to SQLITE_OK or SQLITE_DENY."""

_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_NEVER = frozenset(
    value
    for name, value in vars(sqlite3).items()
    if name.startswith(("SQLITE_CREATE_", "SQLITE_DROP_"))
    or name in {"SQLITE_ALTER_TABLE", "SQLITE_ATTACH", "SQLITE_DETACH"}
)
"""What changes the tables themselves, or brings in another file."""
_PRAGMAS = frozenset({"query_only", "foreign_keys", "integrity_check", "foreign_key_check"})
"""Those that Doorstep uses; `writable_schema` and its like would open every other lock."""


def all_but(untouchable: Collection[str]) -> Rights:
    """May read everything and write every table, except these; neither change tables nor attach files."""

    def judge(action: int, about: str | None, *_: str | None) -> int:
        if action in _NEVER:
            return sqlite3.SQLITE_DENY
        if action in _WRITES and about in untouchable:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_PRAGMA and about not in _PRAGMAS:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return judge


def nothing_but(writable: Mapping[str, Collection[int]]) -> Rights:
    """May read everything, and do to each of these tables only what it names (`sqlite3.SQLITE_INSERT`…)."""
    general = all_but(())

    def judge(action: int, about: str | None, *rest: str | None) -> int:
        if action in _WRITES and action not in writable.get(about or "", ()):
            return sqlite3.SQLITE_DENY
        return general(action, about, *rest)

    return judge


FIELD_RIGHTS = all_but({"payment_badges", "alembic_version"})
"""A connection of the field: whether the company was paid is nothing it decides."""
