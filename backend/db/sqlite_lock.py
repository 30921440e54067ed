"""Keeps a second process away from an SQLite file when this SQLite version could corrupt it."""

import os
import sys
import threading
from pathlib import Path

if sys.platform != "win32":
    import fcntl

FIRST_FAULTY = (3, 7, 0)
LAST_FAULTY = (3, 51, 2)

_held: dict[Path, tuple[int, int]] = {}
_guard = threading.Lock()


class DatabaseHeldElsewhere(RuntimeError):
    """Another process uses this SQLite file, and one of the two runs a version that may corrupt it then."""


def is_faulty(version: tuple[int, ...]) -> bool:
    """Whether this SQLite can corrupt a WAL database when two connections write (3.7.0-3.51.2)."""
    return FIRST_FAULTY <= version <= LAST_FAULTY


def hold_database(file: Path, version: tuple[int, ...]) -> None:
    """Register this process as a user of `file` until it ends, by a lock on `<file>.lock`.

    A sound SQLite shares the lock, a faulty one wants it alone; so a faulty one never meets anybody.
    Calling it again is cheap; a forked child registers for itself. Raises DatabaseHeldElsewhere.
    """
    key = file.resolve()
    with _guard:
        if key in _held and _held[key][0] == os.getpid():
            return
        _held[key] = (os.getpid(), _lock(key, alone=is_faulty(version), version=version))


def _lock(key: Path, *, alone: bool, version: tuple[int, ...]) -> int:
    handle = os.open(f"{key}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    if sys.platform == "win32":  # no flock there: one process is on its honour
        return handle
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        name = ".".join(map(str, version))
        raise DatabaseHeldElsewhere(
            f"{key} is in use by another process, and SQLite 3.7.0 to 3.51.2 can corrupt a database "
            f"that several processes write (this one has {name}): stop the other process, "
            "install pysqlite3 for both, or use PostgreSQL"
        ) from error
    return handle
