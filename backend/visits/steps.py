"""Taking a step with a visit: its row, its event, its hands and its work order change together, in this
one place."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.requests.lineage import touch_case
from backend.visits import queries
from backend.visits.models import Visit, VisitAssignment, VisitEvent, WorkOrder
from backend.visits.rules import (
    Transition,
    VisitCancelled,
    VisitRescheduled,
    Window,
    WindowChanged,
    case_of_work_order,
    derive_status,
    next_status,
    plan_within,
)
from schemas.access import Role
from schemas.requests import Touch
from schemas.visits import Confirmation, OfferState, VisitStatus


class ReportFields(TypedDict, total=False):
    """What `Report` is made of, each optional."""

    occurred_at: datetime | None
    latitude: float | None
    longitude: float | None
    reason: str | None
    event_id: UUID | None


@dataclass(frozen=True)
class Report:
    """What somebody says about a step: when it happened by their clock (None: now), where (degrees), and
    why. `event_id` is that of the event it leaves, when they named it already."""

    occurred_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    reason: str | None = None
    event_id: UUID | None = None


NOTHING_SAID = Report()


def take_step(
    uow: UnitOfWork, actor: Actor, visit: Visit, transition: Transition, report: Report = NOTHING_SAID
) -> None:
    """Move the visit by the table, log the event and settle the work order. Raises TransitionRefused.

    Whatever else the step changes on the row (window, confirmation, times) is set by the caller beforehand.
    """
    before = visit.status
    visit.status = next_status(transition, before, visit.confirmation)
    uow.flush()
    log_event(uow, actor, visit, transition.value, before, report)
    settle_work_order(uow, visit.work_order_id)


def log_event(
    uow: UnitOfWork,
    actor: Actor,
    visit: Visit,
    name: str,
    before: VisitStatus | None,
    report: Report = NOTHING_SAID,
) -> VisitEvent:
    """Write down what happened to the visit, with the window and the hands it is in afterwards."""
    return uow.add(
        VisitEvent(
            id=report.event_id or uow.mint_id(),
            visit_id=visit.id,
            name=name,
            from_status=before,
            to_status=visit.status,
            actor_id=actor.user_id,
            actor_role=actor.role,
            device_id=actor.device_id,
            technician_id=visit.technician_id,
            occurred_at=report.occurred_at or uow.now,
            latitude=report.latitude,
            longitude=report.longitude,
            reason=report.reason,
            window_version=visit.window_version,
            window_start=visit.arrival_window_start,
            window_end=visit.arrival_window_end,
        )
    )


def settle_work_order(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """Make the stored status what follows from the visits.

    The work order is locked first and the visits are read afterwards: of two transactions that move two
    visits of one work order, the second one sees what the first one did.
    """
    work_order = queries.locked_work_order(uow.session, work_order_id)
    derived = derive_status(queries.visit_statuses_of(uow.session, work_order_id))
    if work_order.status is not derived:
        work_order.status = derived
        uow.flush()
    return work_order


def set_window(visit: Visit, window: Window, scheduled_start: datetime | None = None) -> None:
    """Promise another window: a new version that nobody has confirmed, with the plan inside it."""
    visit.scheduled_start, visit.scheduled_end = plan_within(window, visit.duration_minutes, scheduled_start)
    visit.arrival_window_start, visit.arrival_window_end = window.starts_at, window.ends_at
    visit.window_version += 1
    visit.confirmation = Confirmation.REQUESTED


def clear_window(visit: Visit) -> None:
    """Take promise and plan away; the version stays, so that an answer to it can still be recognised."""
    visit.arrival_window_start = visit.arrival_window_end = None
    visit.scheduled_start = visit.scheduled_end = None


def window_of(visit: Visit) -> Window | None:
    """The window promised now."""
    if visit.arrival_window_start is None or visit.arrival_window_end is None:
        return None
    return Window(visit.arrival_window_start, visit.arrival_window_end)


def change_hands(uow: UnitOfWork, visit: Visit, technician_id: UUID | None) -> UUID | None:
    """Give the visit to a technician or to nobody, and keep the history. Returns who had it before.

    A visit that changes hands has not been dispatched, driven to or reached by whoever has it now: those
    times go from the row and stay in the events.
    """
    previous = visit.technician_id
    visit.dispatched_at = visit.accepted_at = visit.en_route_at = visit.arrived_at = None
    visit.dispatch_override_reason = None
    if previous == technician_id:
        return previous
    visit.technician_id = technician_id
    uow.flush()
    current = queries.current_assignment(uow.session, visit.id)
    if current is not None:
        current.assigned_until = uow.now
        uow.flush()
    if technician_id is not None:
        uow.add(
            VisitAssignment(
                id=uow.mint_id(),
                visit_id=visit.id,
                technician_id=technician_id,
                assigned_from=uow.now,
                assigned_until=None,
            )
        )
    return previous


def touch_case_of(uow: UnitOfWork, actor: Actor, visit: Visit, how: Touch) -> None:
    """Remember that the actor had this case in hand, so that he never makes its callback. Customers do not
    count."""
    touch_case_of_work_order(uow, actor, _work_order_of(uow, visit), how)


def touch_case_of_work_order(
    uow: UnitOfWork, actor: Actor, work_order: WorkOrder, how: Touch = Touch.DISPATCH
) -> None:
    """The same for whoever has a work order in hand."""
    if actor.role not in {Role.CUSTOMER, Role.SYSTEM}:
        touch_case(uow, case_of_work_order(work_order.id, work_order.request_id), actor.user_id, how)


def touch_by_work(uow: UnitOfWork, actor: Actor, visit: Visit) -> None:
    """The same for whoever reports work at the visit: as its technician, or from the office."""
    touch_case_of(uow, actor, visit, Touch.VISIT if actor.technician_id else Touch.DISPATCH)


def case_of(uow: UnitOfWork, visit: Visit) -> tuple[UUID, UUID, UUID | None, UUID | None]:
    """What every fact about the visit begins with: the ids of visit, work order, request and technician."""
    return visit.id, visit.work_order_id, _work_order_of(uow, visit).request_id, visit.technician_id


def _work_order_of(uow: UnitOfWork, visit: Visit) -> WorkOrder:
    return queries.work_order_by_id(uow.session, visit.work_order_id)


def withdraw_offers(uow: UnitOfWork, visit_id: UUID) -> None:
    """Nothing is on offer for the visit any more."""
    for offer in queries.offers_of(uow.session, visit_id):
        offer.state = OfferState.WITHDRAWN
    uow.flush()


def check_step(visit: Visit, transition: Transition) -> None:
    """Raise TransitionRefused, before anything is changed, when the table has no such step from here."""
    next_status(transition, visit.status, visit.confirmation)


def check_version(visit: Visit, window_version: int | None) -> None:
    """Raise WindowChanged when the window is no longer the version that was seen (None: nothing was said)."""
    if window_version is not None and window_version != visit.window_version:
        raise WindowChanged(
            "Look at the window as it is now and decide again.", window_version=visit.window_version
        )


def tell_rescheduled(uow: UnitOfWork, actor: Actor, visit: Visit, previous: UUID | None) -> None:
    """Tell that the promise changed, and who had the visit until then."""
    visit_id, work_order_id, request_id, _ = case_of(uow, visit)
    uow.tell(actor, VisitRescheduled(visit_id, work_order_id, request_id, previous, visit.window_version))


def call_off(uow: UnitOfWork, actor: Actor, visit: Visit, reason: str) -> None:
    """Cancel a locked visit. It stays with its technician, who sees on the phone that it was cancelled."""
    check_step(visit, Transition.CANCEL)
    visit.reason = reason
    withdraw_offers(uow, visit.id)
    take_step(uow, actor, visit, Transition.CANCEL, Report(reason=reason))
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    uow.tell(actor, VisitCancelled(*case_of(uow, visit), reason))
