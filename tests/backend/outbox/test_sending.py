"""What a transaction asked for is carried out after it, again if that failed, and not lost in silence."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from structlog.testing import capture_logs

from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.db.paging import PageRequest
from backend.outbox.queries import OutboxFigures, outbox_figures, outbox_messages, unsent
from backend.outbox.rules import (
    FIRST_DELAY,
    KEPT_AFTER_SENDING,
    LEASE,
    LONGEST_DELAY,
    MOST_ATTEMPTS,
    CarrierAway,
    Lane,
    PermanentFailure,
    delay_after,
)
from backend.outbox.sending import (
    Pauses,
    carry_out,
    claim_next,
    forget_what_was_sent,
    send_due,
    try_again,
)
from backend.outbox.transports import Outgoing
from backend.outbox.worker import OutboxWorker
from schemas.errors import RecordNotFound
from tests.databases import Database


class Carrier:
    """A transport that remembers, and fails while it is told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.carried: list[Outgoing] = []

    def __call__(self, message: Outgoing) -> None:
        self.carried.append(message)
        if self.failure is not None:
            raise self.failure

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.carried]


def post(database: Database, *keys: str, kind: str = "mail", not_before: timedelta | None = None) -> None:
    with database.factory.begin() as uow:
        moment = None if not_before is None else uow.now + not_before
        for key in keys:
            uow.post(kind, {"to": key}, key=key, not_before=moment)


def message(database: Database, key: str) -> OutboxMessage:
    with database.factory.begin(write=False) as uow:
        return uow.session.scalars(select(OutboxMessage).where(OutboxMessage.key == key)).one()


def figures(database: Database) -> OutboxFigures:
    with database.factory.begin(write=False) as uow:
        return outbox_figures(uow.session)


def test_what_was_posted_is_sent_once(database: Database) -> None:
    carrier = Carrier()
    post(database, "a", "b")
    assert send_due(database.factory, {"mail": carrier}) == 2
    assert send_due(database.factory, {"mail": carrier}) == 0
    assert sorted(carrier.keys) == ["a", "b"]
    assert carrier.carried[0].payload == {"to": carrier.keys[0]}
    assert message(database, "a").state is OutboxState.SENT
    assert message(database, "a").sent_at == database.clock.now


def test_what_was_sent_is_not_kept_because_it_may_hold_a_customers_key(database: Database) -> None:
    post(database, "a")
    assert message(database, "a").payload == {"to": "a"}
    send_due(database.factory, {"mail": Carrier()})
    assert message(database, "a").payload == {}


def test_what_a_failed_transaction_asked_for_is_not_sent(database: Database) -> None:
    carrier = Carrier()

    def ask_and_fail() -> None:
        with database.factory.begin() as uow:
            uow.post("mail", {}, key="never")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        ask_and_fail()
    assert send_due(database.factory, {"mail": carrier}) == 0


def test_nothing_is_sent_before_its_time(database: Database) -> None:
    carrier = Carrier()
    post(database, "tomorrow", not_before=timedelta(days=1))
    assert send_due(database.factory, {"mail": carrier}) == 0
    database.clock.advance(days=1)
    assert send_due(database.factory, {"mail": carrier}) == 1


def test_a_failure_is_tried_again_later_and_does_not_stop_the_others(database: Database) -> None:
    carrier, bad = Carrier(), Carrier(TimeoutError("no answer"))
    post(database, "slow", kind="push")
    post(database, "fine")
    assert send_due(database.factory, {"mail": carrier, "push": bad}) == 1
    failed = message(database, "slow")
    assert (failed.attempts, failed.last_error) == (1, "TimeoutError: no answer")
    assert failed.next_attempt_at == database.clock.now + FIRST_DELAY
    assert send_due(database.factory, {"mail": carrier, "push": bad}) == 0
    bad.failure = None
    database.clock.advance(seconds=FIRST_DELAY.total_seconds())
    assert send_due(database.factory, {"mail": carrier, "push": bad}) == 1
    assert message(database, "slow").last_error is None
    assert [each.attempt for each in bad.carried] == [1, 2]


