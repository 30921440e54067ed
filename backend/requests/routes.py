"""The routes of service requests."""

from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.requests import actions, queries
from backend.requests.models import CaseTouch, RequestDecision, ServiceRequest
from backend.requests.rules import PossibleTransition
from backend.web.blueprint import Room
from schemas.requests import (
    CaseTouchBody,
    EditServiceRequest,
    ReopenServiceRequest,
    RequestDecisionBody,
    RequestTransition,
    RespondToServiceRequest,
    ServiceRequestBody,
    ServiceRequestQuery,
    TakeServiceRequest,
    TriageServiceRequest,
)

Fields: TypeAlias = dict[str, Any]

room = Room("requests", __name__, description="What customers ask for, and what is decided about it.")


@room.get(
    "/service-requests",
    query=ServiceRequestQuery,
    page_of=ServiceRequestBody,
    permission="service_request:read",
)
def list_service_requests(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[ServiceRequest]:
    """Service requests, by status, outcome, customer, and whether an answer is due."""
    return queries.list_service_requests(uow.session, actor, page, **query)


@room.post(
    "/service-requests",
    body=TakeServiceRequest,
    answer=ServiceRequestBody,
    creates=True,
    permission="service_request:take",
)
def take_service_request(uow: UnitOfWork, actor: Actor, fields: Fields) -> ServiceRequest:
    """Write down what a customer asks for."""
    return actions.take_service_request(uow, actor, fields.pop("id", None), **fields)


@room.get(
    "/service-requests/<uuid:service_request_id>",
    answer=ServiceRequestBody,
    permission="service_request:read",
)
def show_service_request(uow: UnitOfWork, actor: Actor, service_request_id: UUID) -> ServiceRequest:
    """One service request."""
    return queries.service_request_for(uow.session, actor, service_request_id)


@room.patch(
    "/service-requests/<uuid:service_request_id>",
    body=EditServiceRequest,
    answer=ServiceRequestBody,
    edits=True,
    permission="service_request:edit",
)
def edit_service_request(
    uow: UnitOfWork, actor: Actor, fields: Fields, service_request_id: UUID
) -> ServiceRequest:
    """Correct a request before triage."""
    return actions.edit_service_request(uow, actor, service_request_id, **fields)


@room.get(
    "/service-requests/<uuid:service_request_id>/transitions",
    answer=RequestTransition,
    many=True,
    permission="service_request:read",
)
def show_service_request_transitions(
    uow: UnitOfWork, actor: Actor, service_request_id: UUID
) -> list[PossibleTransition]:
    """What can be done with a request now, and why the rest cannot."""
    return queries.transitions_of(uow.session, actor, service_request_id)


@room.get(
    "/service-requests/<uuid:service_request_id>/touches",
    answer=CaseTouchBody,
    many=True,
    permission="service_request:read",
)
def show_case_touches(uow: UnitOfWork, actor: Actor, service_request_id: UUID) -> list[CaseTouch]:
    """Who had the case in hand, and in which part of it."""
    return queries.touches_of(uow.session, actor, service_request_id)


@room.get(
    "/service-requests/<uuid:service_request_id>/decisions",
    answer=RequestDecisionBody,
    many=True,
    permission="request_decision:read",
)
def list_request_decisions(uow: UnitOfWork, actor: Actor, service_request_id: UUID) -> list[RequestDecision]:
    """What was decided about it, by whom and why, also what was decided anew since."""
    return queries.decisions_of(uow.session, actor, service_request_id)


@room.post(
    "/service-requests/<uuid:service_request_id>/respond",
    body=RespondToServiceRequest,
    answer=ServiceRequestBody,
    permission="service_request:respond",
)
def respond_to_service_request(
    uow: UnitOfWork, actor: Actor, fields: Fields, service_request_id: UUID
) -> ServiceRequest:
    """Note that somebody answered the customer for the first time."""
    return actions.respond_to_service_request(uow, actor, service_request_id, **fields)


@room.post(
    "/service-requests/<uuid:service_request_id>/triage",
    body=TriageServiceRequest,
    answer=ServiceRequestBody,
    permission="service_request:triage",
)
def triage_service_request(
    uow: UnitOfWork, actor: Actor, fields: Fields, service_request_id: UUID
) -> ServiceRequest:
    """Decide what becomes of a request; the outcome `visit` opens a work order."""
    return actions.triage_service_request(uow, actor, service_request_id, **fields)


@room.post(
    "/service-requests/<uuid:service_request_id>/close",
    answer=ServiceRequestBody,
    permission="service_request:close",
)
def close_service_request(uow: UnitOfWork, actor: Actor, service_request_id: UUID) -> ServiceRequest:
    """Say that nothing is left to do."""
    return actions.close_service_request(uow, actor, service_request_id)


@room.post(
    "/service-requests/<uuid:service_request_id>/reopen",
    body=ReopenServiceRequest,
    answer=ServiceRequestBody,
    permission="service_request:reopen",
)
def reopen_service_request(
    uow: UnitOfWork, actor: Actor, fields: Fields, service_request_id: UUID
) -> ServiceRequest:
    """Say that it is not done after all."""
    return actions.reopen_service_request(uow, actor, service_request_id, **fields)
