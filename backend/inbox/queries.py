"""All reading of the field inbox, with what people need beside an entry to decide on it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.queries import user_names
from backend.attachments.queries import media_of_visit, media_reasons
from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.unit_of_work import UnitOfWork
from backend.inbox.rules import VERBS, EntryWithoutVisit, urgency_of
from backend.reports.queries import reports_awaiting_media as awaiting
from backend.visits.actions import AllowedTransition, Visit
from backend.visits.queries import visit_for
from schemas.errors import DomainError, JsonValue
from schemas.inbox import InboxEntryBody
from sync.decisions import check_open, kind_to_accept
from sync.engine import SyncEngine
from sync.inbox import entries, kept_in, read_entry
from sync.models import FieldInboxEntry

MOST_WAITING = 200
_VISITS = "visits"
_OF_A_ROW = tuple(InboxEntryBody().dump_fields)


def list_entries(
    session: Session,
    page: PageRequest,
    *,
    settled: bool | None = None,
    technician_id: UUID | None = None,
    visit_id: UUID | None = None,
    record_id: UUID | None = None,
    code: str | None = None,
) -> Page[FieldInboxEntry]:
    """Entries, newest first."""
    statement = entries(
        settled=settled, owner_id=technician_id, subject_id=visit_id, record_id=record_id, code=code
    )
    return fetch_page(session, statement, page, key=FieldInboxEntry.created_at, descending=True)


def entry_detail(uow: UnitOfWork, actor: Actor, engine: SyncEngine, entry_id: UUID) -> Mapping[str, object]:
    """One entry as an InboxEntryDetail: both values, who, when, on which visit, with its files."""
    entry = read_entry(uow, entry_id)
    session = uow.session
    visit_id = visit_id_of(entry)
    visit = None if visit_id is None else visit_for(session, actor, visit_id)
    return {
        **{name: getattr(entry, name) for name in _OF_A_ROW},
        "journal": entry.journal,
        "content": entry.content,
        "user_name": name_of(session, entry.user_id),
        "time_zone": visit.time_zone if visit else None,
        "visit": visit,
        "values": _values(session, engine, entry),
        "media": [] if visit_id is None else _media(session, visit_id),
        "decisions": _decisions(actor, engine, entry),
    }


def reports_awaiting_media(uow: UnitOfWork) -> list[dict[str, object]]:
    """Reports that wait for files as WaitingReports: the longest wait first, with what is missing and why."""
    waiting = awaiting(uow.session, MOST_WAITING)
    reasons = media_reasons(
        uow.session,
        [entry.media_id for _, manifest in waiting for entry in manifest.entries if not entry.stored],
    )
    return [
        {
            "report_id": report.id,
            "visit_id": report.visit_id,
            "closed_at": report.closed_at,
            "closed_by": report.closed_by,
            "urgency": urgency_of(uow.now - (report.closed_at or uow.now)),
            "media_expected": manifest.media_expected,
            "media_stored": manifest.media_stored,
            "missing": [
                {
                    "media_id": entry.media_id,
                    "kind": entry.kind,
                    "state": entry.state,
                    "reason": reasons.get(entry.media_id),
                }
                for entry in manifest.entries
                if not entry.stored
            ],
        }
        for report, manifest in waiting
    ]


def visit_id_of(entry: FieldInboxEntry) -> UUID | None:
    """The visit that the entry is about, if it is about one that is known."""
    return entry.subject_id if entry.subject_collection == _VISITS else None


def visit_of_entry(session: Session, actor: Actor, entry: FieldInboxEntry) -> Visit:
    """That visit; raises EntryWithoutVisit."""
    visit_id = visit_id_of(entry)
    if visit_id is None:
        raise EntryWithoutVisit("Decline the entry, or settle it when you have dealt with it by hand.")
    return visit_for(session, actor, visit_id)


def name_of(session: Session, user_id: UUID) -> str:
    """What that user is called."""
    return user_names(session, {user_id}).get(user_id, "Somebody")


def _values(session: Session, engine: SyncEngine, entry: FieldInboxEntry) -> list[dict[str, object]]:
    kept = kept_in(entry)
    now = _as_it_is(session, engine, entry)
    stands = entry.outcome in {"applied", "merged"}
    lost = set(entry.fields.split(","))
    return [
        {
            "name": name,
            "field": value,
            "office": kept.server.get(name),
            "now": now.get(name),
            "stands": stands and name not in lost,
        }
        for name, value in kept.fields.items()
    ]


def _as_it_is(session: Session, engine: SyncEngine, entry: FieldInboxEntry) -> Mapping[str, JsonValue]:
    if entry.collection is None or entry.record_id is None or entry.collection not in engine.collections:
        return {}
    collection = engine.collections[entry.collection]
    row = session.get(collection.model, entry.record_id)
    return {} if row is None else collection.shape().dump(row)


def _media(session: Session, visit_id: UUID) -> list[dict[str, object]]:
    shown = ("id", "kind", "state", "content_type", "taken_at", "registered_by")
    return [
        {**{name: getattr(row, name) for name in shown}, "content_url": f"/media/{row.id}/content"}
        for row in media_of_visit(session, visit_id)
    ]


def _decisions(actor: Actor, engine: SyncEngine, entry: FieldInboxEntry) -> list[AllowedTransition]:
    """What may be decided, and why the rest is blocked. That a use case refuses is found out by accepting."""
    return [_ask(engine, entry, verb) for verb in VERBS if actor.may(f"field_inbox:{verb}")]


def _ask(engine: SyncEngine, entry: FieldInboxEntry, verb: str) -> AllowedTransition:
    try:
        check_open(entry)
        if verb == "accept":
            kind_to_accept(entry, engine.mutations)
        if verb in {"note", "follow_up"} and visit_id_of(entry) is None:
            raise EntryWithoutVisit("Nobody knows which visit this belongs to.")
    except DomainError as refusal:
        return AllowedTransition(verb, allowed=False, reason=refusal.detail)
    return AllowedTransition(verb, allowed=True)
