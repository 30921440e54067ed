"""Tells database trouble that passes (try again) from trouble that stays."""

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

_TRANSIENT_SQLSTATES = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock timeout
    }
)
_CONNECTION_SQLSTATES = frozenset(
    {
        "57P01",  # the administrator ended the connection
        "57P02",  # another backend crashed
        "57P03",  # the server is starting or stopping
        "25P03",  # idle in transaction for too long
        "53300",  # too many connections
    }
)
_DAMAGE_SQLSTATES = frozenset({"XX001", "XX002"})  # data corrupted, index corrupted
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6
_SQLITE_DAMAGE_CODES = frozenset({11, 26})  # CORRUPT, NOTADB
_SQLITE_CONNECTION_CODES = frozenset({8, 10, 13, 14})  # READONLY, IOERR, FULL, CANTOPEN


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is repeated: deadlock, serialization failure,
    lock timeout, SQLite busy or locked. Looks through SQLAlchemy's wrapping and through `__cause__`."""
    return any(
        _sqlstate(cause) in _TRANSIENT_SQLSTATES or _sqlite_code(cause) in (_SQLITE_BUSY, _SQLITE_LOCKED)
        for cause in _chain(error)
    )


def is_connection_trouble(error: BaseException) -> bool:
    """Whether the database is out of reach or cannot work now: connection lost, refused, disk full."""
    return any(_is_connection_trouble(cause) for cause in _chain(error))


def is_damage(error: BaseException) -> bool:
    """Whether the database found that its own files do not hold together: only a backup helps."""
    return any(
        _sqlstate(cause) in _DAMAGE_SQLSTATES or _sqlite_code(cause) in _SQLITE_DAMAGE_CODES
        for cause in _chain(error)
    )


def _is_connection_trouble(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state is not None:
        return state in _CONNECTION_SQLSTATES or state.startswith(("08", "58")) or state == "53100"
    # psycopg raises an OperationalError without a SQLSTATE when it never reached the server, or lost it
    if type(error).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError":
        return True
    return _sqlite_code(error) in _SQLITE_CONNECTION_CODES


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        original = current.orig if isinstance(current, DBAPIError) else None
        current = original or current.__cause__


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else None


def _sqlite_code(error: BaseException) -> int | None:
    """The primary result code; extended codes carry it in their low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None
