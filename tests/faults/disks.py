"""Faults of disks: full, failing, and told to lie about what they have written."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from tests.faults.case import case
from tests.faults.own_cluster import OwnCluster
from tests.faults.world import World, attempt, wait_until, write_notes
from tests.postgres import Cluster, cluster_in

BALLAST = "ballast"
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
    "`fsync` fails under SQLite",
    seen="503, and the outbox says so; nothing is acknowledged that is not on the disk",
    engines=SQLITE,
    quick_on=(),
)
def failing_fsync(world: World) -> None:
    """strace makes every fsync and fdatasync of the worker fail with EIO while a phone pushes.

    The worker goes on afterwards: decision 128.
    """
    phone = world.phone()
    write_notes(phone, 12)
    with _failing_fsync(world.server.workers_alive()):
        said = attempt(phone)
        assert said, "it was acknowledged all the same"
        outbox = phone.outbox()
        assert outbox.unsent == 12
        assert all(said in one.why for one in outbox.mutations)
        assert world.times_busy()


@case(
    "F14",
    "`fsync` fails under PostgreSQL",
    seen="503 until PostgreSQL is started again; nothing is acknowledged that is not on the disk",
    engines=POSTGRESQL,
    world="own cluster",
    quick_on=(),
)
def panicking_postgresql(world: World) -> None:
    """strace makes every fsync and fdatasync of PostgreSQL fail with EIO: it ends itself."""
    assert isinstance(world.cluster, OwnCluster)
    phone, process = world.phone(), world.cluster.process
    write_notes(phone, 12)
    with _failing_fsync(world.cluster.pids()):
        said = attempt(phone)
        assert said, "it was acknowledged all the same"
        assert phone.outbox().unsent == 12
        assert world.times_busy()
        wait_until(lambda: process.poll() is not None)
    assert "PANIC:  could not fsync file" in world.cluster.log.read_text()
    world.cluster.start()


@contextlib.contextmanager
def _failing_fsync(pids: Iterable[int]) -> Iterator[None]:
    """Whatever these processes, and those that they start, ask of the disk to be on it fails with EIO."""
    named = [argument for pid in pids for argument in ("-p", str(pid))]
    words = ["strace", "-f", "-q", *named, "-e", "trace=fsync,fdatasync", "-o", "/dev/null"]
    failing = [*words, "-e", "inject=fsync,fdatasync:error=EIO"]
    with subprocess.Popen(failing, stderr=subprocess.DEVNULL) as tracing:
        try:
            time.sleep(1)
            yield
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


CASES = (unsafe_settings, failing_fsync, panicking_postgresql, full_disk)
