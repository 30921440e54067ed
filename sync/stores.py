"""What the doors for stores that push rows share: rows in through the journal, the feed up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from hashlib import blake2b
from typing import TypeAlias
from uuid import UUID

from marshmallow import Schema

from schemas.base import write_instant
from schemas.errors import JsonValue
from sync.apply import Applier
from sync.chunk import open_chunk
from sync.engine import SyncEngine
from sync.facts import DeviceGone
from sync.held import retry_held
from sync.host import Caller, UnitOfWork
from sync.journal import locked_journal
from sync.outcomes import Answer
from sync.push import repeated, skew_of
from sync.rows import Draft, PushedRow
from sync.sent import read_all
from sync.sql import batches
from sync.status import Status

ROUNDS = 4
ROWS_AT_ONCE = 50
"""Rows in one transaction; a row stands for three mutations at most."""

Stands: TypeAlias = "dict[str, JsonValue] | None"
Judged: TypeAlias = "tuple[PushedRow, list[Draft]]"
Noting: TypeAlias = "Callable[[UnitOfWork, Sequence[PushedRow]], None]"


def journal_of(device_id: UUID) -> UUID:
    """The journal of a store that keeps none itself: one per device, its numbers given by the server."""
    return UUID(bytes=blake2b(b"rows\0" + device_id.bytes, digest_size=16).digest(), version=5)


def bring_up_to_date(engine: SyncEngine, caller: Caller) -> None:
    """Expand and refresh until the caller's feeds show what is committed (or for a few rounds)."""
    journal = journal_of(caller.device_id)
    for _ in range(ROUNDS):
        with engine.host.begin(write=False) as uow:
            status = engine.status(uow.look, journal, caller.audiences)
            now = uow.now
        if status is None:
            engine.ensure_epoch()
            continue
        if not engine.check_identity(status):
            continue
        if status.held_are_due(now):
            _retry(engine, caller, status.epoch, pushed=False)
            continue
        if not engine.catch_up(caller, status, now):
            return


def known_status(engine: SyncEngine, uow: UnitOfWork, caller: Caller) -> Status:
    """How things stand for the caller in this snapshot."""
    status = engine.status(uow.look, journal_of(caller.device_id), caller.audiences)
    assert status is not None, "the epoch was made sure of"
    return status


def epoch_of(engine: SyncEngine, caller: Caller) -> UUID:
    """The epoch in force; a new database gets its first."""
    with engine.host.begin(write=False) as uow:
        status = engine.status(uow.look, journal_of(caller.device_id), caller.audiences)
    if status is not None:
        return status.epoch
    engine.ensure_epoch()
    return epoch_of(engine, caller)


@dataclass(frozen=True)
class RowPush:
    """The rows of one request. `note` is called in each transaction with the rows that it takes in."""

    engine: SyncEngine
    caller: Caller
    epoch: UUID
    note: Noting
    device_now: datetime | None = None

    def run(self, rows: Sequence[PushedRow], skipped: Iterable[PushedRow] = ()) -> list[Answer]:
        """Take the rows in, each a mutation or several; `skipped` ones were taken in before: only noted.

        Raises ServerBusy; what was taken in before it has its outcome stored.
        """
        answers: list[Answer] = []
        for part in batches(self._judged(rows), ROWS_AT_ONCE):
            answers += repeated(self.engine.host, partial(self._chunk, part))
        for seen in batches(list(skipped), ROWS_AT_ONCE):
            repeated(self.engine.host, partial(self._note, seen))
        if any(answer.outcome == "held" for answer in answers) and self.caller.revoked_at is None:
            _retry(self.engine, self.caller, self.epoch, pushed=True)
        return answers

    def _judged(self, rows: Sequence[PushedRow]) -> list[Judged]:
        if not rows:
            return []
        with self.engine.host.begin(write=False) as uow:
            return [(row, self.engine.rows.drafts(row, body_of(self.engine, uow, row))) for row in rows]

    def _note(self, rows: Sequence[PushedRow], uow: UnitOfWork, _last: bool) -> None:
        self.note(uow, rows)

    def _chunk(self, part: Sequence[Judged], uow: UnitOfWork, last: bool) -> list[Answer]:
        applier = _applier(self.engine, self.caller, self.epoch, uow, last=last)
        journal = journal_of(self.caller.device_id)
        number = locked_journal(uow, self.caller, journal).expected_number
        messages = self._messages(part, number, uow)
        answers: list[Answer] = []
        if messages:
            sent = read_all(messages, number)
            chunk = open_chunk(uow, applier, journal, sent, skew_of(self.device_now, uow.now))
            applier.lock_records(sent)
            chunk.take_all(sent)
            chunk.close(chunk.expected_number - 1)
            answers = chunk.answers
        self.note(uow, [row for row, _ in part])
        return answers

    def _messages(self, part: Sequence[Judged], number: int, uow: UnitOfWork) -> list[JsonValue]:
        now, device = write_instant(uow.now), self.caller.device_id
        drafts = [draft for _, drafts in part for draft in drafts]
        return [draft.message(device, number + place, now, uow.mint_id) for place, draft in enumerate(drafts)]


def body_of(engine: SyncEngine, uow: UnitOfWork, row: PushedRow) -> Stands:
    """The record's body as it stands, None when there is no such record."""
    record_id = record_id_of(row.id)
    if row.collection not in engine.collections or record_id is None:
        return None
    collection = engine.collections[row.collection]
    record = uow.session.get(collection.model, record_id)
    return None if record is None else dict(_writer(collection.shape).dump(record))


def record_id_of(text: str) -> UUID | None:
    """The id that a store wrote, None when it is none of ours."""
    try:
        record_id = UUID(text)
    except ValueError:
        return None
    return record_id if str(record_id) == text.lower() else None


def without(row: PushedRow, fields: frozenset[str]) -> PushedRow:
    """The row without these changes."""
    changed = row.changed if row.changed is not None else frozenset(row.values)
    return replace(row, changed=changed - fields)


def refuse_gone(caller: Caller, now: datetime, heard_for: float) -> None:
    """Raise DeviceGone for a device that was revoked too long ago (seconds) to be heard."""
    if caller.revoked_at is not None and (now - caller.revoked_at).total_seconds() > heard_for:
        raise DeviceGone("Nothing is taken from it any more.")


@cache
def _writer(shape: type[Schema]) -> Schema:
    return shape()


def _retry(engine: SyncEngine, caller: Caller, epoch: UUID, *, pushed: bool) -> None:
    journal = journal_of(caller.device_id)
    repeated(
        engine.host,
        lambda uow, last: retry_held(
            uow, _applier(engine, caller, epoch, uow, last=last), journal, pushed=pushed
        ),
    )


def _applier(engine: SyncEngine, caller: Caller, epoch: UUID, uow: UnitOfWork, *, last: bool) -> Applier:
    return Applier(engine.host, uow, caller, engine.collections, engine.rows.mutations, epoch, None, last)
