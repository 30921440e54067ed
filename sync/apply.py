"""Applying one mutation: merge, call the use case in a savepoint, and put what became of it into one word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast
from uuid import UUID

from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm.exc import StaleDataError

from schemas.errors import DomainError, ErrorKind, JsonValue
from schemas.problem import field_errors, problem_of
from sync.collections import Collection, CollectionSet, Kind
from sync.facts import EditOverridden, FieldsInvalid, UnexpectedFailure, UnknownMutationType, UnknownSchema
from sync.hook import ACTOR, WHOLE_RECORD
from sync.host import Caller, Host, UnitOfWork
from sync.inbox import Note, take_notes
from sync.merge import UNKNOWN, Base, FieldNow, LastChange, Merged, merge
from sync.models import FIELD_REVISIONS
from sync.mutations import MutationTable, MutationType, Outcome
from sync.sent import Sent
from sync.sql import dialect_of

_MERGED_KINDS = frozenset({Kind.ANSWER, Kind.PROMISE, Kind.SEALED})

OUTCOME_OF: Mapping[ErrorKind, Outcome] = {
    ErrorKind.INVALID: Outcome.REFUSED,
    ErrorKind.FORBIDDEN: Outcome.REFUSED,
    ErrorKind.UNAUTHENTICATED: Outcome.REFUSED,
    ErrorKind.REQUIRED: Outcome.REFUSED,
    ErrorKind.TOO_LARGE: Outcome.REFUSED,
    ErrorKind.CONFLICT: Outcome.OVERRIDDEN,
    ErrorKind.STALE: Outcome.OVERRIDDEN,
    ErrorKind.GONE: Outcome.OVERRIDDEN,
    ErrorKind.REVOKED: Outcome.OVERRIDDEN,
    ErrorKind.NOT_FOUND: Outcome.HELD,
    ErrorKind.UNMET: Outcome.HELD,
    ErrorKind.UNAVAILABLE: Outcome.HELD,
    ErrorKind.TOO_MANY: Outcome.HELD,
}
"""What becomes of a mutation whose use case raises a fact of this kind."""


class MustRepeat(Exception):
    """The transaction lost a race: nothing of it counts, and the same again may succeed."""


class _EachByItself(Exception):
    """One of several mutations needs an outcome of its own."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutation.

    `problem` is the JSON of the reason, if any. `fields` are those that do not stand as sent. `note` is the
    inbox entry to write, None when it simply applied; `server` holds the values that stand where both
    differ. `retry`: whether a held one is tried again by itself.
    """

    outcome: Outcome
    problem: Mapping[str, JsonValue] | None = None
    fields: tuple[str, ...] = ()
    note: Note | None = None
    server: Mapping[str, object] | None = None
    retry: bool = True


@dataclass(frozen=True)
class Applier:
    """Applies mutations of one caller in one transaction. `last_attempt`: a lost race becomes `held`."""

    host: Host
    uow: UnitOfWork
    caller: Caller
    collections: CollectionSet
    mutations: MutationTable
    epoch: UUID
    cursor_epoch: UUID | None
    last_attempt: bool = False

    def lock_records(self, sent: Iterable[Sent]) -> None:
        """Lock the records that a chunk is about, in the same order as everybody: chunks do not deadlock."""
        if dialect_of(self.uow.session) == "sqlite":
            return
        wanted: dict[str, set[UUID]] = {}
        for item in sent:
            if (kind := self.mutations.get(item.type)) and item.record_id is not None and item.fault is None:
                wanted.setdefault(kind.collection, set()).add(item.record_id)
        for name in sorted(wanted):
            identity = self.collections[name].table.c.id
            rows = select(identity).where(identity.in_(sorted(wanted[name]))).order_by(identity)
            self.uow.session.connection().execute(rows.with_for_update(key_share=True)).all()

    def apply(self, sent: Sent) -> Verdict:
        """Do what the user did, in a savepoint; a failure undoes it and is an outcome."""
        if sent.fault is not None:
            return self.failed(sent.fault)
        mutation_type = self.mutations.get(sent.type)
        if mutation_type is None:
            return self.failed(UnknownMutationType(f"Update the app or the server ({sent.type!r})."))
        if sent.schema not in mutation_type.schemas:
            return self.failed(UnknownSchema(f"Update the app (schema {sent.schema})."))
        try:
            fields = _fields_of(mutation_type.shape, sent.fields)
        except ValidationError as error:
            detail = "Correct the app: these fields will never be taken."
            return self.failed(FieldsInvalid(detail, errors=field_errors(error, "/fields")))
        return self._guarded(mutation_type, sent, fields)

    def apply_together(self, sent: Sequence[Sent]) -> Verdict | None:
        """Write new facts of one type at once, all of them applied; None when that cannot be.

        Then nothing has happened: each is to be applied by itself, and gets the outcome that is its own.
        """
        mutation_type = self.mutations.get(sent[0].type)
        if mutation_type is None or mutation_type.together is None:
            return None
        if any(item.occurred_at is None or item.schema not in mutation_type.schemas for item in sent):
            return None
        session = self.uow.session
        take_notes(self.uow)
        session.info[ACTOR] = self.caller.user_id
        try:
            items = [
                {
                    **_fields_of(mutation_type.shape, item.fields),
                    "id": item.record_id,
                    "occurred_at": item.occurred_at,
                }
                for item in sent
            ]
            with self.uow.savepoint():
                mutation_type.together(self.uow, self.caller.actor, items)
                self.uow.flush()
                if take_notes(self.uow):
                    raise _EachByItself
        except Exception as error:  # whose fault it is shows when each is applied by itself
            if self.host.is_transient(error):
                raise MustRepeat from error
            if self.host.is_database_trouble(error):
                raise
            return None
        finally:
            take_notes(self.uow)
        return Verdict(Outcome.APPLIED)

    def failed(self, error: DomainError, outcome: Outcome | None = None) -> Verdict:
        """The verdict on a mutation that raised a fact."""
        problem = problem_of(error, self.host.status_of(error)).to_json()
        note = Note(error.code, error.title, error.detail)
        return Verdict(outcome or OUTCOME_OF[error.kind], problem, note=note)

    def _guarded(self, mutation_type: MutationType, sent: Sent, fields: Mapping[str, object]) -> Verdict:
        session = self.uow.session
        take_notes(self.uow)
        session.info[ACTOR] = self.caller.user_id
        try:
            with self.uow.savepoint():
                verdict = self._run(mutation_type, sent, fields)
                self.uow.flush()
            return verdict
        except DomainError as error:
            return self.failed(error)
        except StaleDataError as error:
            # Somebody changed a row between our reading and writing it: a race, not an opinion of the user's.
            if not self.last_attempt:
                raise MustRepeat from error
            return self._unexpected(sent, error)
        except Exception as error:  # whatever a use case raises must not stop the queue
            if self.host.is_transient(error):
                raise MustRepeat from error
            if self.host.is_database_trouble(error):
                raise
            if (fact := self.host.domain_error(error)) is not None:
                return self.failed(fact)
            return self._unexpected(sent, error)
        finally:
            take_notes(self.uow)

    def _unexpected(self, sent: Sent, error: Exception) -> Verdict:
        self.host.alarm("sync-unexpected", f"{sent.type} {sent.mutation_id}: {type(error).__name__}: {error}")
        return self.failed(UnexpectedFailure("Nothing to do: it is tried again by itself."))

    def _run(self, mutation_type: MutationType, sent: Sent, fields: Mapping[str, object]) -> Verdict:
        merged, now = Merged(fields, (), ()), None
        if mutation_type.kind in _MERGED_KINDS and fields:
            now = self._fields_now(mutation_type, sent, fields)
        if now is not None:
            collection = self.collections[mutation_type.collection]
            base = Base(sent.base, self._same_epoch(sent))
            merged = merge(fields, now, base, self.caller.user_id, collection.conflict_keeps)
        if merged.accepted or not fields:
            occurred_at = sent.occurred_at or self.uow.now
            mutation_type.use_case(
                self.uow, self.caller.actor, sent.record_id, occurred_at=occurred_at, **merged.accepted
            )
        return self._judge(merged, now or {}, sent)

    def _judge(self, merged: Merged, now: Mapping[str, FieldNow], sent: Sent) -> Verdict:
        touched = (*merged.overridden, *merged.contested)
        if touched:
            names = ", ".join(touched)
            error = EditOverridden(f"Look at {names}: both values are in the field inbox.")
            outcome = Outcome.MERGED if merged.accepted else Outcome.OVERRIDDEN
            verdict = self.failed(error, outcome)
            server = {name: now[name].value for name in touched if now[name].value is not UNKNOWN}
            return Verdict(outcome, verdict.problem, merged.overridden, verdict.note, server)
        if notes := take_notes(self.uow):
            return Verdict(Outcome.MERGED, note=notes[0])
        if sent.occurred_at is None:
            detail = "The device's clock was wrong; the time of arrival was taken instead."
            return Verdict(Outcome.MERGED, note=Note("clock-wrong", "The device's clock was wrong.", detail))
        return Verdict(Outcome.APPLIED)

    def _same_epoch(self, sent: Sent) -> bool:
        named = sent.epoch or self.cursor_epoch
        return sent.base is None or named == self.epoch

    def _fields_now(
        self, mutation_type: MutationType, sent: Sent, fields: Mapping[str, object]
    ) -> dict[str, FieldNow] | None:
        """The record's fields under its lock; None when there is no such record: the use case decides."""
        collection = self.collections[mutation_type.collection]
        row = self.uow.session.get(
            collection.model, sent.record_id, with_for_update={"key_share": True}, populate_existing=True
        )
        if row is None or sent.record_id is None:
            return None
        history = self._history(collection, sent.record_id)
        created = history.get(WHOLE_RECORD)
        return {
            name: FieldNow(
                _value_of(row, name),
                _kind_of(mutation_type, collection, name),
                history.get(name, created),
            )
            for name in fields
        }

    def _history(self, collection: Collection, record_id: UUID) -> dict[str, LastChange]:
        table = FIELD_REVISIONS.c
        rows = self.uow.session.connection().execute(
            select(table.field, table.revision, table.actor_id).where(
                table.collection == collection.name, table.record_id == record_id
            )
        )
        return {field: LastChange(revision, actor) for field, revision, actor in rows}


@cache
def _shape(shape: type[Schema]) -> Schema:
    return shape()


def _fields_of(shape: type[Schema], fields: JsonValue) -> dict[str, object]:
    return dict(_shape(shape).load(cast("Mapping[str, JsonValue]", fields)))


def _kind_of(mutation_type: MutationType, collection: Collection, name: str) -> Kind:
    """How a field merges: by its own kind, unless the mutation is one that changes nothing at all."""
    if mutation_type.kind is Kind.SEALED:
        return Kind.SEALED
    return collection.kinds.get(name, mutation_type.kind)


def _value_of(row: DeclarativeBase, name: str) -> object:
    return getattr(row, name, UNKNOWN)
