"""Decisions on field inbox entries: each entry is decided once, by one person, and its device is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import select

from schemas.base import write_instant
from schemas.errors import RecordNotFound, StaleRevision
from schemas.problem import field_errors
from sync.facts import (
    EntryDecided,
    FieldsInvalid,
    LostInRestore,
    MutationNumberReused,
    MutationUnreadable,
    NothingToAccept,
)
from sync.held import end_wait, lock_journal
from sync.host import UnitOfWork
from sync.inbox import kept_in, take_notes
from sync.models import FieldInboxEntry
from sync.mutations import MutationTable, MutationType, Outcome

_STANDS = frozenset({Outcome.APPLIED.value, Outcome.MERGED.value})


class Decision(StrEnum):
    """What somebody decided about an entry."""

    ACCEPTED = "accepted"
    """The field's value was applied."""
    DECLINED = "declined"
    """What the office has stands."""
    NOTED = "noted"
    """It became a note."""
    FOLLOWED_UP = "followed_up"
    """It became work for another day."""
    SETTLED = "settled"
    """It was dealt with elsewhere."""


_DONE = {
    Decision.ACCEPTED: "accepted it",
    Decision.DECLINED: "declined it",
    Decision.NOTED: "made a note of it",
    Decision.FOLLOWED_UP: "made work for another day of it",
    Decision.SETTLED: "settled it",
}
"""What somebody has done who decided so, as it is told."""


@dataclass(frozen=True)
class Decider:
    """Who decides, and which revision of the entry they looked at."""

    user_id: UUID
    name: str
    revision: int


def take_entry(uow: UnitOfWork, entry_id: UUID, decision: Decision, decider: Decider) -> FieldInboxEntry:
    """The entry, locked, open, and as the decider saw it.

    Of two people who decide at once the second is told so. What one person repeats, because the answer got
    lost, comes back as it is: see `is_repeat`. Raises RecordNotFound, StaleRevision, EntryDecided.
    """
    journal = uow.session.scalar(select(FieldInboxEntry.journal).where(FieldInboxEntry.id == entry_id))
    if journal is None:
        raise RecordNotFound("Look at the list again.")
    # The journal first, as whoever tries its held mutations again does: then nobody waits in a circle.
    lock_journal(uow, journal)
    entry = uow.session.get_one(FieldInboxEntry, entry_id, with_for_update=True, populate_existing=True)
    if is_repeat(entry, decision, decider):
        return entry
    if entry.revision != decider.revision:
        raise StaleRevision("Read the entry again: somebody was faster.", revision=entry.revision)
    check_open(entry)
    return entry


def is_repeat(entry: FieldInboxEntry, decision: Decision, decider: Decider) -> bool:
    """Whether this person has decided just this before."""
    return entry.decision == decision.value and entry.decided_by == decider.user_id


def check_open(entry: FieldInboxEntry) -> None:
    """Raise EntryDecided when there is nothing to decide any more."""
    if entry.settled_at is None:
        return
    how = "It closed by itself: what it waited for came."
    if entry.decision is not None:
        how = f"{entry.decided_by_name} has {_DONE[Decision(entry.decision)]}."
    at = write_instant(entry.settled_at)
    raise EntryDecided(f"{how} Nothing is left to decide.", decision=entry.decision, settled_at=at)


def kind_to_accept(entry: FieldInboxEntry, mutations: MutationTable) -> MutationType:
    """The mutation type whose use case would apply what the entry holds.

    Raises NothingToAccept with the reason when there is nothing that could be applied.
    """
    if entry.outcome in _STANDS and not entry.fields:
        raise NothingToAccept("What the field did stands already: settle it when you have looked at it.")
    if entry.code == MutationNumberReused.code:
        raise NothingToAccept("The phone sends it again by itself; decide on what becomes of it then.")
    if entry.code in {MutationUnreadable.code, LostInRestore.code}:
        raise NothingToAccept("It holds nothing that could be applied: ask the user what was done.")
    found = mutations.get(entry.type)
    if found is None or entry.record_id is None:
        raise NothingToAccept(f"No use case here does {entry.type!r}: do it by hand, then settle.")
    return found


def apply_kept(uow: UnitOfWork, mutation_type: MutationType, entry: FieldInboxEntry, actor: object) -> None:
    """Do what the entry holds through the ordinary use case, in the actor's name, whatever others changed.

    Of an entry about some fields only those are applied. Raises what the use case raises.
    """
    fields = _fields_to_apply(mutation_type, entry)
    take_notes(uow)
    occurred_at = entry.occurred_at or entry.created_at
    mutation_type.use_case(uow, actor, entry.record_id, occurred_at=occurred_at, **fields)
    uow.flush()
    take_notes(uow)


def decide(
    uow: UnitOfWork,
    entry: FieldInboxEntry,
    decision: Decision,
    decider: Decider,
    *,
    remark: str | None = None,
    result_id: UUID | None = None,
) -> None:
    """Close the entry: who, what, when. A mutation that was held is never tried again."""
    if entry.outcome == Outcome.HELD.value and entry.mutation_id is not None:
        outcome = Outcome.MERGED if decision is Decision.ACCEPTED else Outcome.OVERRIDDEN
        end_wait(uow, entry.journal, entry.mutation_id, outcome)
        entry.outcome = outcome.value
    elif decision is Decision.ACCEPTED:
        entry.outcome = Outcome.MERGED.value
    entry.decision, entry.settled_at = decision.value, uow.now
    entry.decided_by, entry.decided_by_name = decider.user_id, decider.name
    entry.remark, entry.result_id = remark, result_id
    uow.flush()


def _fields_to_apply(mutation_type: MutationType, entry: FieldInboxEntry) -> Mapping[str, object]:
    try:
        loaded = mutation_type.shape().load(dict(kept_in(entry).fields))
    except ValidationError as error:
        detail = "These fields fit no use case: make a note of them."
        raise FieldsInvalid(detail, errors=field_errors(error)) from None
    fields = cast("dict[str, object]", loaded)
    names = entry.fields.split(",") if entry.fields else list(fields)
    return {name: value for name, value in fields.items() if name in names}
