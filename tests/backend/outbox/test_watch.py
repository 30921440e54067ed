"""Whoever was away is asked for, and his return hastens what waited for him; nothing else does."""

import time

import pytest

from backend.outbox.queries import is_anything_due
from backend.outbox.rules import Lane
from backend.outbox.sending import send_due
from backend.outbox.transports import Outgoing
from backend.outbox.watch import EVERY, Watch
from backend.outbox.worker import OutboxWorker
from tests.clock import SettableClock
from tests.databases import Database


class Scanner:
    """May be away, and never likes the message `bad`."""

    def __init__(self, database: Database) -> None:
        self.there, self.asked, self.done = False, 0, list[str]()
        self._factory = database.factory

    def answers(self) -> bool:
        self.asked += 1
        return self.there

    def __call__(self, message: Outgoing) -> None:
        if not self.there or message.key == "bad":
            raise OSError("nobody is there")
        self.done.append(message.key)

    def try_all(self) -> int:
        return send_due(self._factory, {"mail": self})


@pytest.fixture
def scanner(database: Database, clock: SettableClock) -> Scanner:
    """Away for ten hours; three messages wait for it."""
    with database.factory.begin() as uow:
        for key in ("one", "two", "bad"):
            uow.post("mail", {}, key=key)
    scanner = Scanner(database)
    for _ in range(10):
        scanner.try_all()
        clock.advance(hours=1)
    scanner.try_all()
    return scanner


def test_what_waited_is_tried_within_half_a_minute_of_his_return(
    database: Database, clock: SettableClock, scanner: Scanner
) -> None:
    watch = Watch(database.factory, "mail", scanner.answers)
    watch.look()
    clock.advance(seconds=5)
    scanner.there = True
    watch.look()
    assert scanner.try_all() == 0, "it is not asked for all the time"
    clock.advance(seconds=25)
    watch.look()
    assert scanner.try_all() == 2
    assert sorted(scanner.done) == ["one", "two"]


def test_a_message_with_a_trouble_of_its_own_keeps_its_pauses(
    database: Database, clock: SettableClock, scanner: Scanner
) -> None:
    scanner.there = True
    watch = Watch(database.factory, "mail", scanner.answers)
    watch.look()
    scanner.try_all()
    for _ in range(20):
        clock.now += EVERY
        watch.look()
        with database.factory.begin(write=False) as uow:
            assert not is_anything_due(uow.session, clock(), Lane.QUICK)
    clock.advance(hours=1)
    assert scanner.try_all() == 0


def test_nobody_is_asked_for_when_nothing_waits(
    database: Database, clock: SettableClock, scanner: Scanner
) -> None:
    other = Watch(database.factory, "examine", scanner.answers)
    for _ in range(3):
        clock.advance(minutes=1)
        other.look()
    assert scanner.asked == 0


def test_a_worker_watches(database: Database, scanner: Scanner) -> None:
    scanner.there = True
    watch = Watch(database.factory, "mail", scanner.answers)
    worker = OutboxWorker(database.factory, {"mail": scanner}, pause=0.01, watch=watch)
    worker.start()
    deadline = time.monotonic() + 10
    while len(scanner.done) < 2:
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)
    assert worker.stop()
