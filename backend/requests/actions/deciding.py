"""What is decided about a request: triage with its outcome, close, reopen."""

from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.requests.lineage import touch_case
from backend.requests.models import RequestDecision, ServiceRequest
from backend.requests.queries import locked_service_request
from backend.requests.rules import (
    RequestTriaged,
    Transition,
    check_triage,
    next_status,
    summary_of,
)
from schemas.requests import Outcome, Priority, Touch


@requires("service_request:triage")
def triage_service_request(
    uow: UnitOfWork,
    actor: Actor,
    service_request_id: UUID,
    *,
    outcome: Outcome,
    outcome_reason: str | None = None,
    work_type_id: UUID | None = None,
    summary: str | None = None,
    priority: Priority | None = None,
    earliest_start: datetime | None = None,
    due: datetime | None = None,
) -> ServiceRequest:
    """Decide what becomes of a request, and tell RequestTriaged.

    The customer's own limit (`due_at`) stands for a visit when no other is said.
    Raises ServiceRequestNotFound, RequestTransitionBlocked, TriageIncomplete, TriageContradicted, and what
    the handlers of the fact raise.
    """
    request = locked_service_request(uow.session, actor, service_request_id)
    status = next_status(Transition.TRIAGE, request)
    check_triage(
        outcome,
        outcome_reason=outcome_reason,
        work_type_id=work_type_id,
        site_id=request.site_id,
        earliest_start=earliest_start,
        due=due,
    )
    request.status, request.outcome, request.outcome_reason = status, outcome, outcome_reason
    request.priority = priority or request.priority
    request.triaged_by, request.triaged_at = actor.user_id, uow.now
    uow.flush()
    _note(uow, actor, request, Transition.TRIAGE, outcome_reason)
    uow.tell(
        actor,
        RequestTriaged(
            request_id=request.id,
            outcome=outcome,
            customer_id=request.customer_id,
            site_id=request.site_id,
            asset_id=request.asset_id,
            work_type_id=work_type_id,
            summary=summary or summary_of(request.category, request.descriptor, request.said),
            priority=request.priority,
            earliest_start=earliest_start,
            due=due or _customers_limit(request, earliest_start, outcome),
        ),
    )
    return request


@requires("service_request:close")
def close_service_request(uow: UnitOfWork, actor: Actor, service_request_id: UUID) -> ServiceRequest:
    """Nothing is left to do; raises ServiceRequestNotFound, RequestTransitionBlocked."""
    request = locked_service_request(uow.session, actor, service_request_id)
    request.status = next_status(Transition.CLOSE, request)
    request.closed_at = uow.now
    _note(uow, actor, request, Transition.CLOSE)
    return request


@requires("service_request:reopen")
def reopen_service_request(
    uow: UnitOfWork, actor: Actor, service_request_id: UUID, *, reason: str
) -> ServiceRequest:
    """It is not done after all: back to triage. What the customer said stays as he said it.

    Raises ServiceRequestNotFound, RequestTransitionBlocked (a request with a work order goes on there).
    """
    request = locked_service_request(uow.session, actor, service_request_id)
    request.status = next_status(Transition.REOPEN, request)
    request.outcome = request.outcome_reason = request.triaged_by = None
    request.triaged_at = request.closed_at = None
    _note(uow, actor, request, Transition.REOPEN, reason)
    return request


def _note(
    uow: UnitOfWork, actor: Actor, request: ServiceRequest, verb: Transition, reason: str | None = None
) -> None:
    """Keep what was decided, also when it is decided anew, and who had the case in hand with it."""
    uow.add(
        RequestDecision(
            id=uow.mint_id(),
            request_id=request.id,
            name=verb.value,
            outcome=request.outcome,
            reason=reason,
            decided_by=actor.user_id,
        )
    )
    touch_case(uow, request.id, actor.user_id, Touch.TRIAGE)


def _customers_limit(
    request: ServiceRequest, earliest_start: datetime | None, outcome: Outcome
) -> datetime | None:
    if outcome is not Outcome.VISIT or request.due_at is None:
        return None
    return request.due_at if earliest_start is None or earliest_start < request.due_at else None
