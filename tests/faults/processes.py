"""Faults of the server's processes: killed and paused."""

from __future__ import annotations

import os
import signal
import threading
import time

from mobile_client_stub.conformance.wire import Device
from mobile_client_stub.phone import Phone
from tests.faults.case import case
from tests.faults.own_cluster import OwnCluster
from tests.faults.proxy import tell
from tests.faults.rival import is_waited_for, rival
from tests.faults.world import World, attempt, wait_until, write_notes

KILLS = 10
NOTES_A_ROUND = 12
ASKED_BESIDE = 10
MOST_TRIES = 30
TWO_DEATHS_APART = 7
"""Seconds: two deaths of workers within 5.5 s count as a server that cannot run."""


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
    """`kill -9` of a worker in the middle of a push; the server starts another one."""
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
            time.sleep(TWO_DEATHS_APART)


@case(
    "F30",
    "The requests of the other worker while one is killed",
    seen="nothing: the other worker answers every one of them",
    engines=("postgresql",),
)
def other_worker(world: World) -> None:
    """`kill -9` of the worker that has a push; a phone that is connected to the other one asks on and on."""
    phone = world.phone(patience=30)
    item = sorted(phone.view("checklist_items"))[0]
    phone.tick(item, verified=True)
    with rival(world) as holding, rival(world, autocommit=True) as watcher:
        holding.execute("SELECT 1 FROM field.checklist_items WHERE id = %s FOR UPDATE", [item])
        pushing = threading.Thread(target=attempt, args=(phone,))
        pushing.start()
        wait_until(lambda: is_waited_for(holding, watcher))
        before = world.server.workers_alive()
        (hit,) = world.server.workers_serving()
        other = _device_elsewhere(world, hit)
        asking = other.journal()
        answered = [asking.ask([]).status for _ in range(ASKED_BESIDE)]
        os.kill(hit, signal.SIGKILL)
        while len(world.server.workers_alive()) < len(before) or hit in world.server.workers_alive():
            answered.append(asking.ask([]).status)
        answered += [asking.ask([]).status for _ in range(ASKED_BESIDE)]
    join(pushing)
    assert set(answered) == {200}
    assert world.times_unanswered(), "the push went on all the same"
    other.wire.client.close()


def _device_elsewhere(world: World, worker: int) -> Device:
    """A device that keeps a connection to another worker."""
    for _ in range(MOST_TRIES):
        device = world.device(1)
        if world.server.workers_serving() != {worker}:
            return device
        device.wire.client.close()
    raise AssertionError("every connection goes to one worker")


CASES = (paused_server, killed_worker, killed_server, other_worker, killed_postmaster)
"""The server starts anew between the two that kill a worker: two such deaths at once would end it."""
