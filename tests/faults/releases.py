"""Faults of a new release: two servers on one database, and an upgrade that is killed while it works."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import psycopg
from alembic import command
from sqlalchemy import Inspector, inspect, make_url, text, update

from backend.db.engine import make_engine, migrating, reading
from backend.db.upgrade import EXTENSIONS, alembic_config, prepare_database
from sync.models import FEEDS
from tests.faults.case import case
from tests.faults.network import altered
from tests.faults.processes import NOTES_A_ROUND, join, push_until
from tests.faults.world import World, attempt, wait_until, write_notes
from tests.journeys.server import ServerProcess
from tests.postgres import Cluster

FIRST_RELEASE = "0001"


@case(
    "F18",
    "Rolling deploy",
    seen="nothing: phones repeat what the old server left unanswered",
    engines=("postgresql",),
)
def rolling_deploy(world: World) -> None:
    """A second server starts on the database; the first is stopped in the middle of a push and comes back."""
    phone = world.phone()
    second = ServerProcess(world.url, world.server.data, world.server.environment, warm=world.server.warm)
    with second:
        write_notes(phone, NOTES_A_ROUND)
        pushing, _ = push_until(world, phone, 0.02)
        world.server.stop()
        world.proxy.upstream = second.port
        join(pushing)
        write_notes(phone, NOTES_A_ROUND)
        wait_until(lambda: attempt(phone) is None)
        world.server.start()
        write_notes(phone, NOTES_A_ROUND)
        pushing, _ = push_until(world, phone, 0.02)
        world.proxy.upstream = world.server.port
        second.stop()
        join(pushing)


@case(
    "F18",
    "Migration killed half way",
    seen="nothing half made is left: it runs to its end the next time",
    quick_on=(),
)
def killed_migration(world: World) -> None:
    """`doorstep db upgrade` on an empty database is killed while it works, and run again."""
    with _another_database(world) as url:
        _upgrade_and_kill(world, url, contextlib.nullcontext())


@case(
    "F18",
    "Migration of a firm killed half way",
    seen="nothing half made is left: it runs to its end the next time, and every row is there",
    quick_on=("postgresql",),
)
def killed_migration_of_a_firm(world: World) -> None:
    """The same on a database as the first release had it, with a firm's rows in it."""
    altered.work(world)  # leaves an entry in the field inbox, which had fewer columns
    with _another_database(world) as url:
        before = _fill_as_the_first_release(world, url)
        assert before["visits"]
        assert before["sync_mutations"]
        assert before["sync_field_inbox"]
        _upgrade_and_kill(world, url, _reading_the_field_inbox(url))
        after = _counts(url, before)
        assert all(after[table] >= count for table, count in before.items()), (before, after)


@contextlib.contextmanager
def _another_database(world: World) -> Iterator[str]:
    """An empty database of the world's engine, by its address."""
    name = f"another_{uuid4().hex}"
    if world.engine_name == "sqlite":
        yield f"sqlite:///{world.folder / name}.sqlite"
        return
    assert isinstance(world.cluster, Cluster)
    url = world.cluster.create_database(name)
    with world.cluster.connect(name) as connection:
        for extension in EXTENSIONS:
            connection.execute(f"CREATE EXTENSION {extension} SCHEMA public")
    yield url
    world.cluster.drop_database(name)


def _fill_as_the_first_release(world: World, url: str) -> dict[str, int]:
    """The first release's tables, with what the world's database has for them; how many rows each got."""
    engine = make_engine(url)
    with migrating(engine).begin() as connection:
        prepare_database(connection)
        command.upgrade(alembic_config(connection), FIRST_RELEASE)
        columns = _columns_of_both(inspect(connection), inspect(world.wiring.engine))
    engine.dispose()
    if world.engine_name == "sqlite":
        _copy_sqlite(world.url, url, columns)
    else:
        _copy_postgresql(world.url, url, columns)
    engine = make_engine(url)
    with migrating(engine).begin() as connection:
        connection.execute(update(FEEDS).values(shape=""))  # bodies told of fewer columns then
    engine.dispose()
    return _counts(url, columns)


