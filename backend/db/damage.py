"""Damage: an SQLite file that does not hold together is refused before anybody works with it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from sqlalchemy import make_url

from backend.db.engine import sqlite_driver, sqlite_file
from backend.db.faults import is_damage
from backend.db.spatial import register_spatial_functions
from backend.db.sqlite_lock import hold_database

WHAT_TO_DO = (
    "Move the file, its -wal and its -shm away together, keep them for whoever looks into it, and put the "
    "newest sound backup there (docs/operations.md, Backup and restore): phones send again what it lacks."
)


class DamagedDatabase(RuntimeError):
    """The database's files do not hold together: what was `found`, and in the message what to do."""

    def __init__(self, file: Path, found: str) -> None:
        super().__init__(f"The database {file} is damaged ({found}). {WHAT_TO_DO}")
        self.found = found


class UnreadableDatabase(RuntimeError):
    """The database's file cannot be read now: somebody else locks it, it is no file, or not ours to read."""


def refuse_damaged(url: str, *, busy_seconds: float = 30.0) -> None:
    """Read a whole SQLite file, its indexes included; raises DamagedDatabase if it does not hold together.

    A file that was copied while somebody wrote, or that lost its `-wal`, can look right for weeks. A missing
    file is sound. PostgreSQL is not asked: its own checksums and recovery look after its pages.
    The files stay as they were found, down to the log: they may be all that is left.
    Raises UnreadableDatabase too, after `busy_seconds` when somebody else has it locked.
    """
    file = sqlite_file(make_url(url)) if url.startswith("sqlite") else None
    if file is None or not file.exists():
        return
    driver = sqlite_driver()
    hold_database(file, driver.sqlite_version_info)
    try:
        found = _first_damage(driver, file, busy_seconds)
    except driver.Error as error:
        if not is_damage(error):
            raise UnreadableDatabase(f"The database {file} cannot be read: {error}.") from error
        found = str(error)
    if found:
        raise DamagedDatabase(file, found)


def _first_damage(driver: ModuleType, file: Path, busy_seconds: float) -> str | None:
    """What an SQLite database first finds wrong with itself; None when it is sound."""
    # Only for reading: whoever may write copies the log into the file when he closes it, sound or not.
    address = f"file:{quote(str(file.resolve()))}?mode=ro"
    with closing(driver.connect(address, uri=True, timeout=busy_seconds)) as connection:
        register_spatial_functions(connection)
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if answer == "ok" else " ".join(str(answer).split())
