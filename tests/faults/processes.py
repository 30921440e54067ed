"""Faults of processes: killed, paused, replaced, on the server and on the phone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from uuid import uuid4

from mobile_client_stub.phone import Phone
from tests.faults.case import case
from tests.faults.own_cluster import OwnCluster
from tests.faults.proxy import BLACK_HOLE, NO_WAY_BACK, tell
from tests.faults.world import PATIENCE, Impatient, World, attempt, wait_until, write_notes
from tests.journeys.server import ServerProcess
from tests.postgres import Cluster

KILLS = 10
NOTES_A_ROUND = 12


def push_until(
    world: World, phone: Phone, then: float, *, after: int = 1200
) -> tuple[threading.Thread, list[str | None]]:
    """Push in a thread; returns `then` seconds after the first bytes of the mutations have gone up."""
    came: list[str | None] = []
    world.proxy.suffer(tell(after))
    pushing = threading.Thread(target=lambda: came.append(attempt(phone)))
    pushing.start()
    assert world.proxy.told.wait(30), "the push never began"
    time.sleep(then)
    return pushing, came


def join(thread: threading.Thread) -> None:
    thread.join(60)
    assert not thread.is_alive()


@case("F1", "`kill -9` of the server and all its workers", seen="no connection; the outbox keeps everything")
def killed_server(world: World) -> None:
    """Ten times (thirty in the long run), in the middle of a push; started again on the same data."""
    phone, hit = world.phone(), 0
    for number in range(world.rounds(KILLS, 3 * KILLS)):
        write_notes(phone, NOTES_A_ROUND, f"round {number}")
        pushing, came = push_until(world, phone, world.dice.uniform(0, 0.08))
        world.server.kill()
        join(pushing)
        hit += came[0] is not None
        world.server.start()
    assert hit >= KILLS // 2, f"only {hit} kills hit a push"


@case(
    "F2",
    "`kill -9` of the postmaster and all its processes",
    seen="503 with Retry-After until it is back; the server needs no restart",
    engines=("postgresql",),
    world="own cluster",
)
def killed_postmaster(world: World) -> None:
    """In the middle of a push, several times; PostgreSQL recovers from its log, the server reconnects."""
    assert isinstance(world.cluster, OwnCluster)
    phone, hit = world.phone(), 0
    for number in range(world.rounds(3, 12)):
        write_notes(phone, NOTES_A_ROUND, f"round {number}")
        pushing, came = push_until(world, phone, world.dice.uniform(0, 0.06))
        world.cluster.kill()
        join(pushing)
        hit += came[0] is not None
        world.cluster.start()
        began = time.monotonic()
        wait_until(lambda: attempt(phone) is None, 10)
        assert time.monotonic() - began <= 10
    assert hit, "no kill hit a push"
    assert world.times_busy()


@case(
    "F5",
    "The app on the phone is killed",
    seen="nothing: the journal is on the phone's disk before it is sent",
    quick_on=("sqlite",),
)
def killed_phone(world: World) -> None:
    """`kill -9` of the phone's process before its request arrives, and between the commit and the answer.

    Not between the answer and what the phone makes of it: the simulation does that.
    """
    for trouble in (BLACK_HOLE, NO_WAY_BACK) * world.rounds(1, 5):
        phone = world.phone()
        write_notes(phone, 5)
        world.phones.remove(phone)
        phone.close()
        world.proxy.suffer(trouble)
        process = subprocess.Popen(
            [sys.executable, "-m", "mobile_client_stub", "--home", str(phone.home), "sync"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert world.proxy.told.wait(30)
        process.kill()
        process.wait(10)
        world.proxy.heal()
        world.phones.append(
            Phone(
                phone.home,
                transport=Impatient(PATIENCE, world.heard),
                sleep=lambda _: time.sleep(0.02),
                dice=world.dice,
            )
        )


@case("F12", "Server paused and resumed", seen="sync takes longer; phones ask again")
def paused_server(world: World) -> None:
    """SIGSTOP of the whole server in the middle of a push, longer than phones wait (30 s in the long run)."""
    phone = world.phone(patience=0.5)
    write_notes(phone, NOTES_A_ROUND)
    pushing, _ = push_until(world, phone, 0.01)
    world.server.pause()
    try:
        time.sleep(world.rounds(2, 30))
    finally:
        world.server.resume()
    join(pushing)
    assert world.times_unanswered(), "nobody waited for the server"


@case("F30", "One worker killed, as when memory runs out", seen="its requests are repeated by the phones")
def killed_worker(world: World) -> None:
    """`kill -9` of a worker in the middle of a push; the server starts another one.

    Whether another worker's requests go on meanwhile is not shown: one phone is all there is.
    """
    phone = world.phone()
    for number in range(world.rounds(1, 4)):
        write_notes(phone, NOTES_A_ROUND, f"round {number}")
        before = world.server.workers_alive()
        pushing, _ = push_until(world, phone, world.dice.uniform(0, 0.05))
        os.kill(world.dice.choice(before), signal.SIGKILL)
        join(pushing)
        wait_until(lambda before=before: len(world.server.workers_alive()) == len(before))
        wait_until(lambda before=before: world.server.workers_alive() != before)
        if world.thorough:
            time.sleep(7)  # two deaths within 5.5 s count as a server that cannot run


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
    quick_on=("postgresql",),
)
def killed_migration(world: World) -> None:
    """`doorstep db upgrade` on an empty database is killed while it works, and run again."""
    name = f"empty_{uuid4().hex}"
    if world.engine_name == "sqlite":
        file = world.folder / f"{name}.sqlite"
        url, begun = f"sqlite:///{file}", lambda: file.with_name(f"{file.name}-wal").exists()
    else:
        assert isinstance(world.cluster, Cluster)
        cluster = world.cluster
        url = cluster.create_database(name)
        with cluster.connect(name) as connection:
            for extension in ("postgis", "btree_gist"):
                connection.execute(f"CREATE EXTENSION {extension} SCHEMA public")
        begun = lambda: _is_written_to(cluster, name)  # noqa: E731
    data = world.folder / name
    environment = {**os.environ, "DOORSTEP_DATABASE": url, "DOORSTEP_DATA": str(data)}
    warm, log = world.server.warm, data.with_suffix(".log")
    assert warm is not None
    upgrading = warm.spawn(["db", "upgrade"], environment, log)
    wait_until(lambda: begun() or upgrading.poll() is not None, 60)
    assert upgrading.poll() is None, "it was too fast to be killed"
    os.kill(upgrading.pid, signal.SIGKILL)
    upgrading.wait(10)
    for command in (["db", "upgrade"], ["check", "--json"]):
        code, said = warm.run(command, environment, log)
        assert code == 0, said


def _is_written_to(cluster: Cluster, name: str) -> bool:
    with cluster.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_xid IS NOT NULL", [name]
        ).fetchone()
    return bool(found and found[0])


CASES = (
    killed_phone,
    paused_server,
    killed_worker,
    rolling_deploy,
    killed_migration,
    killed_server,
    killed_postmaster,
)