def _columns_of_both(old: Inspector, new: Inspector) -> dict[str, str]:
    """By table what both releases have; no table of which an old row needs what today's has not."""
    columns = {}
    for table in set(old.get_table_names()) & set(new.get_table_names()) - {"alembic_version"}:
        today = {column["name"] for column in new.get_columns(table)}
        there = old.get_columns(table)
        if all(column["name"] in today or column["nullable"] for column in there):
            columns[table] = ", ".join(column["name"] for column in there if column["name"] in today)
    return columns


def _copy_sqlite(source: str, target: str, columns: Mapping[str, str]) -> None:
    with contextlib.closing(sqlite3.connect(_file(target), isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS world", (str(_file(source)),))
        for table, names in columns.items():
            connection.execute(
                f"INSERT OR IGNORE INTO main.{table} ({names}) SELECT {names} FROM world.{table}"
            )


def _copy_postgresql(source: str, target: str, columns: Mapping[str, str]) -> None:
    with contextlib.ExitStack() as life:
        read, write = (life.enter_context(_connected(url)) for url in (source, target))
        write.execute("SET session_replication_role = replica")  # no triggers, and no order among the tables
        for table, names in columns.items():
            write.execute(f"DELETE FROM {table}")
            with (
                read.cursor().copy(f"COPY {table} ({names}) TO STDOUT") as rows,
                write.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as taken,
            ):
                for row in rows:
                    taken.write(row)


def _counts(url: str, tables: Iterable[str]) -> dict[str, int]:
    engine = make_engine(url)
    with reading(engine).connect() as connection:
        counts = {
            name: int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())
            for name in tables
        }
    engine.dispose()
    return counts


def _upgrade_and_kill(world: World, url: str, held: AbstractContextManager[None]) -> None:
    """Upgrade, kill while `held` is entered, upgrade again; then `doorstep check` finds nothing."""
    data = world.folder / uuid4().hex
    environment = {**os.environ, "DOORSTEP_DATABASE": url, "DOORSTEP_DATA": str(data)}
    warm, log = world.server.warm, data.with_suffix(".log")
    assert warm is not None
    with held:
        upgrading = warm.spawn(["db", "upgrade"], environment, log)
        wait_until(lambda: _is_written_to(url) or upgrading.poll() is not None, 60)
        assert upgrading.poll() is None, "it was too fast to be killed"
        os.kill(upgrading.pid, signal.SIGKILL)
        upgrading.wait(10)
    for words in (["db", "upgrade"], ["check", "--json"]):
        code, said = warm.run(words, environment, log)
        assert code == 0, said


@contextlib.contextmanager
def _reading_the_field_inbox(url: str) -> Iterator[None]:
    """On PostgreSQL no upgrade gets past the columns that the field inbox is given meanwhile."""
    if url.startswith("sqlite"):
        yield
        return
    with _connected(url) as connection, connection.transaction():
        connection.execute("LOCK TABLE sync_field_inbox IN ACCESS SHARE MODE")
        yield


def _is_written_to(url: str) -> bool:
    """Whether somebody is in the middle of a transaction that writes."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(_file(url), isolation_level=None, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False
    with _connected(url) as connection:
        writing = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        )
        return connection.execute(writing).fetchone() is not None


def _connected(url: str) -> psycopg.Connection:
    there = make_url(url)
    return psycopg.connect(
        host=there.host,
        port=there.port,
        user=there.username,
        dbname=there.database,
        autocommit=True,
        options="-c search_path=field,public",
    )


def _file(url: str) -> Path:
    return Path(str(make_url(url).database))


CASES = (rolling_deploy, killed_migration, killed_migration_of_a_firm)
