"""All reading of visits, what happened to them and whose they were, and who may see which."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.access.actor import Actor
from backend.access.reach import Reach, ever_had_visit, narrowed
from backend.db.lookup import locked, locked_by_id, one_row, row_by_id
from backend.db.paging import Page, PageRequest, fetch_page
from backend.visits.models import Visit, VisitAssignment, VisitEvent, VisitNote
from backend.visits.rules import OPEN, VisitNotFound, WorkAfterRevocation
from schemas.access import Role
from schemas.visits import VisitStatus


def visits_visible_to(actor: Actor) -> Select[Visit]:
    """The office sees all visits, a technician those he has now, a customer the one his link opens."""
    if actor.role is Role.CUSTOMER and actor.visit_id is not None:
        return select(Visit).where(Visit.id == actor.visit_id)
    return narrowed(select(Visit), actor, _visit_of)


def _visit_of(reach: Reach) -> ColumnElement[bool]:
    return reach.covers(Visit.technician_id, Visit.scheduled_end)


def visit_for(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit; raises VisitNotFound when there is none that `actor` may see."""
    return one_row(session, visits_visible_to(actor).where(Visit.id == visit_id), VisitNotFound)


def visit_by_id(session: Session, visit_id: UUID) -> Visit:
    """That visit, whoever asks; raises VisitNotFound."""
    return row_by_id(session, Visit, visit_id, VisitNotFound)


def visit_to_change(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit, as it is now and locked until the transaction ends; raises VisitNotFound."""
    return one_row(session, locked(visits_visible_to(actor).where(Visit.id == visit_id)), VisitNotFound)


def visit_in_the_field(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit, locked, for a report from the field.

    Raises WorkAfterRevocation when it was cancelled or is no longer the technician's, VisitNotFound when it
    never was his.
    """
    visit = locked_by_id(session, Visit, visit_id, VisitNotFound)
    if actor.technician_id is None:
        return visit_for(session, actor, visit_id)
    if visit.technician_id != actor.technician_id:
        if not ever_had_visit(session, actor.technician_id, visit_id):
            raise VisitNotFound("Check the id of the visit.")
        raise WorkAfterRevocation(
            "The visit was given to somebody else. Your report is kept for the dispatcher."
        )
    if visit.status is VisitStatus.CANCELLED:
        raise WorkAfterRevocation("The visit was cancelled. Your report is kept for the dispatcher.")
    return visit


def list_visits(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    status: VisitStatus | None = None,
    technician_id: UUID | None = None,
    work_order_id: UUID | None = None,
    starts_after: datetime | None = None,
    starts_before: datetime | None = None,
) -> Page[Visit]:
    """Visible visits, each filter optional; the planned start lies in [starts_after, starts_before)."""
    wanted = (
        (Visit.status, status),
        (Visit.technician_id, technician_id),
        (Visit.work_order_id, work_order_id),
    )
    given = [column == value for column, value in wanted if value is not None]
    if starts_after is not None:
        given.append(Visit.scheduled_start >= starts_after)
    if starts_before is not None:
        given.append(Visit.scheduled_start < starts_before)
    return fetch_page(session, visits_visible_to(actor).where(*given), page, key=Visit.id)


def visits_planned_between(actor: Actor, starts: datetime, ends: datetime) -> Select[Visit]:
    """Visible visits whose plan touches [starts, ends), by technician and time."""
    return (
        visits_visible_to(actor)
        .where(Visit.scheduled_start < ends, Visit.scheduled_end > starts)
        .order_by(Visit.technician_id, Visit.scheduled_start, Visit.id)
    )


def has_visit_between(
    technician_id: InstrumentedAttribute[UUID], starts: datetime, ends: datetime, besides: UUID
) -> ColumnElement[bool]:
    """Whether the technician of a row has an open visit, other than `besides`, planned at that time."""
    return (
        select(Visit.id)
        .where(
            Visit.technician_id == technician_id,
            Visit.id != besides,
            Visit.status.in_(OPEN),
            Visit.scheduled_start < ends,
            Visit.scheduled_end > starts,
        )
        .exists()
    )


def visits_to_change_of(
    session: Session, work_order_id: UUID, statuses: Iterable[VisitStatus]
) -> Sequence[Visit]:
    """Visits of a work order in these statuses, fresh and locked, in the order of their ids."""
    return session.scalars(
        locked(
            select(Visit)
            .where(Visit.work_order_id == work_order_id, Visit.status.in_(list(statuses)))
            .order_by(Visit.id)
        )
    ).all()


def list_events(session: Session, actor: Actor, page: PageRequest, visit_id: UUID) -> Page[VisitEvent]:
    """What happened to a visit, in the order the server heard of it; raises VisitNotFound."""
    visit = visit_for(session, actor, visit_id)
    statement = select(VisitEvent).where(VisitEvent.visit_id == visit.id)
    return fetch_page(session, statement, page, key=VisitEvent.created_at)


def first_event_of(session: Session, visit_id: UUID) -> VisitEvent:
    """How the visit began."""
    return session.scalars(
        select(VisitEvent).where(VisitEvent.visit_id == visit_id, VisitEvent.from_status.is_(None))
    ).one()


def places_of(session: Session, actor: Actor, visit_id: UUID) -> Sequence[VisitEvent]:
    """The reports of steps that said where they were made, in order; raises VisitNotFound."""
    visit = visit_for(session, actor, visit_id)
    statement = select(VisitEvent).where(VisitEvent.visit_id == visit.id, VisitEvent.latitude.is_not(None))
    return session.scalars(statement.order_by(VisitEvent.created_at, VisitEvent.id)).all()


def list_notes(session: Session, actor: Actor, page: PageRequest, visit_id: UUID) -> Page[VisitNote]:
    """The notes of a visit, the first one first; raises VisitNotFound."""
    visit = visit_for(session, actor, visit_id)
    statement = select(VisitNote).where(VisitNote.visit_id == visit.id)
    return fetch_page(session, statement, page, key=VisitNote.created_at)


def current_assignment(session: Session, visit_id: UUID) -> VisitAssignment | None:
    """Who has the visit now, as history knows it."""
    return session.scalars(
        select(VisitAssignment).where(
            VisitAssignment.visit_id == visit_id, VisitAssignment.assigned_until.is_(None)
        )
    ).one_or_none()


def assignments_of(session: Session, visit_id: UUID) -> Sequence[VisitAssignment]:
    """Who had the visit, the first one first."""
    return session.scalars(
        select(VisitAssignment)
        .where(VisitAssignment.visit_id == visit_id)
        .order_by(VisitAssignment.assigned_from, VisitAssignment.id)
    ).all()