def test_a_carrier_that_is_away_is_asked_once_and_left_alone_for_a_while(database: Database) -> None:
    away, fine, pauses = Carrier(CarrierAway("no answer")), Carrier(), Pauses()
    ways = {"mail": fine, "sms": away}
    post(database, *"abcde", kind="sms")
    send_due(database.factory, ways, lane=Lane.SLOW, pauses=pauses)
    assert len(away.carried) == 1, "the others would have waited for him in vain"
    database.clock.advance(seconds=FIRST_DELAY.total_seconds() - 1)
    send_due(database.factory, ways, lane=Lane.SLOW, pauses=pauses)
    assert len(away.carried) == 1
    database.clock.advance(seconds=1)
    send_due(database.factory, ways, lane=Lane.SLOW, pauses=pauses)
    assert len(away.carried) == 2
    database.clock.advance(seconds=2 * FIRST_DELAY.total_seconds())
    away.failure = None
    assert send_due(database.factory, ways, lane=Lane.SLOW, pauses=pauses) == 5
    assert message(database, "e").attempts == 1, "what was not tried has lost no attempt"


def test_a_carrier_that_is_away_holds_up_no_other_kind(database: Database) -> None:
    away, fine = Carrier(CarrierAway("no answer")), Carrier()
    post(database, "a", "b")
    post(database, "c", kind="push")
    assert send_due(database.factory, {"mail": away, "push": fine}) == 1
    assert (len(away.carried), len(fine.carried)) == (1, 1)


def test_each_kind_is_of_one_lane(database: Database) -> None:
    every = {"mail": Lane.QUICK, "push": Lane.QUICK, "sms": Lane.SLOW, "seal": Lane.SLOW, "badge": Lane.OWN}
    for kind in every:
        post(database, f"a {kind}", kind=kind)
    taken: dict[str, Lane] = {}
    for lane in Lane:
        send_due(database.factory, {kind: partial(_take, taken, lane) for kind in every}, lane=lane)
    assert taken == every


def _take(taken: dict[str, Lane], lane: Lane, message: Outgoing) -> None:
    taken[message.kind] = lane


def test_a_failure_tells_the_log_no_address_no_number_and_no_link(database: Database) -> None:
    said = (
        "{'ada@example.org': (451, b'<ada@example.org>: later')} +491701234567 "
        "http://x/p/0123456789abcdefghijk"
    )
    post(database, "a")
    with capture_logs() as logs:
        send_due(database.factory, {"mail": Carrier(TimeoutError(said))})
    for words in (str(logs), message(database, "a").last_error or ""):
        assert not re.search("ada@|4917|abcdefgh", words)
        assert "451" in words


def test_a_message_nobody_can_carry_waits_for_somebody_who_can(database: Database) -> None:
    post(database, "letter", kind="pigeon")
    assert send_due(database.factory, {"mail": Carrier()}) == 0
    assert message(database, "letter").state is OutboxState.DUE
    assert "kind 'pigeon'" in (message(database, "letter").last_error or "")


def test_after_the_last_attempt_a_message_is_a_dead_letter_that_can_be_seen(database: Database) -> None:
    carrier = Carrier(TimeoutError("no answer"))
    post(database, "doomed")
    with database.factory.begin() as uow:
        uow.session.scalars(select(OutboxMessage)).one().attempts = MOST_ATTEMPTS - 1
    send_due(database.factory, {"mail": carrier})
    with database.factory.begin(write=False) as uow:
        (dead,) = outbox_messages(uow.session, OutboxState.DEAD, PageRequest()).items
        assert [each.key for each in unsent(uow)] == ["doomed"]
    assert (dead.key, dead.attempts, dead.last_error) == ("doomed", MOST_ATTEMPTS, "TimeoutError: no answer")
    database.clock.advance(days=30)
    assert send_due(database.factory, {"mail": Carrier()}) == 0


