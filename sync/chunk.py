"""Chunks: a stretch of a journal in one transaction; numbers, gaps, repeats, clones: each has its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Uuid, bindparam, null, select, union_all

from schemas.errors import DomainError
from sync.apply import Applier, Verdict
from sync.facts import (
    DeviceRevoked,
    LostInRestore,
    MutationAltered,
    MutationForgotten,
    MutationNumberReused,
    WaitsBehind,
)
from sync.host import UnitOfWork
from sync.inbox import entry_id
from sync.journal import advance, locked_journal, recount_held
from sync.models import ENTRIES, MUTATIONS, FieldInboxEntry
from sync.mutations import Outcome
from sync.outcomes import Answer, Origin, Stored, inbox_entry, json_text, mutation_row
from sync.sent import Sent, without_base
from sync.sql import insert_rows

OUTCOMES_KEPT = timedelta(days=90)
_TIMED_UUID = 7
_DONE = frozenset({Outcome.APPLIED.value, Outcome.MERGED.value})


@dataclass
class Chunk:
    """One push transaction: a stretch of one journal, whose row is locked.

    Rows are collected and written at the end: an outcome is stored together with its effects or not at all.
    """

    origin: Origin
    expected_number: int
    entries: dict[int, UUID]
    known: dict[UUID, Stored]
    held_records: set[UUID]
    doubted_through: int = 0
    refused_for_number: set[UUID] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    new_journal: bool = False
    _verdicts: dict[int, Verdict] = field(default_factory=dict)
    _new_entries: list[dict[str, object]] = field(default_factory=list)
    _new_mutations: list[dict[str, object]] = field(default_factory=list)
    _inbox: list[FieldInboxEntry] = field(default_factory=list)

    def take_all(self, sent: Sequence[Sent]) -> None:
        """Account for mutations up to the first missing number.

        As many as can are applied together: one savepoint for all of them, until one is in trouble. That one
        goes by itself, and so that a journal full of trouble is not begun again for each, the next try is for
        one more, then twice as many.
        """
        place, most = 0, len(sent)
        while place < len(sent):
            ready = self._ready(sent[place : place + most])
            verdicts = self.origin.applier.apply_all(ready) if len(ready) > 1 else []
            self._verdicts |= {one.number: verdict for one, verdict in zip(ready, verdicts, strict=False)}
            taken = max(len(verdicts), 1)
            for one in sent[place : place + taken]:
                if not self.take(one):
                    return
            place += taken
            if len(ready) > 1:
                in_trouble = len(verdicts) < len(ready)
            else:
                in_trouble = self.answers[-1].outcome not in _DONE
            most = 1 if in_trouble else 2 * most

    def _ready(self, sent: Sequence[Sent]) -> list[Sent]:
        """Those from the first on that are each the next of the journal, never seen, and wait for nothing."""
        ready: list[Sent] = []
        ids: set[UUID | None] = {None, *self.known}
        if self.origin.caller.revoked_at is not None:
            return ready
        for number, one in enumerate(sent, self.expected_number):
            is_next = one.fault is None and one.number == number and number not in self.entries
            if not is_next or one.mutation_id in ids or one.record_id in self.held_records:
                break
            ids.add(one.mutation_id)
            ready.append(without_base(one, self.doubted_through))
        return ready

    def take(self, sent: Sent) -> bool:
        """Account for one mutation; False when numbers are missing before it."""
        if sent.number > self.expected_number:
            return False
        mutation_id = sent.mutation_id or self.entries.get(sent.number) or self.origin.uow.mint_id()
        sent = replace(without_base(sent, self.doubted_through), mutation_id=mutation_id)
        stands_here = self.entries.get(sent.number)
        stored = self.known.get(mutation_id)
        if stands_here not in (None, mutation_id):
            self._answer_reused(sent, mutation_id, stored)
        elif stored is not None:
            self._repeat(sent, stored)
        elif sent.number < self.expected_number and _minted_before(
            mutation_id, self.origin.uow.now - OUTCOMES_KEPT
        ):
            detail = "Ask the office: what it says is in the field inbox."
            self._store(sent, mutation_id, self.origin.applier.failed(MutationForgotten(detail)))
        else:
            self._store(sent, mutation_id, self._verdict(sent))
        self.expected_number = max(self.expected_number, sent.number + 1)
        return True

    def _verdict(self, sent: Sent) -> Verdict:
        if (verdict := self._verdicts.get(sent.number)) is not None:
            return verdict
        if self.origin.caller.revoked_at is not None:
            return self._verdict_on_revoked(sent)
        if sent.record_id in self.held_records:
            return self.origin.applier.failed(WaitsBehind("Nothing to do: it follows by itself."))
        verdict = self.origin.applier.apply(sent)
        if verdict.outcome is Outcome.HELD and sent.record_id is not None:
            self.held_records.add(sent.record_id)
        return verdict

    def _verdict_on_revoked(self, sent: Sent) -> Verdict:
        """Evidence is taken and shown to people; all else waits for their decision."""
        error = DeviceRevoked("Hand the device in: the office decides what becomes of this.")
        mutation_type = self.origin.applier.mutations.get(sent.type)
        if mutation_type is None or not mutation_type.from_revoked:
            return replace(self.origin.applier.failed(error, Outcome.HELD), retry=False)
        verdict = self.origin.applier.apply(sent)
        return (
            self.origin.applier.failed(error, Outcome.MERGED)
            if verdict.outcome is Outcome.APPLIED
            else verdict
        )

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
        verdict = self.origin.applier.failed(error, Outcome.REFUSED)
        self.answers.append(Answer(sent.number, mutation_id, verdict.outcome, verdict.problem, ()))
        self._note(sent, mutation_id, verdict, entry_id(mutation_id, error.code, sent.content_hash))

    def _store(self, sent: Sent, mutation_id: UUID, verdict: Verdict) -> None:
        self._enter(sent.number, mutation_id)
        row = mutation_row(self.origin, sent, mutation_id, verdict)
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
        self._note(sent, mutation_id, verdict, self.origin.uow.mint_id())

    def _enter(self, number: int, mutation_id: UUID) -> None:
        if number not in self.entries:
            self.entries[number] = mutation_id
            self._new_entries.append(
                {"journal": self.origin.journal, "number": number, "mutation_id": mutation_id}
            )

    def _note(self, sent: Sent, mutation_id: UUID, verdict: Verdict, identity: UUID) -> None:
        if verdict.note is None or any(entry.id == identity for entry in self._inbox):
            return
        if self.origin.uow.session.get(FieldInboxEntry, identity) is None:
            self._inbox.append(inbox_entry(self.origin, sent, mutation_id, verdict, verdict.note, identity))

    def skip_lost(self, first_kept: int) -> None:
        """Go on after numbers that nobody has any more, and tell people."""
        detail = f"Ask the user what they did: mutations {self.expected_number} to {first_kept - 1} are gone."
        verdict = self.origin.applier.failed(LostInRestore(detail))
        sent = Sent(self.expected_number, None, "{}", "", type="lost")
        identity = entry_id(self.origin.journal, "lost-in-restore", f"{self.expected_number}-{first_kept}")
        if verdict.note is not None:
            self._inbox.append(inbox_entry(self.origin, sent, None, verdict, verdict.note, identity))
        self.expected_number = first_kept

    def close(self, acknowledged: int) -> None:
        """Write what was collected."""
        origin, session = self.origin, self.origin.uow.session
        insert_rows(session, MUTATIONS, self._new_mutations)
        insert_rows(session, ENTRIES, self._new_entries)
        session.add_all(self._inbox)
        origin.uow.flush()
        self._settle_reused()
        advance(
            origin.uow,
            origin.caller,
            origin.journal,
            expected_number=self.expected_number,
            acknowledged=min(acknowledged, self.expected_number - 1),
            skew_seconds=origin.skew_seconds,
        )
        if self.held_records:
            recount_held(origin.uow, origin.journal)

    def _settle_reused(self) -> None:
        """What was refused for its number has now been received under another."""
        received = {row["mutation_id"] for row in self._new_mutations} & self.refused_for_number
        if not received:
            return
        entry = FieldInboxEntry
        reused = (entry.mutation_id.in_(received), entry.code == MutationNumberReused.code)
        for found in self.origin.uow.session.scalars(
            select(entry).where(*reused, entry.settled_at.is_(None))
        ):
            found.settled_at = self.origin.uow.now
        self.origin.uow.flush()


def open_chunk(
    uow: UnitOfWork, applier: Applier, journal: UUID, sent: Sequence[Sent], skew_seconds: float | None
) -> Chunk:
    """Lock the journal and read what is known of these mutations."""
    row = locked_journal(uow, applier.caller, journal)
    entries = _entries(uow, journal, sent, row.expected_number)
    ids = {item.mutation_id for item in sent if item.mutation_id is not None} | set(entries.values())
    known, refused = _known(uow, ids)
    return Chunk(
        Origin(uow, applier.caller, applier, journal, skew_seconds),
        row.expected_number,
        entries,
        known,
        _held_records(uow, journal) if row.held else set(),
        row.doubted_through or 0,
        refused,
    )


def _entries(uow: UnitOfWork, journal: UUID, sent: Sequence[Sent], expected_number: int) -> dict[int, UUID]:
    """What stands at these places already: nothing does from `expected_number` on."""
    numbers = [item.number for item in sent]
    if min(numbers) >= expected_number:
        return {}
    columns = select(ENTRIES.c.number, ENTRIES.c.mutation_id)
    rows = uow.session.connection().execute(
        columns.where(ENTRIES.c.journal == journal, ENTRIES.c.number.between(min(numbers), max(numbers)))
    )
    return {row.number: row.mutation_id for row in rows}


def _known(uow: UnitOfWork, ids: set[UUID]) -> tuple[dict[UUID, Stored], set[UUID]]:
    """Which of these are stored, and which were refused for their number and still wait in the inbox."""
    rows = uow.session.connection().execute(_KNOWN, {"ids": sorted(ids)}).all()
    stored = {row.mutation_id: Stored(*row) for row in rows if row.content_hash is not None}
    return stored, {row.mutation_id for row in rows if row.content_hash is None}


def _held_records(uow: UnitOfWork, journal: UUID) -> set[UUID]:
    table = MUTATIONS.c
    rows = select(table.record_id).where(table.journal == journal, table.outcome == Outcome.HELD.value)
    return {record for record in uow.session.connection().execute(rows).scalars() if record is not None}


def _minted_before(mutation_id: UUID, moment: datetime) -> bool:
    """Whether a UUIDv7 names a time before `moment`; other ids do not tell their age and count as new."""
    return (
        mutation_id.version == _TIMED_UUID
        and datetime.fromtimestamp((mutation_id.int >> 80) / 1000, UTC) < moment
    )


_IDS = bindparam("ids", expanding=True, type_=Uuid)
_KNOWN: CompoundSelect[*tuple[Any, ...]] = union_all(
    select(
        MUTATIONS.c.mutation_id,
        MUTATIONS.c.content_hash,
        MUTATIONS.c.outcome,
        MUTATIONS.c.problem,
        MUTATIONS.c.fields,
    ).where(MUTATIONS.c.mutation_id.in_(_IDS)),
    select(FieldInboxEntry.mutation_id, *(null() for _ in range(4))).where(
        FieldInboxEntry.mutation_id.in_(_IDS),
        FieldInboxEntry.code == MutationNumberReused.code,
        FieldInboxEntry.settled_at.is_(None),
    ),
)
