"""All reading of work types, work orders and visits, and who may see which."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_work_orders, ever_had_visit, narrowed
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from backend.visits.models import (
    ConfirmationLink,
    PaymentBadge,
    Skill,
    Visit,
    VisitAssignment,
    VisitEvent,
    VisitNote,
    WindowOffer,
    WorkOrder,
    WorkType,
    WorkTypeSkill,
)
from backend.visits.rules import (
    OPEN,
    ConfirmationLinkExpired,
    ConfirmationLinkNotFound,
    SkillNotFound,
    VisitNotFound,
    WorkAfterRevocation,
    WorkOrderNotFound,
    WorkTypeNotFound,
    derive_status,
)
from schemas.access import Role
from schemas.visits import OfferState, PaymentBadgeState, VisitStatus, WorkOrderStatus


@dataclass(frozen=True)
class NoBadge:
    """What is shown of payment while nothing was heard of one: there is no record yet."""

    work_order_id: UUID
    id: None = None
    revision: None = None
    state: PaymentBadgeState = PaymentBadgeState.NONE


# --- who may see what --------------------------------------------------------------------------


def work_orders_visible_to(actor: Actor) -> Select[WorkOrder]:
    """The office sees all work orders, a technician those he has a visit of."""
    return narrowed(
        select(WorkOrder), actor, lambda reach: WorkOrder.id.in_(assigned_work_orders(reach, "id"))
    )


def visits_visible_to(actor: Actor) -> Select[Visit]:
    """The office sees all visits, a technician those he has now, a customer the one his link opens."""
    if actor.role is Role.CUSTOMER and actor.visit_id is not None:
        return select(Visit).where(Visit.id == actor.visit_id)
    return narrowed(select(Visit), actor, _visit_of)


def _visit_of(reach: Reach) -> ColumnElement[bool]:
    return reach.covers(Visit.technician_id, Visit.scheduled_end)


# --- one record --------------------------------------------------------------------------------


def skill_by_id(session: Session, skill_id: UUID) -> Skill:
    """That skill; raises SkillNotFound."""
    return one_row(session, select(Skill).where(Skill.id == skill_id), SkillNotFound)


def skill_ids_by_code(session: Session, codes: Collection[str]) -> dict[str, UUID]:
    """The ids of the skills with these codes, by code."""
    return dict(session.execute(select(Skill.code, Skill.id).where(Skill.code.in_(codes))).all())


def work_type_ids_by_code(session: Session, codes: Collection[str]) -> dict[str, UUID]:
    """The ids of the work types with these codes, by code."""
    return dict(session.execute(select(WorkType.code, WorkType.id).where(WorkType.code.in_(codes))).all())


def work_type_by_id(session: Session, work_type_id: UUID) -> WorkType:
    """That work type, archived or not; raises WorkTypeNotFound."""
    return one_row(session, select(WorkType).where(WorkType.id == work_type_id), WorkTypeNotFound)


def work_order_for(session: Session, actor: Actor, work_order_id: UUID) -> WorkOrder:
    """That work order; raises WorkOrderNotFound when there is none that `actor` may see."""
    return one_row(
        session, work_orders_visible_to(actor).where(WorkOrder.id == work_order_id), WorkOrderNotFound
    )


def visit_for(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit; raises VisitNotFound when there is none that `actor` may see."""
    return one_row(session, visits_visible_to(actor).where(Visit.id == visit_id), VisitNotFound)


def visit_by_id(session: Session, visit_id: UUID) -> Visit:
    """That visit, whoever asks; raises VisitNotFound."""
    return one_row(session, select(Visit).where(Visit.id == visit_id), VisitNotFound)


