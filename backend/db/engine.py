"""Engines: how connections to SQLite and PostgreSQL are opened, so that nobody else asks which it is."""

import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal
from urllib.parse import quote

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from backend.db.spatial import register_spatial_functions
from backend.db.sqlite_lock import hold_database
from backend.db.sqlite_queue import WriteQueue
from backend.db.sqlite_rights import Rights

PAUSE_SECONDS = 0.2
"""After which a pooled connection has to show that it still works."""
_USED = "doorstep_used"
_ACCESS = "doorstep_access"
_LOOKS = "doorstep_looks"
_READ = "read"
_MIGRATE = "migrate"

SEARCH_PATH = "field,public"


class UnsafeDatabase(RuntimeError):
    """The server is set up to lose what it acknowledged; the message says which setting to change."""


def make_engine(
    url: str,
    *,
    pool_size: int = 16,
    statement_timeout_ms: int = 30_000,
    lock_timeout_ms: int = 10_000,
    idle_timeout_ms: int = 60_000,
    busy_seconds: float = 30.0,
    allow_unsafe: bool | None = None,
    search_path: str = SEARCH_PATH,
    rights: Rights | None = None,
    beside: Mapping[str, Path] | None = None,
) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…`. SQLite's file is made at once, mode 0600.

    `search_path` and the timeouts in ms are PostgreSQL's. For SQLite, which has no roles, `rights` says what
    a connection may (`backend.db.sqlite_rights`), and `beside` names files that it reads as further schemas,
    and cannot write; `busy_seconds` is how long a writer waits for its lock before it gets an error that
    passes.
    `allow_unsafe` permits a PostgreSQL with fsync or synchronous_commit off (None: what the environment's
    DOORSTEP_ALLOW_UNSAFE_DATABASE says, 1 is yes). Raises ValueError for any other kind of database.
    """
    target = make_url(url)
    backend = target.get_backend_name()
    if backend == "sqlite":
        return _sqlite_engine(target, pool_size, busy_seconds, rights, beside or {})
    if backend in ("postgresql", "postgres"):
        if allow_unsafe is None:
            allow_unsafe = os.environ.get("DOORSTEP_ALLOW_UNSAFE_DATABASE") == "1"
        timeouts: dict[str, int | str] = {
            "search_path": search_path,
            "statement_timeout": statement_timeout_ms,
            "lock_timeout": lock_timeout_ms,
            "idle_in_transaction_session_timeout": idle_timeout_ms,
        }
        return _postgresql_engine(target, pool_size, timeouts, allow_unsafe=allow_unsafe)
    raise ValueError(f"{backend} is not a database Doorstep runs on: use sqlite:///file or postgresql://…")


def writing(engine: Engine) -> Engine:
    """The same pool, for transactions that may write: READ COMMITTED, or BEGIN IMMEDIATE. The default."""
    return engine


def reading(engine: Engine) -> Engine:
    """The same pool, for transactions that only read: one snapshot, and the database refuses every write."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.execution_options(**{_ACCESS: _READ})


def looking(engine: Engine) -> Engine:
    """For single statements that read: no transaction around them where none is needed, and no write.

    On PostgreSQL a pool of its own, which goes with `engine`: to change a pooled connection's way of
    beginning and back would cost as much as the statement.
    """
    looks: Engine | None = engine.get_execution_options().get(_LOOKS)
    return looks or reading(engine)


def migrating(engine: Engine) -> Engine:
    """The same pool, for migrations: as writing, but SQLite ignores foreign keys (it rebuilds tables)."""
    return engine.execution_options(**{_ACCESS: _MIGRATE})


def _postgresql_engine(
    url: URL, pool_size: int, timeouts: Mapping[str, int | str], *, allow_unsafe: bool
) -> Engine:
    settings = {"timezone": "UTC", **timeouts}
    given = url.query.get("options", "")
    url = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])

    def pooled(isolation_level: IsolationLevel, reset: Literal["rollback"] | None, **more: str) -> Engine:
        options = " ".join(f"-c {name}={value}" for name, value in {**settings, **more}.items())
        made = create_engine(
            url,
            isolation_level=isolation_level,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_reset_on_return=reset,
            connect_args={"options": f"{options} {given}".strip(), "connect_timeout": 10},
        )
        _ping_after_a_pause(made)
        return made

    engine = pooled("READ COMMITTED", "rollback")
    looks = pooled("AUTOCOMMIT", None, default_transaction_read_only="on")
    event.listen(engine, "engine_disposed", lambda _: looks.dispose())
    engine.update_execution_options(**{_LOOKS: looks})
    if not allow_unsafe:
        event.listen(engine, "connect", _refuse_unsafe_server)
    return engine


def _ping_after_a_pause(engine: Engine) -> None:
    """Ask a pooled connection whether it still works, unless it did just now: a ping is a round trip."""

    @event.listens_for(engine, "checkout")
    def ping(dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        used = record.info.get(_USED)
        if used is None or time.monotonic() - used < PAUSE_SECONDS:
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except psycopg.Error as error:
            raise DisconnectionError("The server closed the connection while it was pooled.") from error

    @event.listens_for(engine, "checkin")
    def note(_dbapi_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()


def _refuse_unsafe_server(dbapi_connection: Any, _record: object) -> None:
    with dbapi_connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        fsync, synchronous_commit = cursor.fetchone()
    dbapi_connection.rollback()
    for setting, value in (("fsync", fsync), ("synchronous_commit", synchronous_commit)):
        if value == "off":
            raise UnsafeDatabase(
                f"PostgreSQL runs with {setting}=off and would lose acknowledged work in a crash: turn it on "
                "(or set DOORSTEP_ALLOW_UNSAFE_DATABASE=1 for throw-away data)"
            )


def sqlite_driver() -> ModuleType:
    """`pysqlite3` (a current SQLite) where it is installed, Python's own `sqlite3` elsewhere."""
    if sys.platform != "linux":
        return sqlite3
    try:
        return import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3


def _sqlite_engine(
    url: URL, pool_size: int, busy_seconds: float, rights: Rights | None, beside: Mapping[str, Path]
) -> Engine:
    driver = sqlite_driver()
    file = sqlite_file(url)
    if file is not None:
        _make_private_file(file)
    sizes = {} if file is None else {"pool_size": pool_size, "max_overflow": pool_size}
    arguments: dict[str, Any] = {"timeout": busy_seconds, "uri": bool(beside)}
    engine = create_engine(url.set(drivername="sqlite"), module=driver, connect_args=arguments, **sizes)
    if file is not None:
        event.listen(engine, "do_connect", lambda *_: hold_database(file, driver.sqlite_version_info))
    event.listen(engine, "connect", _prepare_sqlite)
    for schema, other in beside.items():
        event.listen(engine, "connect", partial(_read_beside, schema, other, driver.sqlite_version_info))
    if rights is not None:
        event.listen(engine, "connect", lambda connection, _record: connection.set_authorizer(rights))
    event.listen(engine, "begin", partial(_begin_sqlite, WriteQueue(engine, busy_seconds)))
    return engine


def sqlite_file(url: URL) -> Path | None:
    """The file behind an SQLite URL; None for a database in memory."""
    name = url.database
    return None if not name or name == ":memory:" else Path(name)


def _make_private_file(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives -wal and -shm the mode of the file


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # We say BEGIN ourselves (below): the driver's own rules neither cover DDL nor savepoints.
    dbapi_connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",  # else INSERT OR REPLACE would slip past an append-only trigger
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")
    register_spatial_functions(dbapi_connection)


def _read_beside(
    schema: str, file: Path, version: tuple[int, ...], dbapi_connection: Any, _record: object
) -> None:
    hold_database(file, version)
    # BEGIN IMMEDIATE takes a write lock on every attached file, except on one that is opened for reading.
    dbapi_connection.execute(f"ATTACH DATABASE ? AS {schema}", (f"file:{quote(str(file))}?mode=ro",))


def _begin_sqlite(queue: WriteQueue, connection: Connection) -> None:
    # A read transaction that turns into a writing one fails at once when somebody wrote in between,
    # whatever busy_timeout says; so whoever may write takes the write lock at the start.
    access = connection.get_execution_options().get(_ACCESS)
    if connection.info.get(_ACCESS, "") != access:  # kept with the pooled connection: a pragma costs a round
        connection.exec_driver_sql(f"PRAGMA query_only = {int(access == _READ)}")
        connection.exec_driver_sql(f"PRAGMA foreign_keys = {int(access != _MIGRATE)}")
        connection.info[_ACCESS] = access
    if access == _READ:
        connection.exec_driver_sql("BEGIN")
    else:
        queue.begin_immediate(connection)
