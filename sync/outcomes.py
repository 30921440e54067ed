"""Outcomes written down: as they travel, as they are stored, and as people see them in the inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from schemas.errors import JsonValue
from sync.apply import Applier, Verdict
from sync.host import Caller, UnitOfWork
from sync.inbox import Note, Subject, content_with, subject_of
from sync.models import FieldInboxEntry
from sync.mutations import Outcome
from sync.sent import Sent

_FIRST_RETRY, _LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)


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


@dataclass(frozen=True)
class Origin:
    """Where mutations come from: whose journal, in which transaction, by a clock how far ahead of ours."""

    uow: UnitOfWork
    caller: Caller
    applier: Applier
    journal: UUID
    skew_seconds: float | None


def inbox_entry(
    origin: Origin, sent: Sent, mutation_id: UUID | None, verdict: Verdict, note: Note, identity: UUID
) -> FieldInboxEntry:
    """The entry that shows people a mutation which did not simply apply."""
    mutation_type = origin.applier.mutations.get(sent.type)
    subject = subject_in(origin, sent)
    return FieldInboxEntry(
        id=identity,
        created_at=origin.uow.now,
        owner_id=origin.caller.inbox_owner,
        user_id=origin.caller.user_id,
        device_id=origin.caller.device_id,
        journal=origin.journal,
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
        skew_seconds=origin.skew_seconds,
        subject_collection=subject.collection if subject else None,
        subject_id=subject.id if subject else None,
    )


def subject_in(origin: Origin, sent: Sent) -> Subject | None:
    """What a mutation is about, as far as that can be read."""
    mutation_type = origin.applier.mutations.get(sent.type)
    if mutation_type is None or sent.record_id is None:
        return None
    collections, name = origin.applier.collections, mutation_type.collection
    return subject_of(origin.uow.session, collections, name, sent.record_id, sent.fields)


def mutation_row(origin: Origin, sent: Sent, mutation_id: UUID, verdict: Verdict) -> dict[str, object]:
    """The row that keeps a mutation together with its outcome."""
    held = verdict.outcome is Outcome.HELD and verdict.retry
    subject = subject_in(origin, sent) if held else None
    return {
        "mutation_id": mutation_id,
        "journal": origin.journal,
        "number": sent.number,
        "device_id": origin.caller.device_id,
        "user_id": origin.caller.user_id,
        "type": sent.type,
        "record_id": sent.record_id,
        "content": sent.content,
        "content_hash": sent.content_hash,
        "occurred_at": sent.occurred_at,
        "time_zone": origin.caller.time_zone,
        "skew_seconds": origin.skew_seconds,
        "received_at": origin.uow.now,
        "outcome": verdict.outcome.value,
        "problem": json_text(verdict.problem),
        "fields": ",".join(verdict.fields) or None,
        "attempts": 1,
        "retry_at": next_retry(origin.uow.now, 0) if held else None,
        "subject_id": subject.id if subject else None,
    }


def next_retry(now: datetime, attempts: int) -> datetime:
    """When to try a held mutation again by itself: after a minute at first, later hourly."""
    pause = _FIRST_RETRY * float(2 ** min(attempts, 10))
    return now + min(pause, _LONGEST_RETRY)


def json_text(problem: Mapping[str, JsonValue] | None) -> str | None:
    """A problem as it is stored."""
    return None if problem is None else orjson.dumps(problem).decode()