def visit_to_change(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit, as it is now and locked until the transaction ends; raises VisitNotFound."""
    return one_row(session, locked(visits_visible_to(actor).where(Visit.id == visit_id)), VisitNotFound)


def visit_in_the_field(session: Session, actor: Actor, visit_id: UUID) -> Visit:
    """That visit, locked, for a report from the field.

    Raises WorkAfterRevocation when it was cancelled or is no longer the technician's, VisitNotFound when it
    never was his.
    """
    visit = session.scalars(locked(select(Visit).where(Visit.id == visit_id))).one_or_none()
    if visit is None:
        raise VisitNotFound("Check the id of the visit.")
    if actor.technician_id is None:
        return visit_for(session, actor, visit_id)
    if not ever_had_visit(session, actor.technician_id, visit_id):
        raise VisitNotFound("Check the id of the visit.")
    if visit.technician_id != actor.technician_id:
        raise WorkAfterRevocation(
            "The visit was given to somebody else. Your report is kept for the dispatcher."
        )
    if visit.status is VisitStatus.CANCELLED:
        raise WorkAfterRevocation("The visit was cancelled. Your report is kept for the dispatcher.")
    return visit


# --- lists -------------------------------------------------------------------------------------


def list_skills(session: Session, page: PageRequest) -> Page[Skill]:
    """All skills."""
    return fetch_page(session, select(Skill), page, key=Skill.code)


def list_work_types(
    session: Session, page: PageRequest, *, code: str | None = None, archived: bool = False
) -> Page[WorkType]:
    """Work types with a code, archived ones or the others."""
    statement = select(WorkType).where(WorkType.archived_at.is_not(None) == archived)
    if code is not None:
        statement = statement.where(WorkType.code == code)
    return fetch_page(session, statement, page, key=WorkType.code)


def list_work_orders(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    status: WorkOrderStatus | None = None,
    request_id: UUID | None = None,
    customer_id: UUID | None = None,
    site_id: UUID | None = None,
    number: str | None = None,
) -> Page[WorkOrder]:
    """Visible work orders, each filter optional."""
    wanted = (
        (WorkOrder.status, status),
        (WorkOrder.request_id, request_id),
        (WorkOrder.customer_id, customer_id),
        (WorkOrder.site_id, site_id),
        (WorkOrder.number, number),
    )
    given = [column == value for column, value in wanted if value is not None]
    return fetch_page(session, work_orders_visible_to(actor).where(*given), page, key=WorkOrder.id)


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


def list_events(session: Session, actor: Actor, page: PageRequest, visit_id: UUID) -> Page[VisitEvent]:
    """What happened to a visit, in the order the server heard of it; raises VisitNotFound."""
    visit = visit_for(session, actor, visit_id)
    statement = select(VisitEvent).where(VisitEvent.visit_id == visit.id)
    return fetch_page(session, statement, page, key=VisitEvent.created_at)


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


def skill_levels_of(session: Session, work_type_ids: Iterable[UUID]) -> dict[UUID, list[WorkTypeSkill]]:
    """The skills that each of these work types needs."""
    rows = session.scalars(
        select(WorkTypeSkill)
        .where(WorkTypeSkill.work_type_id.in_(list(work_type_ids)))
        .order_by(WorkTypeSkill.work_type_id, WorkTypeSkill.skill_id)
    )
    found: dict[UUID, list[WorkTypeSkill]] = {}
    for row in rows:
        found.setdefault(row.work_type_id, []).append(row)
    return found


def offers_of(
    session: Session, visit_id: UUID, *, state: OfferState = OfferState.OPEN
) -> Sequence[WindowOffer]:
    """The windows on offer for a visit, the earliest first."""
    return session.scalars(
        select(WindowOffer)
        .where(WindowOffer.visit_id == visit_id, WindowOffer.state == state)
        .order_by(WindowOffer.starts_at, WindowOffer.id)
    ).all()


def offer_of(session: Session, visit_id: UUID, offer_id: UUID) -> WindowOffer | None:
    """That offer, in whatever state, if it was made for this visit."""
    return session.scalars(
        select(WindowOffer).where(WindowOffer.id == offer_id, WindowOffer.visit_id == visit_id)
    ).one_or_none()


def first_event_of(session: Session, visit_id: UUID) -> VisitEvent:
    """How the visit began."""
    return session.scalars(
        select(VisitEvent).where(VisitEvent.visit_id == visit_id, VisitEvent.from_status.is_(None))
    ).one()


def visit_statuses_of(session: Session, work_order_id: UUID) -> Sequence[VisitStatus]:
    """The statuses of a work order's visits, in the order of their numbers."""
    return session.scalars(
        select(Visit.status).where(Visit.work_order_id == work_order_id).order_by(Visit.number)
    ).all()


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


def next_visit_number(session: Session, work_order_id: UUID) -> int:
    """The number of the next visit; ask while the work order is locked."""
    highest = session.scalar(select(func.max(Visit.number)).where(Visit.work_order_id == work_order_id))
    return (highest or 0) + 1


def locked_work_order(session: Session, work_order_id: UUID) -> WorkOrder:
    """That work order, fresh and locked until the transaction ends; raises WorkOrderNotFound."""
    return one_row(session, locked(select(WorkOrder).where(WorkOrder.id == work_order_id)), WorkOrderNotFound)


def work_order_by_id(session: Session, work_order_id: UUID) -> WorkOrder:
    """That work order; raises WorkOrderNotFound."""
    return one_row(session, select(WorkOrder).where(WorkOrder.id == work_order_id), WorkOrderNotFound)


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


def payment_badge_of(session: Session, actor: Actor, work_order_id: UUID) -> PaymentBadge | NoBadge:
    """The badge of a work order, `none` while nobody has written one; raises WorkOrderNotFound."""
    work_order = work_order_for(session, actor, work_order_id)
    statement = select(PaymentBadge).where(PaymentBadge.work_order_id == work_order.id)
    return session.scalars(statement).one_or_none() or NoBadge(work_order.id)


# --- the customer's link -----------------------------------------------------------------------


def link_behind(session: Session, token: str, now: datetime) -> ConfirmationLink:
    """The link a token opens; raises ConfirmationLinkNotFound or ConfirmationLinkExpired."""
    link = session.scalars(
        select(ConfirmationLink).where(ConfirmationLink.token_sha256 == token_digest(token))
    ).one_or_none()
    if link is None:
        raise ConfirmationLinkNotFound("Open the link exactly as it is in the mail, or call us.")
    if link.revoked_at is not None:
        raise ConfirmationLinkExpired("A newer link was sent: open the one in the latest mail, or call us.")
    if link.expires_at <= now:
        raise ConfirmationLinkExpired("Call us and we will send a new one.")
    return link


def customer_of_visit(session: Session, visit_id: UUID) -> UUID:
    """The id of the customer a visit is for."""
    return session.scalars(
        select(WorkOrder.customer_id)
        .join(Visit, Visit.work_order_id == WorkOrder.id)
        .where(Visit.id == visit_id)
    ).one()


def token_digest(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def live_links_of(session: Session, visit_id: UUID) -> Sequence[ConfirmationLink]:
    """The links of a visit that were not replaced."""
    return session.scalars(
        select(ConfirmationLink).where(
            ConfirmationLink.visit_id == visit_id, ConfirmationLink.revoked_at.is_(None)
        )
    ).all()


# --- the check ---------------------------------------------------------------------------------


def work_orders_that_contradict_their_visits(session: Session) -> list[str]:
    """One sentence per work order whose stored status is not what follows from its visits; `doorstep
    check` asks."""
    statuses: dict[UUID, list[VisitStatus]] = {}
    for work_order_id, status in session.execute(
        select(Visit.work_order_id, Visit.status).order_by(Visit.work_order_id, Visit.number)
    ):
        statuses.setdefault(work_order_id, []).append(status)
    wrong = []
    for work_order_id, number, stored in session.execute(
        select(WorkOrder.id, WorkOrder.number, WorkOrder.status).order_by(WorkOrder.number)
    ):
        derived = derive_status(statuses.get(work_order_id, []))
        if derived is not stored:
            wrong.append(f"work order {number} says {stored.value}, its visits say {derived.value}")
    return wrong
