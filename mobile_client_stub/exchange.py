"""The exchange loop: everything up, then everything down, each answer kept in one local transaction."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from mobile_client_stub import journal, media_queue, records
from mobile_client_stub.store import Store
from mobile_client_stub.transport import Refused, Server
from mobile_client_stub.words import Body, Clock, PhoneError, list_of, number_of, text_of, written

PROTOCOL = 1
PAGE = 500  # changes
MOST_ROUND_TRIPS = 2000
MOST_RESYNCS = 3


@dataclass
class Exchanged:
    """What one run of the loop did."""

    round_trips: int = 0
    sent: int = 0
    received: int = 0
    reconciled: int = 0
    resyncs: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    directives: set[str] = field(default_factory=set)
    retry_after: float | None = None
    server_now: datetime | None = None


def exchange(store: Store, server: Server, clock: Clock) -> Exchanged:
    """Run until nothing is left to send or to fetch and the digests agree.

    Raises PhoneError; all is kept then.
    """
    done = Exchanged()
    after_gap = False
    while True:
        _mind_the_bounds(done)
        batch = journal.next_batch(store.connection)
        pulls = len(batch) == journal.unacknowledged_count(store.connection)
        try:
            answer = server.call("POST", "/sync/exchange", _request(store, batch, pulls, after_gap, clock()))
        except Refused as refusal:
            _go_back(store, refusal)
            after_gap = True
            continue
        after_gap = False
        done.sent += len(batch)
        if _take(store, answer, pulls, clock(), done) and _is_equal(store, server, answer, clock(), done):
            return done


def _request(
    store: Store, batch: list[journal.Mutation], pulls: bool, after_gap: bool, now: datetime
) -> Body:
    progress = journal.progress(store.connection)
    request: Body = {
        "protocol": PROTOCOL,
        "journal": progress.journal,
        "acknowledged": progress.acknowledged,
        "device_now": written(now),
        "cursor": progress.staged_cursor or progress.cursor,
        "limit": PAGE if pulls else 0,  # push before pull: a removal must never meet unsent work
        "mutations": [mutation.message() for mutation in batch],
    }
    if after_gap:
        request["journal_start"] = journal.begins_at(store.connection)
    return request


def _take(store: Store, answer: Body, pulled: bool, now: datetime, done: Exchanged) -> bool:
    """Keep one answer, whole or not at all; returns whether the exchange has come to its end."""
    directives = _directives(answer)
    done.server_now = datetime.fromisoformat(text_of(answer, "server_now"))
    outcomes, changes = list_of(answer, "outcomes"), list_of(answer, "changes")
    complete = pulled and not answer.get("more")
    with store.transaction() as connection:
        journal.take_outcomes(connection, outcomes, done.server_now)
        if "new_journal" in directives:
            journal.start_new_journal(connection, store.mint_id)
        else:
            expected_number, epoch = number_of(answer, "expected_number"), text_of(answer, "epoch") or None
            journal.go_on_from(connection, store.mint_id, expected_number, epoch)
        if "resync" in directives:
            records.start_again(connection)
            media_queue.ask_again(connection)
        if pulled and answer.get("cursor") is not None:
            records.stage(connection, changes, text_of(answer, "cursor"))
            if complete:
                _make_visible(connection, now)
        _note_contact(connection, answer, directives, now)
        finished = complete and journal.unacknowledged_count(connection) == 0
    _count(done, outcomes, changes, directives)
    done.retry_after = _seconds(answer)
    return finished


def _is_equal(store: Store, server: Server, answer: Body, now: datetime, done: Exchanged) -> bool:
    """Compare with the server's digest.

    A difference is mended by an inventory, and if that fails by starting over.
    """
    digest = answer.get("digest")
    if not isinstance(digest, dict) or records.equals_digest(store.connection, digest):
        return True
    if done.reconciled == 0:
        done.reconciled += 1
        return _reconcile(store, server, now)
    with store.transaction() as connection:
        records.start_again(connection)
    done.resyncs += 1
    return False


def _reconcile(store: Store, server: Server, now: datetime) -> bool:
    """Bring just the differences; returns whether records and digest agree now."""
    request: Body = {
        "protocol": PROTOCOL,
        "cursor": journal.progress(store.connection).cursor or "",
        "held": records.inventory(store.connection),
    }
    try:
        answer = server.call("POST", "/sync/reconcile", request)
    except Refused:
        return False  # the loop goes on, finds the difference again, and starts over
    with store.transaction() as connection:
        if "resync" in _directives(answer):
            records.start_again(connection)
            return False
        records.stage(connection, list_of(answer, "changes"), text_of(answer, "cursor"))
        _make_visible(connection, now)
    digest = answer.get("digest")
    return isinstance(digest, dict) and records.equals_digest(store.connection, digest)


def _make_visible(connection: sqlite3.Connection, now: datetime) -> None:
    """The records change, and in the same moment what was laid over them goes."""
    records.apply_staged(connection)
    journal.settle(connection)
    media_queue.take_receipts(connection, now)


def _go_back(store: Store, refusal: Refused) -> None:
    """After a gap: send again from the number that the server expects. Any other refusal is for the user."""
    if refusal.code == "mutation-gap":
        with store.transaction() as connection:
            journal.go_on_from(connection, store.mint_id, number_of(refusal.problem, "expected_number"), None)
        return
    if refusal.status == 410:
        with store.transaction() as connection:
            connection.execute("UPDATE account SET locked = 1, wipe_due = 1, signed_out = ?", (str(refusal),))
    raise refusal


def _note_contact(connection: sqlite3.Connection, answer: Body, directives: set[str], now: datetime) -> None:
    ahead = (now - datetime.fromisoformat(text_of(answer, "server_now"))).total_seconds()
    connection.execute(
        "UPDATE progress SET last_contact = ?, last_trouble = NULL, clock_ahead = ?", (written(now), ahead)
    )
    connection.execute(
        "UPDATE account SET locked = ?, wipe_due = max(wipe_due, ?), signed_out = NULL",
        ("lock" in directives, "wipe" in directives),
    )


def _count(done: Exchanged, outcomes: list[Body], changes: list[Body], directives: set[str]) -> None:
    done.received += len(changes)
    done.resyncs += "resync" in directives
    done.directives |= directives
    for outcome in outcomes:
        name = text_of(outcome, "outcome")
        done.outcomes[name] = done.outcomes.get(name, 0) + 1


def _mind_the_bounds(done: Exchanged) -> None:
    done.round_trips += 1
    if done.round_trips > MOST_ROUND_TRIPS or done.resyncs > MOST_RESYNCS:
        raise PhoneError(
            "This phone and the server do not come to agree. Sync again later, and tell the office."
        )


def _directives(answer: Body) -> set[str]:
    directives = answer.get("directives")
    return {str(directive) for directive in directives} if isinstance(directives, list) else set()


def _seconds(answer: Body) -> float | None:
    seconds = answer.get("retry_after")
    return float(seconds) if isinstance(seconds, int | float) else None
