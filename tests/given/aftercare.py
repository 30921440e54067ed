"""Callbacks that tests begin with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.access.queries import user
from backend.aftercare.models import Callback
from backend.aftercare.queries import callback_of_visit
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions
from tests.given import reports, requests, visits


def a_finished_visit(
    uow: UnitOfWork, taken_by: Actor = SYSTEM, *, finished_at: datetime | None = None, **over: Any
) -> reports.Work:
    """A visit of a new request that its technician completed (now, by his clock) with a signed report."""
    request = requests.a_service_request(uow, taken_by)
    order = visits.a_work_order(uow, request_id=request.id, site_id=request.site_id)
    work = reports.a_signed_report(uow, work_order_id=order.id, **over)
    actions.arrive_visit(uow, work.actor, work.visit_id)
    actions.complete_visit(uow, work.actor, work.visit_id, occurred_at=finished_at)
    return work


def a_callback(uow: UnitOfWork, taken_by: Actor = SYSTEM, **over: Any) -> Callback:
    """The callback of a visit that was completed."""
    return callback_of(uow, a_finished_visit(uow, taken_by, **over).visit_id)


def callback_of(uow: UnitOfWork, visit_id: UUID) -> Callback:
    """The callback of that visit."""
    callback = callback_of_visit(uow.session, visit_id)
    assert callback is not None
    return callback


def actor_of(uow: UnitOfWork, user_id: UUID) -> Actor:
    """A user who is there already, as the one who acts."""
    role = user(uow.session, user_id).role
    return Actor(user_id, role, PERMISSIONS[role])
