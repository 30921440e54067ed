"""Faults of what is stored: locks, connections, backups, and files that somebody removed."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from mobile_client_stub.phone import Phone
from tests.faults.case import case
from tests.faults.processes import join, push_until
from tests.faults.rival import is_waited_for, rival
from tests.faults.world import World, attempt, wait_until, write_notes
from tests.journeys.server import ServerProcess
from tests.postgres import Cluster

NOTES_WHILE_COPIED = 150
POSTGRESQL, SQLITE = ("postgresql",), ("sqlite",)


@case("F16", "Deadlock", seen="nothing: the server repeats the transaction", engines=POSTGRESQL)
def deadlock(world: World) -> None:
    """A rival locks the second of two records, waits for a push to hold the first, and asks for it."""
    phone = world.phone()
    items = sorted(phone.view("checklist_items"))[:2]
    before = _deadlocks(world)
    for item in items:
        phone.tick(item, verified=True)
    with rival(world) as holding, rival(world, autocommit=True) as watcher:
        # The one whose patience ends first is the victim: it has to be the server.
        holding.execute("SET deadlock_timeout = '30s'")
        holding.execute("SELECT 1 FROM field.checklist_items WHERE id = %s FOR UPDATE", [items[1]])
        came: list[str | None] = []
        pushing = threading.Thread(target=lambda: came.append(attempt(phone)))
        pushing.start()
        wait_until(lambda: is_waited_for(holding, watcher))
        holding.execute("SELECT 1 FROM field.checklist_items WHERE id = %s FOR UPDATE", [items[0]])
        holding.rollback()
        pushing.join(30)
    wait_until(lambda: _deadlocks(world) > before)
    assert came == [None]
    assert {one.status for one in world.heard} <= {200, 201}, world.heard


@case(
    "F17",
    "Connections terminated",
    seen="503 with Retry-After at most; the pool heals by itself",
    engines=POSTGRESQL,
)
def terminated_connections(world: World) -> None:
    """An administrator ends every connection of the server, again and again, while a phone pushes."""
    phone = world.phone()
    write_notes(phone, 30)
    pushing, ended = threading.Thread(target=attempt, args=(phone,)), 0
    pushing.start()
    with rival(world, autocommit=True) as holding:
        until = time.monotonic() + world.rounds(2, 20)
        while time.monotonic() < until:
            ended += holding.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).rowcount
            time.sleep(world.dice.uniform(0, 0.05))
    pushing.join(60)
    assert ended


@case("F17", "Connections exhausted", seen="503 with Retry-After", engines=POSTGRESQL, quick_on=())
def exhausted_connections(world: World) -> None:
    """Others take every connection that PostgreSQL has, and the server's own are ended."""
    phone = world.phone()
    write_notes(phone, 12)
    with contextlib.ExitStack() as others:
        first = others.enter_context(rival(world, autocommit=True))
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.enter_context(rival(world, autocommit=True))
        first.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query NOT LIKE '' AND application_name = ''"
            " AND backend_start < (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
        )
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.enter_context(rival(world, autocommit=True))
        assert attempt(phone)
        assert world.times_busy()


@case("F28", "Yesterday's backup restored", seen="phones start over and send again what the backup lacks")
def restored_backup(world: World) -> None:
    """A backup is taken, work goes on, and the server comes back with the backup."""
    phone, other = world.phone(), world.phone(1)
    write_notes(phone, 5, "before the backup")
    attempt(phone)
    restore = _back_up(world)
    write_notes(phone, 8, "after the backup")
    write_notes(other, 3, "after the backup")
    assert attempt(phone) is None
    assert attempt(other) is None
    write_notes(phone, 2, "not sent yet")
    restore()
    _starts_over(phone, sending=8 + 2)
    _starts_over(other, sending=3)


def _starts_over(phone: Phone, *, sending: int) -> None:
    """The phone notices that the server has forgotten, replaces what it holds, and sends so many again."""
    done = phone.sync().exchanged
    assert done.resyncs
    assert done.sent >= sending


def _back_up(world: World) -> Callable[[], None]:
    """Copy the database while the server rests; returns what puts the copy in its place."""
    _rest(world)
    url = make_url(world.url)
    name = str(url.database)
    if world.engine_name == "sqlite":
        copy = Path(f"{name}.backup")
        shutil.copyfile(name, copy)

        def put_back() -> None:
            for leftover in ("-wal", "-shm"):
                Path(name + leftover).unlink(missing_ok=True)
            shutil.copyfile(copy, name)
    else:
        assert isinstance(world.cluster, Cluster)
        cluster, backup = world.cluster, f"backup_{uuid4().hex}"
        cluster.create_database(backup, template=name)

        def put_back() -> None:
            cluster.drop_database(name)
            cluster.create_database(name, template=backup)
            cluster.drop_database(backup)

    world.server.start()

    def restore() -> None:
        _rest(world)
        put_back()
        world.server.start()

    return restore


