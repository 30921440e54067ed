"""Decisions on the field inbox: each entry once, by one person, through the ordinary use cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.inbox.queries import name_of, visit_of_entry
from backend.inbox.rules import KeptValueRefused, Said, words_of
from backend.visits.actions import Visit, add_visit_note, book_visit
from backend.visits.actions.booking import WindowFields
from schemas.errors import DomainError
from schemas.inbox import LONGEST_NOTE
from sync.decisions import (
    Decider,
    Decision,
    apply_kept,
    decide,
    is_repeat,
    kind_to_accept,
    take_entry,
)
from sync.inbox import kept_in
from sync.models import FieldInboxEntry
from sync.mutations import MutationTable


@requires("field_inbox:accept")
def accept_field_inbox(
    uow: UnitOfWork,
    actor: Actor,
    entry_id: UUID,
    mutations: MutationTable,
    *,
    revision: int,
    remark: str | None = None,
) -> FieldInboxEntry:
    """Apply what the field did, as the decider's act. This one stands for all decisions:

    `revision` is that of the entry as it was read; the same decision by the same person again is once.
    Raises RecordNotFound, StaleRevision, EntryDecided; here NothingToAccept, and KeptValueRefused when the
    use case refuses (a report that is sealed stays sealed).
    """
    decider = _decider(uow, actor, revision)
    entry = take_entry(uow, entry_id, Decision.ACCEPTED, decider)
    if is_repeat(entry, Decision.ACCEPTED, decider):
        return entry
    kind = kind_to_accept(entry, mutations)
    # The field did it; whoever may decide on that may see to it that it counts, whatever else his role may.
    permission = entry.type.replace(".", ":")
    acting = replace(actor, permissions=actor.permissions | {permission}, done_by=entry.user_id)
    try:
        apply_kept(uow, kind, entry, acting)
    except DomainError as refusal:
        advice = "Make it a note or a follow-up visit, or decline it."
        raise KeptValueRefused(f"{refusal.detail} {advice}", because=refusal.code) from refusal
    decide(uow, entry, Decision.ACCEPTED, decider, remark=remark)
    return entry


@requires("field_inbox:decline")
def decline_field_inbox(
    uow: UnitOfWork, actor: Actor, entry_id: UUID, *, revision: int, remark: str | None = None
) -> FieldInboxEntry:
    """What the office has stands; a fact that was taken already is not undone. See `accept_field_inbox`."""
    return _close(uow, actor, entry_id, Decision.DECLINED, revision, remark)


@requires("field_inbox:settle")
def settle_field_inbox(
    uow: UnitOfWork, actor: Actor, entry_id: UUID, *, revision: int, remark: str | None = None
) -> FieldInboxEntry:
    """It was looked at, or dealt with elsewhere. See `accept_field_inbox`."""
    return _close(uow, actor, entry_id, Decision.SETTLED, revision, remark)


@requires("field_inbox:note")
def note_field_inbox(
    uow: UnitOfWork,
    actor: Actor,
    entry_id: UUID,
    *,
    revision: int,
    text: str | None = None,
    remark: str | None = None,
) -> FieldInboxEntry:
    """Turn it into a note on its visit; without `text`, one that says what was sent.

    See `accept_field_inbox`. Raises EntryWithoutVisit.
    """
    decider = _decider(uow, actor, revision)
    entry = take_entry(uow, entry_id, Decision.NOTED, decider)
    if is_repeat(entry, Decision.NOTED, decider):
        return entry
    visit = visit_of_entry(uow.session, actor, entry)
    note = add_visit_note(uow, actor, None, visit_id=visit.id, text=text or _words(uow, entry, visit))
    decide(uow, entry, Decision.NOTED, decider, remark=remark, result_id=note.id)
    return entry


@requires("field_inbox:follow_up")
def follow_up_field_inbox(
    uow: UnitOfWork,
    actor: Actor,
    entry_id: UUID,
    *,
    revision: int,
    id: UUID | None = None,  # noqa: A002 - the word of every shape that mints
    scheduled_start: datetime | None = None,
    duration_minutes: int | None = None,
    text: str | None = None,
    remark: str | None = None,
    **window: Unpack[WindowFields],
) -> FieldInboxEntry:
    """Turn it into another visit of the same work order, with a note that says what was sent.

    See `accept_field_inbox`, and `book_visit` for the window. Raises EntryWithoutVisit and what booking
    raises.
    """
    decider = _decider(uow, actor, revision)
    entry = take_entry(uow, entry_id, Decision.FOLLOWED_UP, decider)
    if is_repeat(entry, Decision.FOLLOWED_UP, decider):
        return entry
    visit = visit_of_entry(uow.session, actor, entry)
    following = book_visit(
        uow,
        actor,
        id,
        work_order_id=visit.work_order_id,
        scheduled_start=scheduled_start,
        duration_minutes=duration_minutes,
        **window,
    )
    add_visit_note(uow, actor, None, visit_id=following.id, text=text or _words(uow, entry, visit))
    decide(uow, entry, Decision.FOLLOWED_UP, decider, remark=remark, result_id=following.id)
    return entry


def _close(
    uow: UnitOfWork, actor: Actor, entry_id: UUID, decision: Decision, revision: int, remark: str | None
) -> FieldInboxEntry:
    decider = _decider(uow, actor, revision)
    entry = take_entry(uow, entry_id, decision, decider)
    if not is_repeat(entry, decision, decider):
        decide(uow, entry, decision, decider, remark=remark)
    return entry


def _decider(uow: UnitOfWork, actor: Actor, revision: int) -> Decider:
    return Decider(actor.user_id, name_of(uow.session, actor.user_id), revision)


def _words(uow: UnitOfWork, entry: FieldInboxEntry, visit: Visit) -> str:
    """What the field did, for people to read."""
    who, at = name_of(uow.session, entry.user_id), entry.occurred_at or entry.created_at
    said = Said(entry.type, who, at, visit.time_zone, kept_in(entry).fields)
    return words_of(said, LONGEST_NOTE)
