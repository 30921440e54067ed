"""The routes of the field inbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.inbox import actions, queries
from backend.sync_host import current_engine
from backend.web.blueprint import Room
from schemas.inbox import (
    DecideFieldInbox,
    FollowUpFieldInbox,
    InboxEntryBody,
    InboxEntryDetail,
    InboxQuery,
    NoteFieldInbox,
    WaitingReport,
)
from sync.models import FieldInboxEntry

Fields: TypeAlias = dict[str, Any]

room = Room("inbox", __name__, description="What did not simply apply, and what people decide about it.")


@room.get("/sync/inbox", query=InboxQuery, page_of=InboxEntryBody, permission="field_inbox:read")
def list_inbox(uow: UnitOfWork, _: Actor, page: PageRequest, query: Fields) -> Page[FieldInboxEntry]:
    """The field inbox, newest first; `settled=false` shows what still waits for somebody."""
    return queries.list_entries(uow.session, page, **query)


@room.get(
    "/sync/inbox/reports-awaiting-media", answer=WaitingReport, many=True, permission="field_inbox:read"
)
def list_reports_awaiting_media(uow: UnitOfWork, _: Actor) -> list[dict[str, object]]:
    """Closed reports that are not issued for want of files, the longest wait first; at most 200."""
    return queries.reports_awaiting_media(uow)


@room.get("/sync/inbox/<uuid:entry_id>", answer=InboxEntryDetail, permission="field_inbox:read")
def show_inbox_entry(uow: UnitOfWork, actor: Actor, entry_id: UUID) -> Mapping[str, object]:
    """One entry: both values, who, when, on which visit, with its files, and what may be decided."""
    return queries.entry_detail(uow, actor, current_engine(), entry_id)


@room.post(
    "/sync/inbox/<uuid:entry_id>/accept",
    body=DecideFieldInbox,
    answer=InboxEntryBody,
    permission="field_inbox:accept",
    decides=True,
)
def accept_field_inbox(
    uow: UnitOfWork, actor: Actor, fields: Fields, entry_id: UUID, revision: int
) -> FieldInboxEntry:
    """Apply what the field did, as your own act."""
    mutations = current_engine().mutations
    return actions.accept_field_inbox(uow, actor, entry_id, mutations, revision=revision, **fields)


@room.post(
    "/sync/inbox/<uuid:entry_id>/decline",
    body=DecideFieldInbox,
    answer=InboxEntryBody,
    permission="field_inbox:decline",
    decides=True,
)
def decline_field_inbox(
    uow: UnitOfWork, actor: Actor, fields: Fields, entry_id: UUID, revision: int
) -> FieldInboxEntry:
    """Keep what the office has."""
    return actions.decline_field_inbox(uow, actor, entry_id, revision=revision, **fields)


@room.post(
    "/sync/inbox/<uuid:entry_id>/note",
    body=NoteFieldInbox,
    answer=InboxEntryBody,
    permission="field_inbox:note",
    decides=True,
)
def note_field_inbox(
    uow: UnitOfWork, actor: Actor, fields: Fields, entry_id: UUID, revision: int
) -> FieldInboxEntry:
    """Turn it into a note on its visit."""
    return actions.note_field_inbox(uow, actor, entry_id, revision=revision, **fields)


@room.post(
    "/sync/inbox/<uuid:entry_id>/follow-up",
    body=FollowUpFieldInbox,
    answer=InboxEntryBody,
    permission="field_inbox:follow_up",
    decides=True,
)
def follow_up_field_inbox(
    uow: UnitOfWork, actor: Actor, fields: Fields, entry_id: UUID, revision: int
) -> FieldInboxEntry:
    """Turn it into another visit of the same work order."""
    return actions.follow_up_field_inbox(uow, actor, entry_id, revision=revision, **fields)


@room.post(
    "/sync/inbox/<uuid:entry_id>/settle",
    body=DecideFieldInbox,
    answer=InboxEntryBody,
    permission="field_inbox:settle",
    decides=True,
)
def settle_field_inbox(
    uow: UnitOfWork, actor: Actor, fields: Fields, entry_id: UUID, revision: int
) -> FieldInboxEntry:
    """Close it: it was looked at, or dealt with elsewhere."""
    return actions.settle_field_inbox(uow, actor, entry_id, revision=revision, **fields)
