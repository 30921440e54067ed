"""What is done with a request before triage: take it, correct it, answer the customer."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.customers.queries import asset_for, customer_for, site_for
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.requests.lineage import touch_case
from backend.requests.models import ServiceRequest
from backend.requests.queries import draw_numbers, locked_service_request
from backend.requests.rules import (
    NUMBER_SERIES,
    ChannelReserved,
    PlaceOfAnotherCustomer,
    Transition,
    check_not_future,
    next_status,
    response_due,
)
from schemas.requests import Channel, Priority, RequestStatus, Touch


class RequestChanges(TypedDict, total=False):
    """What a correction may change; absent keys stay."""

    site_id: UUID | None
    asset_id: UUID | None
    said: str
    category: str | None
    descriptor: str | None
    priority: Priority
    due_at: datetime | None


@requires("service_request:take")
def take_service_request(
    uow: UnitOfWork,
    actor: Actor,
    service_request_id: UUID | None = None,
    *,
    channel: Channel,
    customer_id: UUID,
    said: str,
    site_id: UUID | None = None,
    asset_id: UUID | None = None,
    category: str | None = None,
    descriptor: str | None = None,
    priority: Priority = Priority.NORMAL,
    external_key: str | None = None,
    received_at: datetime | None = None,
    due_at: datetime | None = None,
) -> ServiceRequest:
    """Intake: write down what a customer asks for and promise a first answer.

    An asset brings its site when none is given. Raises CustomerNotFound, SiteNotFound, AssetNotFound,
    PlaceOfAnotherCustomer, ChannelReserved, TimeInFuture, RequestKeyTaken, IdAlreadyUsed.
    """
    if channel is Channel.IMPORT:
        raise ChannelReserved("Use phone, web or api.")
    content = {
        "channel": channel,
        "customer_id": customer_id,
        "asset_id": asset_id,
        "said": said,
        "category": category,
        "descriptor": descriptor,
        "external_key": external_key,
    }
    if known := created_before(uow, ServiceRequest, service_request_id, **content):
        return known
    received = received_at or uow.now
    check_not_future(received, uow.now)
    customer_for(uow.session, actor, customer_id)
    site_id, needs_location = _place(uow, actor, customer_id, site_id, asset_id)
    request = uow.add(
        ServiceRequest(
            id=service_request_id or uow.mint_id(),
            number=draw_numbers(uow, NUMBER_SERIES)[0],
            site_id=site_id,
            needs_location=needs_location,
            priority=priority,
            received_at=received,
            due_at=due_at,
            first_response_due_at=response_due(priority, channel, received_at=received, taken_at=uow.now),
            status=RequestStatus.NEW,
            taken_by=actor.user_id,
            **content,
        )
    )
    touch_case(uow, request.id, actor.user_id, Touch.INTAKE)
    return request


@requires("service_request:edit")
def edit_service_request(
    uow: UnitOfWork, actor: Actor, service_request_id: UUID, **changes: Unpack[RequestChanges]
) -> ServiceRequest:
    """Correct a request before triage; another priority moves the promise, unless it was kept already.

    Raises ServiceRequestNotFound, RequestTransitionBlocked, SiteNotFound, AssetNotFound,
    PlaceOfAnotherCustomer.
    """
    request = locked_service_request(uow.session, actor, service_request_id)
    next_status(Transition.EDIT, request)
    for name, value in changes.items():
        setattr(request, name, value)
    if "site_id" in changes or "asset_id" in changes:
        request.site_id, request.needs_location = _place(
            uow, actor, request.customer_id, request.site_id, request.asset_id
        )
    if "priority" in changes and request.responded_at is None:
        request.first_response_due_at = response_due(
            request.priority,
            request.channel,
            received_at=request.received_at,
            taken_at=request.created_at,
        )
    touch_case(uow, request.id, actor.user_id, Touch.INTAKE)
    return request


@requires("service_request:respond")
def respond_to_service_request(
    uow: UnitOfWork, actor: Actor, service_request_id: UUID, *, occurred_at: datetime | None = None
) -> ServiceRequest:
    """Note that somebody answered the customer for the first time.

    Raises ServiceRequestNotFound, RequestTransitionBlocked, TimeInFuture.
    """
    request = locked_service_request(uow.session, actor, service_request_id)
    next_status(Transition.RESPOND, request)
    check_not_future(occurred_at or uow.now, uow.now)
    request.responded_at = occurred_at or uow.now
    touch_case(uow, request.id, actor.user_id, Touch.TRIAGE)
    return request


def _place(
    uow: UnitOfWork, actor: Actor, customer_id: UUID, site_id: UUID | None, asset_id: UUID | None
) -> tuple[UUID | None, bool]:
    """The site of a request (the one named, or that of the asset) and whether it still needs a location."""
    if asset_id is not None:
        asset = asset_for(uow.session, actor, asset_id)
        _check_owner(asset.customer_id, customer_id)
        site_id = site_id or asset.site_id
    if site_id is None:
        return None, True
    site = site_for(uow.session, actor, site_id)
    _check_owner(site.customer_id, customer_id)
    return site.id, site.needs_location


def _check_owner(owner_id: UUID, customer_id: UUID) -> None:
    if owner_id != customer_id:
        raise PlaceOfAnotherCustomer("Name a site and an asset of this customer.")
