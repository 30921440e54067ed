"""Sends what is due: claim in one transaction, carry it out in none, write down what came of it in a third.

No transaction is open while the outside world is waited for (on SQLite it would stop every other writer). A
claim is a lease: when the worker dies, the message is due again once the lease is over. So a message is
sent at least once, and what it carries (Message-ID, file name) stays the same each time.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.outbox.queries import forget_sent_before, is_anything_due, next_due_locked
from backend.outbox.rules import (
    KEPT_AFTER_SENDING,
    LEASE,
    LONGEST_REST,
    CarrierAway,
    Lane,
    delay_after,
    is_given_up,
    without_personal_data,
)
from backend.outbox.transports import Outgoing, Transport
from schemas.errors import RecordNotFound

log = structlog.get_logger(__name__)

_LONGEST_ERROR = 500


@dataclass
class Pauses:
    """Which kinds of messages a worker leaves alone, as their carrier is away: longer each time he is."""

    _until: dict[str, datetime] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def resting(self, now: datetime) -> set[str]:
        """The kinds whose pause is not over."""
        return {kind for kind, until in self._until.items() if until > now}

    def note(self, kind: str, now: datetime, *, is_away: bool) -> None:
        """What an attempt said of the carrier; any answer of his ends the pauses."""
        if not is_away:
            self._failures.pop(kind, None)
            self._until.pop(kind, None)
            return
        failures = self._failures[kind] = self._failures.get(kind, 0) + 1
        self._until[kind] = now + min(delay_after(failures), LONGEST_REST)


def send_due(
    factory: UnitOfWorkFactory,
    transports: Mapping[str, Transport],
    *,
    lane: Lane = Lane.QUICK,
    until: Callable[[], bool] = lambda: False,
    pauses: Pauses | None = None,
) -> int:
    """Try every message of a lane that is due, each once, or `until` says stop; how many were sent.

    Of a kind whose carrier is away no more are tried until its pause is over: each would wait in vain,
    and all other kinds behind it.
    """
    started_at = factory.clock()
    pauses = Pauses() if pauses is None else pauses
    sent = 0
    while not until():
        outgoing = claim_next(factory, started_at, lane, resting=pauses.resting(factory.clock()))
        if outgoing is None:
            break
        sent += carry_out(factory, transports, outgoing, pauses)
    return sent


def claim_next(
    factory: UnitOfWorkFactory, due_at: datetime, lane: Lane = Lane.QUICK, *, resting: Collection[str] = ()
) -> Outgoing | None:
    """Take the next message due at `due_at` for one attempt; nobody else gets it until the lease is over."""
    with factory.begin(write=False) as uow:  # a look first: an idle worker must not take the write lock
        if not is_anything_due(uow.session, due_at, lane, resting):
            return None
    with factory.begin() as uow:
        message = next_due_locked(uow.session, due_at, lane, resting)
        if message is None:
            return None
        message.attempts += 1
        message.next_attempt_at = uow.now + LEASE
        uow.flush()
        return Outgoing(
            id=message.id,
            kind=message.kind,
            key=message.key,
            payload=message.payload,
            posted_at=message.created_at,
            attempt=message.attempts,
        )


def carry_out(
    factory: UnitOfWorkFactory,
    transports: Mapping[str, Transport],
    outgoing: Outgoing,
    pauses: Pauses | None = None,
) -> bool:
    """One attempt at a claimed message, and the note of what came of it; whether it was sent."""
    failure: Exception | None = None
    try:
        if outgoing.kind not in transports:
            raise LookupError(f"nothing here carries messages of kind {outgoing.kind!r}")
        transports[outgoing.kind](outgoing)
    except (
        Exception
    ) as error:  # whatever a transport raises is a reason to try later, never to stop the others
        failure = error
    if pauses is not None:
        pauses.note(outgoing.kind, factory.clock(), is_away=isinstance(failure, CarrierAway))
    with factory.begin() as uow:
        message = uow.session.get(OutboxMessage, outgoing.id, with_for_update=True)
        if message is None or message.attempts != outgoing.attempt:
            return failure is None  # the lease ran out and another attempt is on its way: its result counts
        if failure is None:
            _note_success(uow, message)
        else:
            _note_failure(uow, message, failure)
    return failure is None


def _note_success(uow: UnitOfWork, message: OutboxMessage) -> None:
    message.state = OutboxState.SENT
    message.sent_at = uow.now
    message.last_error = None
    # A mail may carry a customer's key to his visit, which we keep as a hash only.
    message.payload = {}
    uow.flush()


def _note_failure(uow: UnitOfWork, message: OutboxMessage, failure: Exception) -> None:
    words = without_personal_data(f"{type(failure).__name__}: {failure}")
    message.last_error = words[:_LONGEST_ERROR].replace("\0", "")
    if is_given_up(message.kind, message.attempts, failure):
        message.state = OutboxState.DEAD
        log.error("outbox.given_up", message=str(message.id), kind=message.kind, error=message.last_error)
    else:
        message.next_attempt_at = uow.now + delay_after(message.attempts)
        log.warning("outbox.failed", message=str(message.id), kind=message.kind, error=message.last_error)
    uow.flush()


def try_again(uow: UnitOfWork, message_id: UUID) -> OutboxMessage:
    """Make a dead letter due again, at once and with all its attempts; RecordNotFound when it is none."""
    message = uow.session.get(OutboxMessage, message_id)
    if message is None or message.state is not OutboxState.DEAD:
        raise RecordNotFound("Only a message that was given up can be tried again.")
    message.state = OutboxState.DUE
    message.attempts = 0
    message.next_attempt_at = uow.now
    uow.flush()
    return message


def forget_what_was_sent(uow: UnitOfWork) -> None:
    """Delete messages whose sending is long ago."""
    forget_sent_before(uow.session, uow.now - KEPT_AFTER_SENDING)
