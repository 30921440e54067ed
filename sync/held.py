"""Held mutations: tried again, in order, until their condition is met; the inbox entry tells how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, or_, select, update

from schemas.problem import problem_of
from sync.apply import Applier, Verdict
from sync.collections import CollectionSet, Path
from sync.facts import DecidedByPeople, UnexpectedFailure
from sync.host import UnitOfWork
from sync.inbox import content_with, subject_of
from sync.journal import recount_held
from sync.models import JOURNALS, MUTATIONS, FieldInboxEntry
from sync.mutations import Outcome
from sync.outcomes import json_text, next_retry
from sync.sent import Sent, read_all, without_base
from sync.sql import batches

RETRIED_AT_ONCE = 50
JOURNALS_AT_ONCE = 5

_LOCK = (
    select(JOURNALS.c.held, JOURNALS.c.doubted_through)
    .where(JOURNALS.c.journal == bindparam("of"))
    .with_for_update()
)
_STORE = (
    update(MUTATIONS)
    .where(MUTATIONS.c.mutation_id == bindparam("of"))
    .values(
        outcome=bindparam("outcome"),
        problem=bindparam("problem"),
        fields=bindparam("fields"),
        attempts=bindparam("attempts"),
        retry_at=bindparam("retry_at"),
    )
)
_WAITING = (MUTATIONS.c.outcome == Outcome.HELD.value, MUTATIONS.c.retry_at.is_not(None))
ANY_WAIT = select(MUTATIONS.c.mutation_id).where(*_WAITING).limit(1)
"""Whether any mutation waits for something; answered from a small index."""


def lock_journal(uow: UnitOfWork, journal: UUID) -> Any:
    """Hold the journal to the end of the transaction: what it holds, and up to where it is doubted."""
    return uow.session.connection().execute(_LOCK, {"of": journal}).one_or_none()


def retry_held(uow: UnitOfWork, applier: Applier, journal: UUID, *, pushed: bool) -> None:
    """Try the journal's held mutations again; each record's later ones wait behind its first.

    `pushed`: something new arrived just now that may have met a condition. What failed by our own mistake
    waits for its time in any case. At most `RETRIED_AT_ONCE` are tried, those that waited longest first: what
    can never apply holds up nothing else.
    """
    locked = lock_journal(uow, journal)
    if locked is None or not locked.held:
        return
    tried: set[UUID] = set()
    freed: set[UUID] = set()
    while rows := _heads(uow, journal, tried, freed, pushed=pushed):
        for row in rows:
            tried.add(row.mutation_id)
            verdict = applier.apply(_as_sent(row, locked.doubted_through or 0))
            if verdict.outcome is not Outcome.HELD and row.record_id is not None:
                freed.add(row.record_id)
            _store(uow, applier, row, verdict)
    recount_held(uow, journal)


def _heads(
    uow: UnitOfWork, journal: UUID, tried: set[UUID], freed: set[UUID], *, pushed: bool
) -> Sequence[Row[Any]]:
    """What to try next: the first that waits for each record, when it is due or the one before it is done."""
    table, earlier = MUTATIONS.c, MUTATIONS.alias("earlier")
    due = or_(table.retry_at <= uow.now, table.record_id.in_(freed))
    if pushed:
        due = or_(due, ~table.problem.contains(UnexpectedFailure.code, autoescape=True))
    waits_before = (
        select(earlier.c.mutation_id)
        .where(earlier.c.journal == journal, earlier.c.record_id == table.record_id)
        .where(earlier.c.number < table.number)
        .where(earlier.c.outcome == Outcome.HELD.value, earlier.c.retry_at.is_not(None))
    )
    statement = (
        select(MUTATIONS)
        .where(table.journal == journal, *_WAITING, due, table.mutation_id.not_in(tried))
        .where(~waits_before.exists())
        .order_by(table.retry_at, table.number)
        .limit(RETRIED_AT_ONCE - len(tried))
    )
    return uow.session.connection().execute(statement).all()


def wake_held(uow: UnitOfWork, collections: CollectionSet, changed: dict[str, list[UUID]]) -> list[UUID]:
    """Make due what waits for something about these records; the journals in which something is due now.

    A mutation is woken by its own record, by what it hangs on (a note's visit), and by whatever else hangs
    there (the visit's report). This only saves time: without it the mutation is tried again later.
    """
    concerned = _concerned(uow, collections, changed)
    journals = sorted(_journals(uow, [_is_about(batch) for batch in batches(concerned)]))
    for journal in journals:
        lock_journal(uow, journal)
    ours_to_mend = MUTATIONS.c.problem.contains(UnexpectedFailure.code, autoescape=True)
    for batch in batches(concerned):
        due = update(MUTATIONS).where(*_WAITING, MUTATIONS.c.journal.in_(journals), _is_about(batch))
        uow.session.connection().execute(due.where(~ours_to_mend).values(retry_at=uow.now))
    for journal in journals:
        recount_held(uow, journal)
    return journals[:JOURNALS_AT_ONCE]


def journals_due(uow: UnitOfWork) -> list[UUID]:
    """The journals whose held mutations have waited long enough, the longest first; a few at a time."""
    table = JOURNALS.c
    statement = select(table.journal).where(table.held > 0, table.retry_at <= uow.now)
    longest_first = statement.order_by(table.retry_at).limit(JOURNALS_AT_ONCE)
    return list(uow.session.connection().execute(longest_first).scalars())


def owner_of_journal(uow: UnitOfWork, journal: UUID) -> tuple[UUID, UUID] | None:
    """The ids of the device and of its user."""
    statement = select(JOURNALS.c.device_id, JOURNALS.c.user_id).where(JOURNALS.c.journal == journal)
    row = uow.session.connection().execute(statement).one_or_none()
    return None if row is None else (row.device_id, row.user_id)


def end_wait(uow: UnitOfWork, journal: UUID, mutation_id: UUID, outcome: Outcome) -> None:
    """Somebody decided on a held mutation: it is not tried again, and what waited behind it is due.

    The journal must be locked.
    """
    table, connection = MUTATIONS.c, uow.session.connection()
    problem = problem_of(DecidedByPeople("Look at the field inbox: it says what was decided."), 409).to_json()
    values = {"outcome": outcome.value, "problem": json_text(problem), "retry_at": None}
    statement = update(MUTATIONS).where(table.mutation_id == mutation_id).values(values)
    record_id = connection.execute(statement.returning(table.record_id)).scalar()
    behind = update(MUTATIONS).where(table.journal == journal, table.record_id == record_id, *_WAITING)
    connection.execute(behind.values(retry_at=uow.now))
    recount_held(uow, journal)


def _concerned(uow: UnitOfWork, collections: CollectionSet, changed: dict[str, list[UUID]]) -> list[UUID]:
    """The records that changed, and everything that they hang on."""
    found: set[UUID] = set()
    for name, ids in changed.items():
        found.update(ids)
        while name in collections and (path := collections.owner_of(name)) is not None:
            ids, name = sorted(_owners(uow, path, ids)), path.source
            found.update(ids)
    return sorted(found)


def _owners(uow: UnitOfWork, path: Path, ids: list[UUID]) -> set[UUID]:
    owners: set[UUID] = set()
    for batch in batches(ids):
        statement = select(path.column).where(path.column.table.c.id.in_(batch), path.column.is_not(None))
        found = uow.session.connection().execute(statement).scalars()
        owners.update(cast("Iterable[UUID]", found))
    return owners


def _is_about(ids: list[UUID]) -> ColumnElement[bool]:
    return or_(MUTATIONS.c.record_id.in_(ids), MUTATIONS.c.subject_id.in_(ids))


def _journals(uow: UnitOfWork, conditions: Iterable[ColumnElement[bool]]) -> set[UUID]:
    found: set[UUID] = set()
    for condition in conditions:
        statement = select(MUTATIONS.c.journal).where(*_WAITING, condition).distinct()
        found.update(uow.session.connection().execute(statement).scalars())
    return found


def _as_sent(row: Row[Any], doubted_through: int) -> Sent:
    (sent,) = read_all([json.loads(row.content)], row.number)
    return replace(without_base(sent, doubted_through), mutation_id=row.mutation_id)


def _store(uow: UnitOfWork, applier: Applier, row: Row[Any], verdict: Verdict) -> None:
    held = verdict.outcome is Outcome.HELD
    values = {
        "of": row.mutation_id,
        "outcome": verdict.outcome.value,
        "problem": json_text(verdict.problem),
        "fields": ",".join(verdict.fields) or None,
        "attempts": row.attempts + 1,
        "retry_at": next_retry(uow.now, row.attempts) if held else None,
    }
    uow.session.connection().execute(_STORE, values)
    if not held:
        _tell(uow, applier, row, verdict)


def _tell(uow: UnitOfWork, applier: Applier, row: Row[Any], verdict: Verdict) -> None:
    """The inbox entry carries the final outcome to the device; it stays open while there is more to do."""
    of_mutation = FieldInboxEntry.mutation_id == row.mutation_id
    for entry in uow.session.scalars(
        select(FieldInboxEntry).where(of_mutation, FieldInboxEntry.settled_at.is_(None))
    ):
        entry.outcome = verdict.outcome.value
        entry.fields = ",".join(verdict.fields)
        if verdict.note is None:
            entry.settled_at = uow.now
        else:
            entry.code, entry.title, entry.detail = verdict.note.code, verdict.note.title, verdict.note.detail
            entry.content = content_with(row.content, verdict.server or {})
        if entry.collection is not None and entry.record_id is not None:
            subject = subject_of(uow.session, applier.collections, entry.collection, entry.record_id)
            entry.subject_collection, entry.subject_id = subject.collection, subject.id
    uow.flush()