@pytest.mark.parametrize("kind", ["seal", "examine", "timestamp", "anchor"])
def test_what_a_report_waits_for_is_never_given_up(database: Database, kind: str) -> None:
    post(database, "patient", kind=kind)
    with database.factory.begin() as uow:
        uow.session.scalars(select(OutboxMessage)).one().attempts = MOST_ATTEMPTS * 10
    send_due(database.factory, {kind: Carrier(TimeoutError("no key"))}, lane=Lane.SLOW)
    assert message(database, "patient").state is OutboxState.DUE
    database.clock.advance(seconds=LONGEST_DELAY.total_seconds())
    assert send_due(database.factory, {kind: Carrier()}, lane=Lane.SLOW) == 1


def test_what_is_refused_for_good_dies_at_once_and_can_be_revived_by_hand(database: Database) -> None:
    carrier = Carrier(PermanentFailure("no such person"))
    post(database, "refused")
    send_due(database.factory, {"mail": carrier})
    dead = message(database, "refused")
    assert dead.state is OutboxState.DEAD
    with database.factory.begin() as uow:
        try_again(uow, dead.id)
    carrier.failure = None
    assert send_due(database.factory, {"mail": carrier}) == 1


def test_what_was_revived_has_all_its_attempts_again(database: Database) -> None:
    carrier = Carrier(TimeoutError("no answer"))
    post(database, "doomed")
    for _ in range(MOST_ATTEMPTS):
        send_due(database.factory, {"mail": carrier})
        database.clock.advance(days=1)
    assert message(database, "doomed").state is OutboxState.DEAD
    with database.factory.begin() as uow:
        assert try_again(uow, message(database, "doomed").id).attempts == 0
    send_due(database.factory, {"mail": carrier})
    revived = message(database, "doomed")
    assert (revived.state, revived.attempts) == (OutboxState.DUE, 1), "one failure is not the last one"
    assert revived.next_attempt_at == database.clock.now + delay_after(1)


def test_only_a_dead_letter_can_be_revived(database: Database) -> None:
    post(database, "waiting")
    waiting = message(database, "waiting").id
    for unknown in (waiting, UUID(int=7)):
        with database.factory.begin() as uow, pytest.raises(RecordNotFound):
            try_again(uow, unknown)


def test_a_message_whose_worker_died_comes_back_after_the_lease(database: Database) -> None:
    post(database, "orphan")
    first = claim_next(database.factory, database.clock.now)
    assert first is not None
    assert claim_next(database.factory, database.clock.now) is None
    database.clock.advance(seconds=LEASE.total_seconds())
    second = claim_next(database.factory, database.clock.now)
    assert second is not None
    assert (second.id, second.attempt) == (first.id, 2)


def test_a_worker_that_lost_its_lease_does_not_decide(database: Database) -> None:
    post(database, "contended")
    slow = claim_next(database.factory, database.clock.now)
    database.clock.advance(seconds=LEASE.total_seconds())
    assert claim_next(database.factory, database.clock.now) is not None
    assert slow is not None
    carry_out(database.factory, {"mail": Carrier(PermanentFailure("too late"))}, slow)
    assert message(database, "contended").state is OutboxState.DUE


def test_no_transaction_is_open_while_a_mail_is_on_its_way(database: Database) -> None:
    def write_meanwhile(_outgoing: Outgoing) -> None:
        post(database, "written meanwhile", not_before=timedelta(days=1))

    post(database, "first")
    assert send_due(database.factory, {"mail": write_meanwhile}) == 1
    assert message(database, "written meanwhile").state is OutboxState.DUE


