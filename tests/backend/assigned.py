"""A technician's visit, put straight into the tables: rooms above visits are tested without its actions."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.models import Technician
from backend.requests.models import ServiceRequest
from backend.visits.models import Visit, VisitAssignment, WorkOrder, WorkType
from schemas.access import Role
from schemas.requests import Priority
from schemas.visits import Confirmation, VisitStatus, WorkOrderStatus
from tests.given.access import an_actor
from tests.given.requests import a_service_request


@dataclass(frozen=True)
class Assigned:
    """A visit, who has it, and what was asked for."""

    technician: Actor
    visit: Visit
    work_order: WorkOrder
    request: ServiceRequest


def a_technician(uow: UnitOfWork) -> Actor:
    """Somebody who can be given visits."""
    actor = an_actor(uow, Role.TECHNICIAN)
    uow.add(
        Technician(
            id=actor.user_id,
            display_name="Kim",
            phone=None,
            home=None,
            time_zone="Europe/Berlin",
            active=True,
        )
    )
    return actor


def an_assigned_visit(uow: UnitOfWork, technician: Actor | None = None) -> Assigned:
    """A visit that the technician (a new one unless given) has, with everything it stands on."""
    technician = technician or a_technician(uow)
    request = a_service_request(uow)
    work_type = uow.add(
        WorkType(id=uow.mint_id(), code=f"type-{uow.mint_id()}", name="Repair", duration_minutes=60)
    )
    work_order = uow.add(
        WorkOrder(
            id=uow.mint_id(),
            number=f"WO-{uow.mint_id().hex[-12:]}",
            request_id=request.id,
            customer_id=request.customer_id,
            site_id=request.site_id,
            work_type_id=work_type.id,
            status=WorkOrderStatus.SCHEDULED,
            summary="Boiler",
            priority=Priority.NORMAL,
        )
    )
    start = uow.now + timedelta(hours=len(uow.session.identity_map))
    visit = uow.add(
        Visit(
            id=uow.mint_id(),
            work_order_id=work_order.id,
            number=1,
            technician_id=technician.user_id,
            status=VisitStatus.DISPATCHED,
            time_zone="Europe/Berlin",
            duration_minutes=60,
            window_version=1,
            scheduled_start=start,
            scheduled_end=start + timedelta(minutes=30),
            confirmation=Confirmation.NONE,
        )
    )
    _assign(uow, visit.id, technician.user_id)
    return Assigned(technician, visit, work_order, request)


def give_to(uow: UnitOfWork, visit: Visit, technician: Actor) -> None:
    """The visit goes to another technician; the first remains in its history."""
    for assignment in uow.session.query(VisitAssignment).filter_by(visit_id=visit.id, assigned_until=None):
        assignment.assigned_until = uow.now
    uow.flush()
    visit.technician_id = technician.user_id
    uow.flush()
    _assign(uow, visit.id, technician.user_id)


def _assign(uow: UnitOfWork, visit_id: UUID, technician_id: UUID) -> None:
    uow.add(
        VisitAssignment(
            id=uow.mint_id(), visit_id=visit_id, technician_id=technician_id, assigned_from=uow.now
        )
    )
