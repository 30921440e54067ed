"""Journals: numbers, gaps, repeats, clones and losses; every mutation gets its outcome exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

import orjson
from sqlalchemy import bindparam, func, insert, select, update

from schemas.errors import DomainError, JsonValue
from sync.apply import Applier, Verdict
from sync.facts import (
    DeviceRevoked,
    LostInRestore,
    MutationAltered,
    MutationForgotten,
    MutationNumberReused,
    WaitsBehind,
)
from sync.host import Caller, UnitOfWork
from sync.inbox import Note, Subject, content_with, entry_id, subject_of
from sync.models import ENTRIES, JOURNALS, MUTATIONS, FieldInboxEntry
from sync.mutations import Outcome
from sync.sent import Sent, without_base
from sync.sql import dialect_of, upsert, write

OUTCOMES_KEPT = timedelta(days=90)
_FIRST_RETRY, _LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_TIMED_UUID = 7


@dataclass(frozen=True)
class Answer:
    """One outcome as it travels."""

    number: int
    mutation_id: UUID
    outcome: str
    problem: Mapping[str, JsonValue] | None
    fields: Sequence[str]

    def to_json(self) -> dict[str, object]:
        """The members of an OutcomeMessage."""
        message: dict[str, object] = {
            "number": self.number,
            "mutation_id": self.mutation_id,
            "outcome": self.outcome,
        }
        if self.problem is not None:
            message["problem"] = self.problem
        if self.fields:
            message["fields"] = self.fields
        return message


@dataclass(frozen=True)
class Stored:
    """What the database knows of a mutation received before."""

    mutation_id: UUID
    content_hash: str
    outcome: str
    problem: str | None
    fields: str | None

    def answer(self, number: int) -> Answer:
        """The stored outcome again, at the place where it was asked for."""
        problem = orjson.loads(self.problem) if self.problem else None
        fields = self.fields.split(",") if self.fields else ()
        return Answer(number, self.mutation_id, self.outcome, problem, fields)


@dataclass
class Chunk:
    """One push transaction: a stretch of one journal, whose row is locked.

    Rows are collected and written at the end: an outcome is stored together with its effects or not at all.
    """

    uow: UnitOfWork
    caller: Caller
    applier: Applier
    journal: UUID
    expected_number: int
    skew_seconds: float | None
    entries: dict[int, UUID]
    known: dict[UUID, Stored]
    held_records: set[UUID]
    doubted_through: int = 0
    answers: list[Answer] = field(default_factory=list)
    new_journal: bool = False
    _verdicts: dict[int, Verdict] = field(default_factory=dict)
    _new_entries: list[dict[str, object]] = field(default_factory=list)
    _new_mutations: list[dict[str, object]] = field(default_factory=list)
    _inbox: list[FieldInboxEntry] = field(default_factory=list)

    def take_all(self, sent: Sequence[Sent]) -> None:
        """Account for mutations up to the first missing number; facts that follow each other go together."""
        for stretch in _stretches(sent):
            if len(stretch) > 1 and self._are_new(stretch):
                self._applied_together(stretch)
            if not all(self.take(one) for one in stretch):
                return

    def _are_new(self, stretch: Sequence[Sent]) -> bool:
        """Whether each is the next of the journal, was never seen, and is about a record of its own."""
        if self.caller.revoked_at is not None:
            return False
        records = {one.record_id for one in stretch}
        ids = {one.mutation_id for one in stretch}
        return (
            len(records) == len(ids) == len(stretch)
            and None not in ids
            and not self.held_records & records
            and not self.known.keys() & ids
            and all(
                one.fault is None and one.number == number and number not in self.entries
                for number, one in enumerate(stretch, self.expected_number)
            )
        )

    def _applied_together(self, stretch: Sequence[Sent]) -> None:
        verdict = self.applier.apply_together(stretch)
        if verdict is not None:
            self._verdicts |= {one.number: verdict for one in stretch}

    def take(self, sent: Sent) -> bool:
        """Account for one mutation; False when numbers are missing before it."""
        if sent.number > self.expected_number:
            return False
        mutation_id = sent.mutation_id or self.entries.get(sent.number) or self.uow.mint_id()
        sent = replace(without_base(sent, self.doubted_through), mutation_id=mutation_id)
        stands_here = self.entries.get(sent.number)
        stored = self.known.get(mutation_id)
        if stands_here not in (None, mutation_id):
            self._answer_reused(sent, mutation_id, stored)
        elif stored is not None:
            self._repeat(sent, stored)
        elif sent.number < self.expected_number and _minted_before(mutation_id, self.uow.now - OUTCOMES_KEPT):
            detail = "Ask the office: what it says is in the field inbox."
            self._store(sent, mutation_id, self.applier.failed(MutationForgotten(detail)))
        else:
            self._store(sent, mutation_id, self._verdict(sent))
        self.expected_number = max(self.expected_number, sent.number + 1)
        return True

    def _verdict(self, sent: Sent) -> Verdict:
        if (verdict := self._verdicts.get(sent.number)) is not None:
            return verdict
        if self.caller.revoked_at is not None:
            return self._verdict_on_revoked(sent)
        if sent.record_id in self.held_records:
            return self.applier.failed(WaitsBehind("Nothing to do: it follows by itself."))
        verdict = self.applier.apply(sent)
        if verdict.outcome is Outcome.HELD and sent.record_id is not None:
            self.held_records.add(sent.record_id)
        return verdict

    def _verdict_on_revoked(self, sent: Sent) -> Verdict:
        """Evidence is taken and shown to people; all else waits for their decision."""
        error = DeviceRevoked("Hand the device in: the office decides what becomes of this.")
        mutation_type = self.applier.mutations.get(sent.type)
        if mutation_type is None or not mutation_type.from_revoked:
            return replace(self.applier.failed(error, Outcome.HELD), retry=False)
        verdict = self.applier.apply(sent)
        return self.applier.failed(error, Outcome.MERGED) if verdict.outcome is Outcome.APPLIED else verdict

    def _repeat(self, sent: Sent, stored: Stored) -> None:
        """The outcome again.

        Other content under a known id is refused, kept for people, and changes nothing.
        """
        self._enter(sent.number, stored.mutation_id)
        if sent.content_hash == stored.content_hash:
            self.answers.append(stored.answer(sent.number))
            return
        detail = "A mutation must never change once it is written: the first one counts."
        self._refuse_again(sent, stored.mutation_id, MutationAltered(detail))

    def _answer_reused(self, sent: Sent, mutation_id: UUID, stored: Stored | None) -> None:
        """A cloned phone. Nothing is stored under the number: the device sends it in a new journal."""
        self.new_journal = True
        if stored is not None and stored.content_hash == sent.content_hash:
            self.answers.append(stored.answer(sent.number))
            return
        detail = "Begin a new journal and send it again there."
        self._refuse_again(sent, mutation_id, MutationNumberReused(detail))

    def _refuse_again(self, sent: Sent, mutation_id: UUID, error: DomainError) -> None:
        verdict = self.applier.failed(error, Outcome.REFUSED)
        self.answers.append(Answer(sent.number, mutation_id, verdict.outcome, verdict.problem, ()))
        self._note(sent, mutation_id, verdict, entry_id(mutation_id, error.code, sent.content_hash))

    def _store(self, sent: Sent, mutation_id: UUID, verdict: Verdict) -> None:
        self._enter(sent.number, mutation_id)
        row = _mutation_row(self, sent, mutation_id, verdict)
        self._new_mutations.append(row)
        self.known[mutation_id] = Stored(
            mutation_id,
            sent.content_hash,
            verdict.outcome,
            json_text(verdict.problem),
            ",".join(verdict.fields),
        )
        self.answers.append(
            Answer(sent.number, mutation_id, verdict.outcome, verdict.problem, verdict.fields)
        )
        self._note(sent, mutation_id, verdict, self.uow.mint_id())

    def _enter(self, number: int, mutation_id: UUID) -> None:
        if number not in self.entries:
            self.entries[number] = mutation_id
            self._new_entries.append({"journal": self.journal, "number": number, "mutation_id": mutation_id})

    def _note(self, sent: Sent, mutation_id: UUID, verdict: Verdict, identity: UUID) -> None:
        if verdict.note is None or any(entry.id == identity for entry in self._inbox):
            return
        if self.uow.session.get(FieldInboxEntry, identity) is None:
            self._inbox.append(inbox_entry(self, sent, mutation_id, verdict, verdict.note, identity))

    def skip_lost(self, first_kept: int) -> None:
        """Go on after numbers that nobody has any more, and tell people."""
        detail = f"Ask the user what they did: mutations {self.expected_number} to {first_kept - 1} are gone."
        verdict = self.applier.failed(LostInRestore(detail))
        sent = Sent(self.expected_number, None, "{}", "", type="lost")
        identity = entry_id(self.journal, "lost-in-restore", f"{self.expected_number}-{first_kept}")
        if verdict.note is not None:
            self._inbox.append(inbox_entry(self, sent, None, verdict, verdict.note, identity))
        self.expected_number = first_kept

    def close(self, acknowledged: int) -> None:
        """Write what was collected."""
        session = self.uow.session
        write(session, insert(MUTATIONS), self._new_mutations)
        write(session, insert(ENTRIES), self._new_entries)
        session.add_all(self._inbox)
        self.uow.flush()
        self._settle_reused()
        values = {
            "of": self.journal,
            "expected_number": self.expected_number,
            "acknowledged": min(acknowledged, self.expected_number - 1),
            "device_id": self.caller.device_id,
            "skew_seconds": self.skew_seconds,
            "pushed_at": self.uow.now,
        }
        session.connection().execute(_ADVANCE, values)
        if self.held_records:
            session.connection().execute(RECOUNT_HELD, {"of": self.journal})

    def _settle_reused(self) -> None:
        """What was refused for its number has now been received under another."""
        ids = [row["mutation_id"] for row in self._new_mutations]
        if not ids:
            return
        entry = FieldInboxEntry
        reused = (entry.code == MutationNumberReused.code, entry.settled_at.is_(None))
        for found in self.uow.session.scalars(select(entry).where(entry.mutation_id.in_(ids), *reused)):
            found.settled_at = self.uow.now
        self.uow.flush()


def _stretches(sent: Sequence[Sent]) -> list[list[Sent]]:
    """The mutations in their order, parted wherever their type changes."""
    return [list(stretch) for _, stretch in groupby(sent, key=lambda one: one.type)]


def begin_journal(uow: UnitOfWork, caller: Caller, journal: UUID) -> None:
    """Make the journal known, if it is not."""
    statement = upsert(dialect_of(uow.session), JOURNALS).values(_first(uow, caller, journal))
    uow.session.connection().execute(statement.on_conflict_do_nothing())


def doubt(uow: UnitOfWork, caller: Caller, journal: UUID, through: int) -> bool:
    """Believe no base up to this number: the device knows outcomes that we never gave.

    They may be of a past that a restored backup has undone. Returns whether it says so for the first time.
    """
    statement = upsert(dialect_of(uow.session), JOURNALS)
    values = {**_first(uow, caller, journal), "doubted_through": through}
    is_more = func.coalesce(JOURNALS.c.doubted_through, 0) < through
    doubted = statement.values(values).on_conflict_do_update(
        index_elements=["journal"], set_={"doubted_through": through}, where=is_more
    )
    return uow.session.connection().execute(doubted.returning(JOURNALS.c.journal)).first() is not None


def _first(uow: UnitOfWork, caller: Caller, journal: UUID) -> dict[str, object]:
    return {
        "journal": journal,
        "device_id": caller.device_id,
        "user_id": caller.user_id,
        "pushed_at": uow.now,
        "expected_number": 1,
        "acknowledged": 0,
        "held": 0,
    }


def inbox_entry(
    chunk: Chunk, sent: Sent, mutation_id: UUID | None, verdict: Verdict, note: Note, identity: UUID
) -> FieldInboxEntry:
    """The entry that shows people a mutation which did not simply apply."""
    mutation_type = chunk.applier.mutations.get(sent.type)
    subject = subject_in(chunk, sent)
    return FieldInboxEntry(
        id=identity,
        created_at=chunk.uow.now,
        owner_id=chunk.caller.inbox_owner,
        user_id=chunk.caller.user_id,
        device_id=chunk.caller.device_id,
        journal=chunk.journal,
        number=sent.number,
        mutation_id=mutation_id,
        type=sent.type,
        collection=mutation_type.collection if mutation_type else None,
        record_id=sent.record_id,
        outcome=verdict.outcome.value,
        code=note.code,
        title=note.title,
        detail=note.detail,
        fields=",".join(verdict.fields),
        content=content_with(sent.content, verdict.server or {}),
        occurred_at=sent.occurred_at,
        skew_seconds=chunk.skew_seconds,
        subject_collection=subject.collection if subject else None,
        subject_id=subject.id if subject else None,
    )


def subject_in(chunk: Chunk, sent: Sent) -> Subject | None:
    """What a mutation is about, as far as that can be read."""
    mutation_type = chunk.applier.mutations.get(sent.type)
    if mutation_type is None or sent.record_id is None:
        return None
    collections, name = chunk.applier.collections, mutation_type.collection
    return subject_of(chunk.uow.session, collections, name, sent.record_id, sent.fields)


def next_retry(now: datetime, attempts: int) -> datetime:
    """When to try a held mutation again by itself: after a minute at first, later hourly."""
    pause = _FIRST_RETRY * float(2 ** min(attempts, 10))
    return now + min(pause, _LONGEST_RETRY)


def _mutation_row(chunk: Chunk, sent: Sent, mutation_id: UUID, verdict: Verdict) -> dict[str, object]:
    held = verdict.outcome is Outcome.HELD and verdict.retry
    subject = subject_in(chunk, sent) if held else None
    return {
        "mutation_id": mutation_id,
        "journal": chunk.journal,
        "number": sent.number,
        "device_id": chunk.caller.device_id,
        "user_id": chunk.caller.user_id,
        "type": sent.type,
        "record_id": sent.record_id,
        "content": sent.content,
        "content_hash": sent.content_hash,
        "occurred_at": sent.occurred_at,
        "time_zone": chunk.caller.time_zone,
        "skew_seconds": chunk.skew_seconds,
        "received_at": chunk.uow.now,
        "outcome": verdict.outcome.value,
        "problem": json_text(verdict.problem),
        "fields": ",".join(verdict.fields) or None,
        "attempts": 1,
        "retry_at": next_retry(chunk.uow.now, 0) if held else None,
        "subject_id": subject.id if subject else None,
    }


def json_text(problem: Mapping[str, JsonValue] | None) -> str | None:
    """A problem as it is stored."""
    return None if problem is None else orjson.dumps(problem).decode()


def _minted_before(mutation_id: UUID, moment: datetime) -> bool:
    """Whether a UUIDv7 names a time before `moment`; other ids do not tell their age and count as new."""
    return (
        mutation_id.version == _TIMED_UUID
        and datetime.fromtimestamp((mutation_id.int >> 80) / 1000, UTC) < moment
    )


_HELD = (MUTATIONS.c.journal == bindparam("of"), MUTATIONS.c.outcome == Outcome.HELD.value)
_ADVANCE = (
    update(JOURNALS)
    .where(JOURNALS.c.journal == bindparam("of"))
    .values(
        expected_number=bindparam("expected_number"),
        acknowledged=bindparam("acknowledged"),
        device_id=bindparam("device_id"),
        skew_seconds=bindparam("skew_seconds"),
        pushed_at=bindparam("pushed_at"),
    )
)
RECOUNT_HELD = (
    update(JOURNALS)
    .where(JOURNALS.c.journal == bindparam("of"))
    .values(
        held=select(func.count()).select_from(MUTATIONS).where(*_HELD).scalar_subquery(),
        retry_at=select(func.min(MUTATIONS.c.retry_at)).where(*_HELD).scalar_subquery(),
    )
)
