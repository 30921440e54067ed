"""Applying one mutation: merge, call the use case in a savepoint, and put what became of it into one word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import cast
from uuid import UUID

from marshmallow import Schema, ValidationError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm.exc import StaleDataError

from schemas.errors import DomainError, ErrorKind, JsonValue
from schemas.problem import field_errors, problem_of
from sync.collections import Collection, CollectionSet, Kind
from sync.facts import EditOverridden, FieldsInvalid, UnexpectedFailure, UnknownMutationType, UnknownSchema
from sync.history import history_of, read_histories
from sync.hook import ACTOR, WHOLE_RECORD
from sync.host import Caller, Host, UnitOfWork
from sync.inbox import Note, take_notes
from sync.merge import UNKNOWN, Base, FieldNow, Merged, merge
from sync.mutations import MutationTable, MutationType, Outcome
from sync.sent import Sent
from sync.transaction import forget_absent, lock_rows, locked_row

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
        """Lock the records that a chunk is about, in the same order as everybody: chunks do not deadlock.

        They are read with it, and so is the history of those that are merged field by field.
        """
        wanted: dict[str, set[UUID]] = {}
        merged: set[str] = set()
        for item in sent:
            if (kind := self.mutations.get(item.type)) and item.record_id is not None and item.fault is None:
                wanted.setdefault(kind.collection, set()).add(item.record_id)
                if kind.kind in _MERGED_KINDS:
                    merged.add(kind.collection)
        for name in sorted(wanted):
            locked = lock_rows(self.uow.session, self.collections[name].model, wanted[name])
            if name in merged:
                read_histories(self.uow.session, name, locked)

    def apply(self, sent: Sent) -> Verdict:
        """Do what the user did, in a savepoint; a failure undoes it and is an outcome."""
        try:
            mutation_type, fields = self._read(sent)
        except DomainError as error:
            return self.failed(error)
        return self._guarded(mutation_type, sent, fields)

    def apply_all(self, sent: Sequence[Sent]) -> list[Verdict]:
        """Do what the user did in one savepoint for all, as far as each applies: verdicts from the first on.

        Where one fails, what was done before it is done again without it; it and what follows have not
        happened, and it is to be applied by itself.
        """
        while sent:
            verdicts: list[Verdict] = []
            try:
                with self.uow.savepoint():
                    for stretch in _stretches(sent):
                        together = self._together(stretch)
                        verdicts += together
                        for one in stretch[len(together) :]:
                            verdicts.append(self._run(*self._read(one), one))
                return verdicts
            except Exception as error:  # whose fault it is shows when it is applied by itself
                self._raise_if_nobodys(error)
                sent = sent[: len(verdicts)]
                forget_absent(self.uow.session)
            finally:
                take_notes(self.uow)
        return []

    def _together(self, sent: Sequence[Sent]) -> list[Verdict]:
        """Write new facts of one type at once, all of them applied; no verdict, and nothing done, if not."""
        mutation_type = self.mutations.get(sent[0].type)
        if mutation_type is None or mutation_type.together is None or len(sent) == 1:
            return []
        if len({item.record_id for item in sent}) < len(sent):
            return []
        if any(item.occurred_at is None or item.schema not in mutation_type.schemas for item in sent):
            return []
        take_notes(self.uow)
        self._sign()
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
        except Exception as error:
            self._raise_if_nobodys(error)
            return []
        return [Verdict(Outcome.APPLIED)] * len(sent)

    def _raise_if_nobodys(self, error: Exception) -> None:
        """Raise what is no mutation's fault: a lost race, or a database out of reach."""
        if isinstance(error, MustRepeat):
            raise error
        if self.host.is_transient(error) or (isinstance(error, StaleDataError) and not self.last_attempt):
            # Stale: somebody changed a row between our reading and writing it. A race, not an opinion.
            raise MustRepeat from error
        if self.host.is_database_trouble(error):
            raise error

    def _read(self, sent: Sent) -> tuple[MutationType, dict[str, object]]:
        """The type and the fields of a mutation; raises what stands against it before anything is done."""
        if sent.fault is not None:
            raise sent.fault
        mutation_type = self.mutations.get(sent.type)
        if mutation_type is None:
            raise UnknownMutationType(f"Update the app or the server ({sent.type!r}).")
        if sent.schema not in mutation_type.schemas:
            raise UnknownSchema(f"Update the app (schema {sent.schema}).")
        try:
            return mutation_type, _fields_of(mutation_type.shape, sent.fields)
        except ValidationError as error:
            detail = "Correct the app: these fields will never be taken."
            raise FieldsInvalid(detail, errors=field_errors(error, "/fields")) from error

    def _sign(self) -> None:
        self.uow.session.info[ACTOR] = self.caller.user_id

    def failed(self, error: DomainError, outcome: Outcome | None = None) -> Verdict:
        """The verdict on a mutation that raised a fact."""
        problem = problem_of(error, self.host.status_of(error)).to_json()
        note = Note(error.code, error.title, error.detail)
        return Verdict(outcome or OUTCOME_OF[error.kind], problem, note=note)

    def _guarded(self, mutation_type: MutationType, sent: Sent, fields: Mapping[str, object]) -> Verdict:
        try:
            with self.uow.savepoint():
                return self._run(mutation_type, fields, sent)
        except DomainError as error:
            return self.failed(error)
        except Exception as error:  # whatever a use case raises must not stop the queue
            self._raise_if_nobodys(error)
            if not isinstance(error, StaleDataError) and (fact := self.host.domain_error(error)) is not None:
                return self.failed(fact)
            return self._unexpected(sent, error)
        finally:
            take_notes(self.uow)

    def _unexpected(self, sent: Sent, error: Exception) -> Verdict:
        self.host.alarm("sync-unexpected", f"{sent.type} {sent.mutation_id}: {type(error).__name__}: {error}")
        return self.failed(UnexpectedFailure("Nothing to do: it is tried again by itself."))

    def _run(self, mutation_type: MutationType, fields: Mapping[str, object], sent: Sent) -> Verdict:
        take_notes(self.uow)
        self._sign()
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
        self.uow.flush()
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
        if sent.record_id is None:
            return None
        row = locked_row(self.uow.session, collection.model, sent.record_id)
        if row is None:
            return None
        history = history_of(self.uow.session, collection.name, sent.record_id)
        created = history.get(WHOLE_RECORD)
        return {
            name: FieldNow(
                _value_of(row, name),
                _kind_of(mutation_type, collection, name),
                history.get(name, created),
            )
            for name in fields
        }


def _stretches(sent: Iterable[Sent]) -> Iterator[list[Sent]]:
    """The mutations in their order, parted wherever their type changes."""
    return (list(stretch) for _, stretch in groupby(sent, key=lambda one: one.type))


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