def _rest(world: World) -> None:
    """Stop the server and let go of the database, everything in its main file."""
    world.server.stop()
    if world.engine_name == "sqlite":
        _checkpoint(world)
    world.wiring.engine.dispose()


def _checkpoint(world: World) -> None:
    connection = world.wiring.engine.raw_connection()
    try:
        connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


@case(
    "F31",
    "The `-wal` file removed after a crash",
    seen="phones start over and send again what it held",
    engines=SQLITE,
)
def removed_log(world: World) -> None:
    """The server is killed, and somebody tidies away the files beside the database."""
    phone = world.phone()
    write_notes(phone, 3, "in the main file")
    attempt(phone)
    _checkpoint(world)
    world.wiring.engine.dispose()
    write_notes(phone, 8, "in the log")
    assert attempt(phone) is None
    world.server.kill()
    name = str(make_url(world.url).database)
    assert Path(f"{name}-wal").stat().st_size
    for leftover in ("-wal", "-shm"):
        Path(name + leftover).unlink()
    world.server.start()
    _starts_over(phone, sending=8)


@case(
    "F31",
    "The database copied while the server writes, and the copy put back",
    seen="phones start over and send again what the copy lacks",
    engines=SQLITE,
    quick_on=(),
)
def live_copy(world: World) -> None:
    """Somebody copies the file and its log with `cp` in the middle of a push, and later puts them back."""
    phone = world.phone()
    write_notes(phone, 3, "before the copy")
    assert attempt(phone) is None
    database = Path(str(make_url(world.url).database))
    files = [database.with_name(database.name + ending) for ending in ("", "-wal")]
    write_notes(phone, NOTES_WHILE_COPIED, "while it is copied")
    pushing, _ = push_until(world, phone, 0.05)
    copies = [shutil.copyfile(file, file.with_name(f"{file.name}.copy")) for file in files]
    join(pushing)
    write_notes(phone, 8, "after the copy")
    assert attempt(phone) is None
    world.server.stop()
    world.wiring.engine.dispose()
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
    for copied, file in zip(copies, files, strict=True):
        shutil.move(copied, file)
    world.server.start()
    _starts_over(phone, sending=8)


@case(
    "F31",
    "A torn copy of the database put back",
    seen="no connection until a sound copy is back: the server refuses to start and says what to do",
    engines=SQLITE,
)
def torn_copy(world: World) -> None:
    """`cp` copies the file, the server writes on and empties its log, then `cp` copies the new log: both are
    put back, and after the refusal what was there before.
    """
    phone = world.phone()
    database = Path(str(make_url(world.url).database))
    log = database.with_name(f"{database.name}-wal")
    torn, torn_log, sound = (database.with_name(f"{database.name}.{end}") for end in ("torn", "log", "sound"))
    _checkpoint(world)
    shutil.copyfile(database, torn)
    write_notes(phone, NOTES_WHILE_COPIED, "between the two copies")
    assert attempt(phone) is None
    _checkpoint(world)
    write_notes(phone, 8, "in the new log")
    assert attempt(phone) is None
    shutil.copyfile(log, torn_log)
    _rest(world)
    for file, other in ((database, sound), (torn, database), (torn_log, log)):
        shutil.move(file, other)
    found = database.read_bytes(), log.read_bytes()
    assert "is damaged" in _refusal(world)
    assert (database.read_bytes(), log.read_bytes()) == found, "they may be all that is left"
    log.unlink()
    shutil.move(sound, database)
    world.server.start()


def _refusal(world: World) -> str:
    """What the server says when it does not start."""
    try:
        world.server.start()
    except RuntimeError as refusal:
        return str(refusal)
    return ""


@case(
    "F31",
    "A second server on the same file",
    seen="nothing: each waits for the other's transactions",
    engines=SQLITE,
)
def second_server(world: World) -> None:
    """Another `doorstep serve` starts on the database, and phones push to both at once.

    An SQLite that could corrupt the file then is kept out by a lock (`backend/db/sqlite_lock.py`).
    """
    phone = world.phone()
    server = world.server
    with ServerProcess(world.url, server.data, server.environment, warm=server.warm, name="second") as second:
        other = world.phone(1, server=second.url)
        for number in range(world.rounds(3, 20)):
            for one in (phone, other):
                write_notes(one, 20, f"round {number}")
            pushing = threading.Thread(target=attempt, args=(other,))
            pushing.start()
            assert attempt(phone) is None
            pushing.join(60)
        wait_until(lambda: attempt(other) is None)
    with other.store.transaction() as connection:
        connection.execute("UPDATE account SET server = ?", (world.proxy.url,))


def _deadlocks(world: World) -> int:
    with rival(world, autocommit=True) as holding:
        row = holding.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0


CASES = (
    deadlock,
    terminated_connections,
    exhausted_connections,
    restored_backup,
    removed_log,
    live_copy,
    torn_copy,
    second_server,
)
