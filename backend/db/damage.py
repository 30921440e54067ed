"""Damage: an SQLite file that does not hold together is refused before anybody works with it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DatabaseError

from backend.db.engine import make_engine, reading, sqlite_file
from backend.db.faults import is_damage

WHAT_TO_DO = (
    "Keep its files for whoever looks into it, and put the newest sound backup in their place "
    "(docs/operations.md, Backup and restore): phones send again what it lacks."
)


class DamagedDatabase(RuntimeError):
    """The database's files do not hold together: what was `found`, and in the message what to do."""

    def __init__(self, file: Path, found: str) -> None:
        super().__init__(f"The database {file} is damaged ({found}). {WHAT_TO_DO}")
        self.found = found


def refuse_damaged(url: str) -> None:
    """Read a whole SQLite file, its indexes included; raises DamagedDatabase if it does not hold together.

    A file that was copied while somebody wrote, or that lost its `-wal`, can look right for weeks. A missing
    file is sound. PostgreSQL is not asked: its own checksums and recovery look after its pages.
    """
    file = sqlite_file(make_url(url)) if url.startswith("sqlite") else None
    if file is None or not file.exists():
        return
    engine = make_engine(url)
    try:
        found = first_damage(engine)
    finally:
        engine.dispose()
    if found:
        raise DamagedDatabase(file, found)


def first_damage(engine: Engine) -> str | None:
    """What an SQLite database first finds wrong with itself; None when it is sound."""
    try:
        with reading(engine).connect() as connection:
            answer = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
    except DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error.orig)
    return None if answer == "ok" else " ".join(answer.split())
