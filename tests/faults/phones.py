"""Faults of the phone itself: the app is killed at every moment at which that could cost something."""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from mobile_client_stub import journal, media_queue
from mobile_client_stub.phone import Phone
from sync.checks import stored_mutations
from tests.faults.case import case
from tests.faults.proxy import BLACK_HOLE, NO_WAY_BACK, Strike, Trouble
from tests.faults.world import PATIENCE, Impatient, World, attempt, wait_until, write_notes
from tests.journeys.photographs import photograph

KILLED = -9
LATE_ANSWER = Trouble("late answer", latency=0.2, after_up=1, strike=Strike.TELL)
AT_A_WRITE = "fsync,fdatasync,unlink,unlinkat"
"""What a phone's process asks of its disk: that something be there for good, or be gone."""
MOST_WRITES = 200


@case(
    "F5",
    "The app on the phone is killed",
    seen="nothing: the journal is on the phone's disk before it is sent",
    quick_on=("sqlite",),
)
def killed_phone(world: World) -> None:
    """`kill -9` of the phone's process before its request arrives, and between the commit and the answer."""
    for trouble in (BLACK_HOLE, NO_WAY_BACK) * world.rounds(1, 5):
        phone = world.phone()
        write_notes(phone, 5)
        world.proxy.suffer(trouble)
        process = _syncing(world, phone)
        assert world.proxy.told.wait(30)
        process.kill()
        process.wait(10)
        world.proxy.heal()
        _boot(world, phone)


@case(
    "F5",
    "The app on the phone is killed with the answer in its hands",
    seen="nothing: it sends the same again, and hears the same again",
    quick_on=("postgresql",),
)
def killed_with_the_answer(world: World) -> None:
    """`kill -9` of the phone's process when the answer has come and waits to be written to its disk."""
    for _ in range(world.rounds(1, 5)):
        phone = world.phone()
        write_notes(phone, 5)
        mine = {one.mutation_id for one in journal.unacknowledged(phone.store.connection)}
        world.proxy.suffer(LATE_ANSWER)
        process = _syncing(world, phone)
        assert world.proxy.told.wait(30)
        with (phone.store.folder / "phone.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the phone asks for it before each of its transactions
            wait_until(lambda process=process: _is_held_up(process.pid))
            process.kill()
            process.wait(10)
        assert mine <= _stored(world)
        phone = _boot(world, phone)
        assert {one.mutation_id for one in journal.unacknowledged(phone.store.connection)} == mine


@case(
    "F5",
    "The app on the phone is killed at each write to its disk",
    seen="nothing: what was cut short is done the next time, tidying up included",
    quick_on=(),
)
def killed_at_each_write(world: World) -> None:
    """strace kills the phone's process at its n-th fsync or unlink, n = 1, 2, 3 … until none is left."""
    phone = world.phone()
    for number in itertools.count(1):
        write_notes(phone, 2, f"write {number}")
        phone.photo(phone.visits()[0]["id"], photograph(f"write {number}"), "other")
        killing = f"inject={AT_A_WRITE}:signal=KILL:when={number}"
        words = ("strace", "-f", "-q", "-o", os.devnull, "-e", f"trace={AT_A_WRITE}", "-e", killing)
        code = _syncing(world, phone, *words).wait(60)
        phone = _boot(world, phone)
        assert code in (0, KILLED)
        if code == 0:
            break
        assert number < MOST_WRITES
        assert attempt(phone) is None
    assert number > 5, "it wrote less than it must"
    assert attempt(phone) is None
    media = media_queue.all_media(phone.store.connection)
    assert len(media) == number
    assert all(medium.stored_at for medium in media)
    assert not list(phone.store.media_folder.iterdir())


def _syncing(world: World, phone: Phone, *under: str) -> subprocess.Popen[bytes]:
    """The phone's app, closed here, does one sync in a process of its own (`under` another program)."""
    world.phones.remove(phone)
    phone.close()
    return subprocess.Popen(
        [*under, sys.executable, "-m", "mobile_client_stub", "--home", str(phone.home), "sync"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _boot(world: World, phone: Phone) -> Phone:
    """The app again, on what its disk has."""
    again = Phone(
        phone.home,
        transport=Impatient(PATIENCE, world.heard),
        sleep=lambda _: time.sleep(0.02),
        dice=world.dice,
    )
    world.phones.append(again)
    return again


def _is_held_up(pid: int) -> bool:
    """Whether the process waits for a lock on a file."""
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(words[1] == "->" and words[5] == str(pid) for words in lines)


def _stored(world: World) -> set[str]:
    with world.wiring.factory.begin(write=False) as uow:
        return {str(mutation) for mutation in stored_mutations(uow.session, None)}


CASES = (killed_phone, killed_with_the_answer, killed_at_each_write)
