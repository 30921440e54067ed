"""All reading of service requests and their cases, who may see which, and the drawing of numbers."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select, text
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_work_orders, narrowed
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.unit_of_work import UnitOfWork
from backend.requests.models import CaseTouch, RequestDecision, ServiceRequest
from backend.requests.rules import PossibleTransition, ServiceRequestNotFound, Transition, why_blocked
from schemas.requests import Channel, Outcome, Priority, RequestStatus, Touch

# The same text on both engines. The row stays locked until the transaction ends, so numbers have no gaps.
_DRAW = text(
    "INSERT INTO number_series (name, last) VALUES (:name, :count) "
    "ON CONFLICT (name) DO UPDATE SET last = number_series.last + excluded.last RETURNING last"
)


def _request_of(reach: Reach) -> ColumnElement[bool]:
    return ServiceRequest.id.in_(assigned_work_orders(reach, "request_id"))


def service_requests_visible_to(actor: Actor) -> Select[ServiceRequest]:
    """The office sees all requests, a technician those of the work orders that he has a visit of."""
    return narrowed(select(ServiceRequest), actor, _request_of)


def service_request_for(session: Session, actor: Actor, service_request_id: UUID) -> ServiceRequest:
    """That request; raises ServiceRequestNotFound when there is none that `actor` may see."""
    statement = service_requests_visible_to(actor).where(ServiceRequest.id == service_request_id)
    return one_row(session, statement, ServiceRequestNotFound)


def locked_service_request(session: Session, actor: Actor, service_request_id: UUID) -> ServiceRequest:
    """That request as it is now, held until the transaction ends: two people decide one after the other."""
    statement = service_requests_visible_to(actor).where(ServiceRequest.id == service_request_id)
    return one_row(session, locked(statement), ServiceRequestNotFound)


def list_service_requests(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    status: RequestStatus | None = None,
    outcome: Outcome | None = None,
    priority: Priority | None = None,
    customer_id: UUID | None = None,
    site_id: UUID | None = None,
    number: str | None = None,
    needs_location: bool | None = None,
    response_due_before: datetime | None = None,
) -> Page[ServiceRequest]:
    """Visible requests; `response_due_before` finds those still without an answer that is due before."""
    wanted = {
        ServiceRequest.status: status,
        ServiceRequest.outcome: outcome,
        ServiceRequest.priority: priority,
        ServiceRequest.customer_id: customer_id,
        ServiceRequest.site_id: site_id,
        ServiceRequest.number: number,
        ServiceRequest.needs_location: needs_location,
    }
    statement = service_requests_visible_to(actor).where(
        *(column == value for column, value in wanted.items() if value is not None)
    )
    if response_due_before is not None:
        statement = statement.where(
            ServiceRequest.responded_at.is_(None), ServiceRequest.first_response_due_at < response_due_before
        )
    return fetch_page(session, statement, page, key=ServiceRequest.id)


def transitions_of(session: Session, actor: Actor, service_request_id: UUID) -> list[PossibleTransition]:
    """What can be done with a request now, and why the rest cannot; raises ServiceRequestNotFound."""
    request = service_request_for(session, actor, service_request_id)
    return [_possible(actor, transition, request) for transition in Transition]


def _possible(actor: Actor, transition: Transition, request: ServiceRequest) -> PossibleTransition:
    reason = why_blocked(transition, request)
    if reason is None and not actor.may(f"service_request:{transition.value}"):
        reason = "Your role may not do this."
    return PossibleTransition(transition.value, reason is None, reason)


def touches_of(session: Session, actor: Actor, service_request_id: UUID) -> list[CaseTouch]:
    """Who had the case in hand, the first first; raises ServiceRequestNotFound."""
    request = service_request_for(session, actor, service_request_id)
    statement = select(CaseTouch).where(CaseTouch.case_id == request.id).order_by(CaseTouch.id)
    return list(session.scalars(statement))


def decisions_of(session: Session, actor: Actor, service_request_id: UUID) -> list[RequestDecision]:
    """What was decided about a request, the first first; raises ServiceRequestNotFound."""
    request = service_request_for(session, actor, service_request_id)
    statement = select(RequestDecision).where(RequestDecision.request_id == request.id)
    return list(session.scalars(statement.order_by(RequestDecision.id)))


def has_touched(session: Session, case_id: UUID, user_id: UUID, how: Touch) -> bool:
    """Whether it is noted that the user had this part of the case in hand."""
    noted = (CaseTouch.case_id == case_id) & (CaseTouch.user_id == user_id) & (CaseTouch.how == how)
    return bool(session.scalar(select(exists().where(noted))))


def touches_of_cases(session: Session, case_ids: Collection[UUID]) -> list[CaseTouch]:
    """Who had these cases in hand, whoever asks: for rooms that keep people apart."""
    statement = select(CaseTouch).where(CaseTouch.case_id.in_(case_ids)).order_by(CaseTouch.id)
    return list(session.scalars(statement))


def known_external_keys(session: Session, channel: Channel, keys: Collection[str]) -> set[str]:
    """Those of the keys that requests of this channel have."""
    statement = select(ServiceRequest.external_key).where(
        ServiceRequest.channel == channel, ServiceRequest.external_key.in_(keys)
    )
    return {key for key in session.scalars(statement) if key is not None}


def unlocated_at(session: Session, site_id: UUID) -> list[ServiceRequest]:
    """The requests at a site that still need a location."""
    statement = select(ServiceRequest).where(
        ServiceRequest.site_id == site_id, ServiceRequest.needs_location.is_(True)
    )
    return list(session.scalars(statement))


def draw_numbers(uow: UnitOfWork, series: str, count: int = 1) -> list[str]:
    """The next `count` numbers of a series, such as "SR-000042"; never drawn twice, without gaps.

    Until this transaction ends, others who draw from the same series wait.
    """
    last = uow.session.execute(_DRAW, {"name": series, "count": count}).scalar_one()
    return [f"{series}-{number:06}" for number in range(last - count + 1, last + 1)]
