"""Faults of what is stored: disks, locks, connections, backups, and files that somebody removed."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from mobile_client_stub.phone import Phone
from tests.faults.case import case
from tests.faults.own_cluster import OwnCluster
from tests.faults.processes import join, push_until
from tests.faults.world import World, attempt, wait_until, write_notes
from tests.journeys.server import ServerProcess
from tests.postgres import Cluster, cluster_in

BALLAST = "ballast"
NOTES_WHILE_COPIED = 150
POSTGRESQL, SQLITE = ("postgresql",), ("sqlite",)


@case(
    "F13",
    "Disk full",
    seen="503 with Retry-After; nothing is acknowledged until there is room",
    world="small disk",
    quick_on=SQLITE,
)
def full_disk(world: World) -> None:
    """The volume of the database fills up while a phone pushes; then room is made.

    PostgreSQL ends itself when there is no room for its log: it is started again then.
    """
    phone, trouble = world.phone(), None
    make_room = _fill(world)
    try:
        for number in range(100):
            write_notes(phone, 20, f"full {number}")
            if trouble := attempt(phone):
                break
        assert trouble, "the disk never filled"
        assert world.times_busy()
        assert phone.outbox().unsent
    finally:
        make_room()
    if isinstance(world.cluster, OwnCluster) and world.cluster.process.poll() is not None:
        world.cluster.start()


def _fill(world: World) -> Callable[[], None]:
    """Leave no room; returns how to make it again."""
    if world.disk is not None:
        ballast = world.disk / BALLAST
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass
        return ballast.unlink
    assert world.engine_name == "sqlite", "who may mount no small disk cannot fill PostgreSQL's"
    largest = Path(str(make_url(world.url).database)).stat().st_size
    pids = world.server.workers_alive()
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids]
    for pid, (_, hard) in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))

    def make_room() -> None:
        for pid, limits in zip(pids, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    return make_room


@case(
    "F14",
    "`fsync` fails",
    seen="503; nothing is acknowledged that is not on the disk",
    engines=SQLITE,
    quick_on=(),
)
def failing_fsync(world: World) -> None:
    """strace makes every fsync and fdatasync of the workers fail with EIO while a phone pushes."""
    phone = world.phone()
    write_notes(phone, 12)
    pids = [argument for pid in world.server.workers_alive() for argument in ("-p", str(pid))]
    words = [
        "strace",
        "-f",
        "-q",
        *pids,
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "inject=fsync,fdatasync:error=EIO",
    ]
    with subprocess.Popen([*words, "-o", "/dev/null"], stderr=subprocess.DEVNULL) as tracing:
        try:
            time.sleep(1)
            assert attempt(phone), "it was acknowledged all the same"
            assert phone.outbox().unsent == 12
            assert world.times_busy()
        finally:
            tracing.terminate()


@case(
    "F15",
    "A database that would lose what it acknowledged",
    seen="the server refuses to start, and says why",
    engines=POSTGRESQL,
)
def unsafe_settings(world: World) -> None:
    """PostgreSQL with fsync off, and a database with synchronous_commit off, as after somebody's tuning."""
    without_fsync = cluster_in(world.home, durable=False).url("postgres")
    name = f"hasty_{uuid4().hex}"
    assert isinstance(world.cluster, Cluster)
    hasty = world.cluster.create_database(name)
    with world.cluster.connect() as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    for url, setting in ((without_fsync, "fsync=off"), (hasty, "synchronous_commit=off")):
        data = world.folder / setting
        environment = {
            **os.environ,
            "DOORSTEP_DATABASE": url,
            "DOORSTEP_DATA": str(data),
            "DOORSTEP_ALLOW_UNSAFE_DATABASE": "0",
        }
        assert world.server.warm is not None
        code, said = world.server.warm.run(["serve"], environment, data.with_suffix(".log"))
        assert code == 2, said
        assert setting in said


@case("F16", "Deadlock", seen="nothing: the server repeats the transaction", engines=POSTGRESQL)
def deadlock(world: World) -> None:
    """A rival locks the second of two records, waits for a push to hold the first, and asks for it."""
    phone = world.phone()
    items = sorted(phone.view("checklist_items"))[:2]
    before = _deadlocks(world)
    for item in items:
        phone.tick(item, verified=True)
    with _rival(world) as rival, _rival(world, autocommit=True) as watcher:
        # The one whose patience ends first is the victim: it has to be the server.
        rival.execute("SET deadlock_timeout = '30s'")
        rival.execute("SELECT 1 FROM field.checklist_items WHERE id = %s FOR UPDATE", [items[1]])
        came: list[str | None] = []
        pushing = threading.Thread(target=lambda: came.append(attempt(phone)))
        pushing.start()
        wait_until(lambda: _is_waited_for(rival, watcher))
        rival.execute("SELECT 1 FROM field.checklist_items WHERE id = %s FOR UPDATE", [items[0]])
        rival.rollback()
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
    with _rival(world, autocommit=True) as rival:
        until = time.monotonic() + world.rounds(2, 20)
        while time.monotonic() < until:
            ended += rival.execute(
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
        first = others.enter_context(_rival(world, autocommit=True))
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.enter_context(_rival(world, autocommit=True))
        first.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query NOT LIKE '' AND application_name = ''"
            " AND backend_start < (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
        )
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.enter_context(_rival(world, autocommit=True))
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


def _rival(world: World, *, autocommit: bool = False) -> psycopg.Connection:
    url = make_url(world.url)
    return psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=autocommit
    )


def _deadlocks(world: World) -> int:
    with _rival(world, autocommit=True) as rival:
        row = rival.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0


def _is_waited_for(rival: psycopg.Connection, watcher: psycopg.Connection) -> bool:
    """Whether somebody waits for `rival`; the cluster has other databases, and others wait for each other."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    return watcher.execute(waiting, [rival.info.backend_pid]).fetchone() is not None


CASES = (
    unsafe_settings,
    deadlock,
    terminated_connections,
    exhausted_connections,
    failing_fsync,
    restored_backup,
    removed_log,
    live_copy,
    second_server,
    full_disk,
)
