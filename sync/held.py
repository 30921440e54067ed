"""Held mutations: tried again, in order, until their condition is met; the inbox entry tells how it ended."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update

from sync.apply import Applier, Verdict
from sync.facts import UnexpectedFailure
from sync.host import UnitOfWork
from sync.journal import RECOUNT_HELD, json_text, next_retry
from sync.models import JOURNALS, MUTATIONS, FieldInboxEntry
from sync.mutations import Outcome
from sync.sent import Sent, read_all

RETRIED_AT_ONCE = 50

_LOCK = select(JOURNALS.c.held).where(JOURNALS.c.journal == bindparam("of")).with_for_update()
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


def retry_held(uow: UnitOfWork, applier: Applier, journal: UUID, *, pushed: bool) -> None:
    """Try the journal's held mutations again, in order; each record's later ones wait behind its first.

    `pushed`: something new arrived just now that may have met a condition. What failed by our own mistake
    waits for its time in any case.
    """
    connection = uow.session.connection()
    if not connection.execute(_LOCK, {"of": journal}).scalar():
        return
    table = MUTATIONS.c
    waiting = (
        select(MUTATIONS)
        .where(table.journal == journal, table.outcome == Outcome.HELD.value, table.retry_at.is_not(None))
        .order_by(table.number)
        .limit(RETRIED_AT_ONCE)
    )
    blocked: set[UUID | None] = set()
    for row in connection.execute(waiting).all():
        due = row.retry_at <= uow.now or (pushed and UnexpectedFailure.code not in (row.problem or ""))
        if row.record_id in blocked or not due:
            blocked.add(row.record_id)
            continue
        verdict = applier.apply(_as_sent(row))
        if verdict.outcome is Outcome.HELD:
            blocked.add(row.record_id)
        _store(uow, row, verdict)
    connection.execute(RECOUNT_HELD, {"of": journal})


def _as_sent(row: Row[Any]) -> Sent:
    (sent,) = read_all([json.loads(row.content)], row.number)
    return replace(sent, mutation_id=row.mutation_id)


def _store(uow: UnitOfWork, row: Row[Any], verdict: Verdict) -> None:
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
        _tell(uow, row.mutation_id, verdict)


def _tell(uow: UnitOfWork, mutation_id: UUID, verdict: Verdict) -> None:
    """The inbox entry carries the final outcome to the device; it stays open while there is more to do."""
    of_mutation = FieldInboxEntry.mutation_id == mutation_id
    for entry in uow.session.scalars(
        select(FieldInboxEntry).where(of_mutation, FieldInboxEntry.settled_at.is_(None))
    ):
        entry.outcome = verdict.outcome.value
        entry.fields = ",".join(verdict.fields)
        if verdict.note is None:
            entry.settled_at = uow.now
        else:
            entry.code, entry.title, entry.detail = verdict.note.code, verdict.note.title, verdict.note.detail
    uow.flush()
