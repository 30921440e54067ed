"""All reading of technicians and shifts, and the one question of dispatch: who could go to this visit?"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Float, Select, and_, cast, func, literal, null, select, true
from sqlalchemy.orm import Session, aliased

from backend.access.actor import Actor
from backend.access.permissions import SYSTEM
from backend.access.queries import is_enabled
from backend.access.reach import narrowed
from backend.customers.queries import site_for
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.types import Coordinates, Point
from backend.dispatch.models import Shift, Technician, TechnicianSkill
from backend.dispatch.rules import Candidate, ShiftNotFound, TechnicianNotFound
from backend.visits import queries as visits
from backend.visits.actions import Visit
from schemas.dispatch import ShiftKind

_FURTHEST_EAST, _FURTHEST_WEST = timedelta(hours=14), timedelta(hours=12)
"""How far local days begin before, and end after, those of UTC."""


def technicians_visible_to(actor: Actor) -> Select[Technician]:
    """The office sees all technicians, a technician himself."""
    return narrowed(select(Technician), actor, lambda reach: Technician.id == reach.technician_id)


def technician_for(session: Session, actor: Actor, technician_id: UUID) -> Technician:
    """That technician; raises TechnicianNotFound when there is none that `actor` may see."""
    return one_row(
        session, technicians_visible_to(actor).where(Technician.id == technician_id), TechnicianNotFound
    )


def locked_technician(session: Session, technician_id: UUID) -> Technician:
    """That technician, locked: who wants to give him a visit waits until this transaction ends.

    The constraint on his plan would do, but transactions that wait for each other's rows in it can deadlock.
    """
    statement = select(Technician).where(Technician.id == technician_id)
    return one_row(session, locked(statement), TechnicianNotFound)


def shift_for(session: Session, actor: Actor, shift_id: UUID) -> Shift:
    """That shift; raises ShiftNotFound when there is none that `actor` may see."""
    mine = narrowed(select(Shift), actor, lambda reach: Shift.technician_id == reach.technician_id)
    return one_row(session, mine.where(Shift.id == shift_id), ShiftNotFound)


def list_technicians(
    session: Session, actor: Actor, page: PageRequest, *, active: bool | None = None
) -> Page[Technician]:
    """Visible technicians, by name."""
    statement = technicians_visible_to(actor)
    if active is not None:
        statement = statement.where(Technician.active == active)
    return fetch_page(session, statement, page, key=Technician.display_name)


def list_shifts(
    session: Session,
    actor: Actor,
    page: PageRequest,
    technician_id: UUID,
    *,
    starts_after: datetime | None = None,
    starts_before: datetime | None = None,
    kind: ShiftKind | None = None,
) -> Page[Shift]:
    """The shifts of a technician that touch [starts_after, starts_before); raises TechnicianNotFound."""
    technician = technician_for(session, actor, technician_id)
    statement = select(Shift).where(Shift.technician_id == technician.id)
    if starts_after is not None:
        statement = statement.where(Shift.ends_at > starts_after)
    if starts_before is not None:
        statement = statement.where(Shift.starts_at < starts_before)
    if kind is not None:
        statement = statement.where(Shift.kind == kind)
    return fetch_page(session, statement, page, key=Shift.starts_at)


def skills_of(session: Session, technician_id: UUID) -> Sequence[TechnicianSkill]:
    """What the technician can do."""
    return session.scalars(
        select(TechnicianSkill)
        .where(TechnicianSkill.technician_id == technician_id)
        .order_by(TechnicianSkill.skill_id)
    ).all()


# --- who could go? -----------------------------------------------------------------------------


def candidates_for(
    session: Session,
    visit: Visit,
    plan: tuple[datetime, datetime],
    *,
    technician_id: UUID | None = None,
) -> list[Candidate]:
    """What each technician (or that one) is for this visit at `plan`, best first (`Candidate.rank`).

    One statement of GeoAlchemy2 expressions for both engines; distances are geodesic metres. It is sorted
    here, because the engines do not agree on the order of names.
    """
    starts, ends = plan
    work_order = visits.work_order_by_id(session, visit.work_order_id)
    needed = visits.skill_levels_of(session, [work_order.work_type_id]).get(work_order.work_type_id, [])
    place = site_for(session, SYSTEM, work_order.site_id).point
    statement = select(
        Technician.id,
        Technician.display_name,
        and_(Technician.active, is_enabled(Technician.id)),
        and_(true(), *(_has_skill(skill.skill_id, skill.level) for skill in needed)),
        _works_throughout(starts, ends),
        _is_on_leave(starts, ends),
        visits.has_visit_between(Technician.id, starts, ends, besides=visit.id),
        _covers(place),
        _metres_to(place),
    )
    if technician_id is not None:
        statement = statement.where(Technician.id == technician_id)
    found = [Candidate(*row) for row in session.execute(statement)]
    return sorted(found, key=lambda candidate: candidate.rank)


def _has_skill(skill_id: UUID, level: int) -> ColumnElement[bool]:
    return (
        select(TechnicianSkill.id)
        .where(
            TechnicianSkill.technician_id == Technician.id,
            TechnicianSkill.skill_id == skill_id,
            TechnicianSkill.level >= level,
        )
        .exists()
    )


def _works_throughout(starts: datetime, ends: datetime) -> ColumnElement[bool]:
    """Whether shifts cover the whole time without a gap, also where one takes over from another.

    They do when one covers the start, and whenever one ends before the end, another one goes on from there.
    """
    first, ending, going_on = aliased(Shift), aliased(Shift), aliased(Shift)
    begun = (
        select(first.id)
        .where(
            first.technician_id == Technician.id,
            first.kind == ShiftKind.WORK,
            first.starts_at <= starts,
            first.ends_at > starts,
        )
        .exists()
    )
    continued = (
        select(going_on.id)
        .where(
            going_on.technician_id == ending.technician_id,
            going_on.kind == ShiftKind.WORK,
            going_on.starts_at <= ending.ends_at,
            going_on.ends_at > ending.ends_at,
        )
        .exists()
    )
    gap = (
        select(ending.id)
        .where(
            ending.technician_id == Technician.id,
            ending.kind == ShiftKind.WORK,
            ending.ends_at > starts,
            ending.ends_at < ends,
            ~continued,
        )
        .exists()
    )
    return and_(begun, ~gap)


def _is_on_leave(starts: datetime, ends: datetime) -> ColumnElement[bool]:
    return (
        select(Shift.id)
        .where(
            Shift.technician_id == Technician.id,
            Shift.kind == ShiftKind.LEAVE,
            Shift.starts_at < ends,
            Shift.ends_at > starts,
        )
        .exists()
    )


def _covers(place: Coordinates | None) -> ColumnElement[bool]:
    if place is None:
        return literal(value=False)
    return func.coalesce(func.ST_Covers(Technician.territory, literal(place, Point())), literal(value=False))


def _metres_to(place: Coordinates | None) -> ColumnElement[float | None]:
    if place is None:
        return cast(null(), Float)
    return func.ST_Distance(Technician.home, literal(place, Point()))


# --- the board ---------------------------------------------------------------------------------


def visits_of_day(session: Session, actor: Actor, day: date) -> list[Visit]:
    """Visible visits planned on `day`, each on the calendar of its own site."""
    midnight = datetime.combine(day, time(0), UTC)
    statement = visits.visits_planned_between(
        actor, midnight - _FURTHEST_EAST, midnight + timedelta(days=1) + _FURTHEST_WEST
    )
    return [visit for visit in session.scalars(statement) if _is_on(visit, day)]


def _is_on(visit: Visit, day: date) -> bool:
    if visit.scheduled_start is None or visit.scheduled_end is None:
        return False
    zone = ZoneInfo(visit.time_zone)
    first = visit.scheduled_start.astimezone(zone).date()
    last = (visit.scheduled_end - timedelta(microseconds=1)).astimezone(zone).date()
    return first <= day <= last


def active_technicians(session: Session, also: set[UUID]) -> Sequence[Technician]:
    """Those who work for us at present, and `also` these, by name."""
    return session.scalars(
        select(Technician)
        .where(Technician.active | Technician.id.in_(also))
        .order_by(Technician.display_name, Technician.id)
    ).all()
