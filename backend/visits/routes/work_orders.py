"""Routes of work orders."""

from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions, queries
from backend.visits.models import PaymentBadge, WorkOrder
from backend.visits.queries import NoBadge
from backend.visits.routes.room import Fields, room
from schemas.visits import (
    CancelWorkOrder,
    EditWorkOrder,
    OpenWorkOrder,
    PaymentBadgeAnswer,
    WorkOrderBody,
    WorkOrderQuery,
)


@room.get("/work-orders", query=WorkOrderQuery, page_of=WorkOrderBody, permission="work_order:read")
def list_work_orders(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[WorkOrder]:
    """Work orders, by status, request, customer, site or number."""
    return queries.list_work_orders(uow.session, actor, page, **query)


@room.post(
    "/work-orders", body=OpenWorkOrder, answer=WorkOrderBody, creates=True, permission="work_order:open"
)
def open_work_order(uow: UnitOfWork, actor: Actor, fields: Fields) -> WorkOrder:
    """A job to do at a site."""
    return actions.open_work_order(uow, actor, fields.pop("id", None), **fields)


@room.get("/work-orders/<uuid:work_order_id>", answer=WorkOrderBody, permission="work_order:read")
def show_work_order(uow: UnitOfWork, actor: Actor, work_order_id: UUID) -> WorkOrder:
    """One work order."""
    return queries.work_order_for(uow.session, actor, work_order_id)


@room.patch(
    "/work-orders/<uuid:work_order_id>",
    body=EditWorkOrder,
    answer=WorkOrderBody,
    edits=True,
    permission="work_order:edit",
)
def edit_work_order(uow: UnitOfWork, actor: Actor, fields: Fields, work_order_id: UUID) -> WorkOrder:
    """Change words, priority and limits; the status follows from the visits."""
    return actions.edit_work_order(uow, actor, work_order_id, **fields)


@room.post(
    "/work-orders/<uuid:work_order_id>/cancel",
    body=CancelWorkOrder,
    answer=WorkOrderBody,
    permission="work_order:cancel",
)
def cancel_work_order(uow: UnitOfWork, actor: Actor, fields: Fields, work_order_id: UUID) -> WorkOrder:
    """Cancel all its open visits."""
    return actions.cancel_work_order(uow, actor, work_order_id, **fields)


@room.get(
    "/work-orders/<uuid:work_order_id>/badge",
    answer=PaymentBadgeAnswer,
    permission="payment_badge:read",
)
def show_payment_badge(uow: UnitOfWork, actor: Actor, work_order_id: UUID) -> PaymentBadge | NoBadge:
    """Whether the company was paid; `none` while nothing was heard of it."""
    return queries.payment_badge_of(uow.session, actor, work_order_id)