def test_four_workers_send_each_message_once(database: Database) -> None:
    carrier = Carrier()
    keys = [f"message {number:02}" for number in range(24)]
    post(database, *keys)
    threads = [
        threading.Thread(target=send_due, args=(database.factory, {"mail": carrier})) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(carrier.keys) == keys


def test_a_worker_passes_over_what_another_one_is_taking(postgresql_database: Database) -> None:
    database = postgresql_database
    post(database, "a", "b")
    with database.factory.begin() as other:
        first = select(OutboxMessage).order_by(OutboxMessage.id).limit(1).with_for_update()
        taken = other.session.scalars(first).one()
        claimed = claim_next(database.factory, database.clock.now)
        assert claimed is not None
        assert claimed.id != taken.id
        assert claim_next(database.factory, database.clock.now) is None


def test_figures_tell_how_the_outbox_is(database: Database) -> None:
    assert figures(database) == OutboxFigures(0, 0, 0, None)
    post(database, "sent")
    send_due(database.factory, {"mail": Carrier()})
    posted_at = database.clock.now
    post(database, "due")
    post(database, "dead", kind="push")
    send_due(database.factory, {"mail": Carrier(TimeoutError()), "push": Carrier(PermanentFailure("no"))})
    database.clock.advance(hours=1)
    post(database, "due as well")
    assert figures(database) == OutboxFigures(due=2, sent=1, dead=1, waiting_since=posted_at)


def test_what_was_sent_long_ago_is_forgotten_and_nothing_else(database: Database) -> None:
    post(database, "long ago")
    send_due(database.factory, {"mail": Carrier()})
    post(database, "still due")
    database.clock.advance(seconds=KEPT_AFTER_SENDING.total_seconds() + 1)
    post(database, "just sent", kind="push")
    send_due(database.factory, {"mail": Carrier(TimeoutError()), "push": Carrier()})
    with database.factory.begin() as uow:
        forget_what_was_sent(uow)
    with database.factory.begin(write=False) as uow:
        assert set(uow.session.scalars(select(OutboxMessage.key))) == {"still due", "just sent"}


@given(attempts=st.integers(1, 10_000))
def test_delays_grow_up_to_an_hour(attempts: int) -> None:
    assert FIRST_DELAY <= delay_after(attempts) <= delay_after(attempts + 1) <= LONGEST_DELAY


def test_a_mail_server_may_be_away_for_a_weekend() -> None:
    patience = sum((delay_after(attempt) for attempt in range(1, MOST_ATTEMPTS)), timedelta())
    assert timedelta(days=2.5) < patience < timedelta(days=4)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)


def test_a_worker_sends_what_is_posted_while_it_runs_and_stops_when_told(database: Database) -> None:
    carrier = Carrier()
    worker = OutboxWorker(database.factory, {"mail": carrier}, pause=0.02)
    worker.start()
    worker.start()
    post(database, "while it runs")
    wait_for(lambda: carrier.keys == ["while it runs"])
    assert worker.stop()
    post(database, "after it stopped")
    time.sleep(0.1)
    assert carrier.keys == ["while it runs"]


def test_a_sleeping_worker_can_be_woken(sqlite_database: Database) -> None:
    carrier = Carrier()
    worker = OutboxWorker(sqlite_database.factory, {"mail": carrier}, pause=60)
    worker.start()
    time.sleep(0.2)
    post(sqlite_database, "urgent")
    worker.wake()
    wait_for(lambda: carrier.keys == ["urgent"])
    assert worker.stop()


def test_a_worker_outlives_a_database_that_is_away(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier, failures = Carrier(), iter([OSError("disk on fire")] * 3)
    begin = sqlite_database.factory.begin

    def begin_or_fail(*, write: bool = True) -> object:
        for failure in failures:
            raise failure
        return begin(write=write)

    post(sqlite_database, "after the fire")
    monkeypatch.setattr(sqlite_database.factory, "begin", begin_or_fail)
    worker = OutboxWorker(sqlite_database.factory, {"mail": carrier}, pause=0.01)
    worker.start()
    wait_for(lambda: carrier.keys == ["after the fire"])
    assert worker.stop()


def test_a_worker_that_never_started_can_be_stopped(sqlite_database: Database) -> None:
    assert OutboxWorker(sqlite_database.factory, {}).stop()
