"""Putting visits into technicians' hands: assign, move, take back, plan, dispatch."""

from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import queries
from backend.dispatch.rules import TechnicianUnfit, VisitHeldByAnother, VisitUnassigned
from backend.visits.actions import Visit
from backend.visits.hands import check_step, place, plan_for, send_out
from backend.visits.queries import locked_work_order, visit_to_change
from backend.visits.rules import Transition, VisitWindowTaken


@requires("visit:assign")
def assign_visit(
    uow: UnitOfWork,
    actor: Actor,
    visit_id: UUID,
    *,
    technician_id: UUID,
    scheduled_start: datetime | None = None,
) -> Visit:
    """Give a visit that nobody has to a technician who is qualified, there and free for the whole time.

    Twice is once. Raises VisitNotFound, TechnicianNotFound, TransitionRefused, PlanOutsideWindow,
    TechnicianUnfit with the reasons, VisitWindowTaken.
    """
    visit = visit_to_change(uow.session, actor, visit_id)
    plan = plan_for(visit, scheduled_start)
    if visit.technician_id == technician_id and plan == (visit.scheduled_start, visit.scheduled_end):
        return visit
    check_step(visit, Transition.ASSIGN)
    if visit.technician_id is not None:
        raise VisitHeldByAnother(
            "The visit has a technician already: move it.", technician_id=str(visit.technician_id)
        )
    judge(uow, visit, technician_id, plan)
    place(uow, actor, visit, Transition.ASSIGN, technician_id, plan)
    return visit


@requires("visit:move")
def move_visit(
    uow: UnitOfWork,
    actor: Actor,
    visit_id: UUID,
    *,
    technician_id: UUID,
    from_technician_id: UUID | None = None,
    scheduled_start: datetime | None = None,
    reason: str | None = None,
) -> Visit:
    """Give a visit to another technician. The kit is in the wrong van then: it is unpacked and dispatched
    anew.

    With `from_technician_id` somebody who was faster is noticed (VisitHeldByAnother). Twice is once.
    Raises as `assign_visit`, and VisitUnassigned.
    """
    visit = visit_to_change(uow.session, actor, visit_id)
    plan = plan_for(visit, scheduled_start)
    if visit.technician_id == technician_id and plan == (visit.scheduled_start, visit.scheduled_end):
        return visit
    if visit.technician_id == technician_id:
        return plan_visit(uow, actor, visit_id, scheduled_start=plan[0])
    check_step(visit, Transition.MOVE)
    if visit.technician_id is None:
        raise VisitUnassigned("Assign the visit to somebody.")
    if from_technician_id is not None and visit.technician_id != from_technician_id:
        raise VisitHeldByAnother(
            "Look who has the visit now and decide again.", technician_id=str(visit.technician_id)
        )
    judge(uow, visit, technician_id, plan)
    place(uow, actor, visit, Transition.MOVE, technician_id, plan, reason)
    return visit


@requires("visit:unassign")
def unassign_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, reason: str | None = None) -> Visit:
    """Take a visit from its technician; the promise to the customer stands. Twice is once.

    Raises VisitNotFound, TransitionRefused.
    """
    visit = visit_to_change(uow.session, actor, visit_id)
    if visit.technician_id is not None:
        check_step(visit, Transition.UNASSIGN)
        place(uow, actor, visit, Transition.UNASSIGN, None, plan_for(visit, None), reason)
    return visit


@requires("visit:plan")
def plan_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, scheduled_start: datetime) -> Visit:
    """Move the plan inside the promised window: nobody has to be asked. Twice is once.

    Raises VisitNotFound, TransitionRefused, PlanOutsideWindow, TechnicianUnfit, VisitWindowTaken.
    """
    visit = visit_to_change(uow.session, actor, visit_id)
    check_step(visit, Transition.PLAN)
    plan = plan_for(visit, scheduled_start)
    if plan == (visit.scheduled_start, visit.scheduled_end):
        return visit
    if visit.technician_id is not None:
        judge(uow, visit, visit.technician_id, plan)
    place(uow, actor, visit, Transition.PLAN, visit.technician_id, plan)
    return visit


@requires("visit:dispatch")
def dispatch_visit(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, *, override_reason: str | None = None
) -> Visit:
    """Send the visit out to its technician.

    Refused (DispatchRefused, with all that is missing) while a required line of the checklist is not
    packed or the customer has not confirmed, unless `override_reason` says why it goes out all the same.
    Raises VisitNotFound, TransitionRefused.
    """
    visit = visit_to_change(uow.session, actor, visit_id)
    send_out(uow, actor, visit, override_reason)
    return visit


def judge(uow: UnitOfWork, visit: Visit, technician_id: UUID, plan: tuple[datetime, datetime]) -> None:
    """Raise unless the technician can go then: TechnicianNotFound, VisitWindowTaken, TechnicianUnfit.

    Holds the technician until the transaction ends, so that what was judged stays true. Everywhere the
    visit is locked before its work order and that before the technician: in one order nobody deadlocks.
    """
    locked_work_order(uow.session, visit.work_order_id)
    queries.locked_technician(uow.session, technician_id)
    (candidate,) = queries.candidates_for(uow.session, visit, plan, technician_id=technician_id)
    if candidate.only_busy:
        raise VisitWindowTaken("Choose another time or another technician.", technician_id=str(technician_id))
    if candidate.reasons:
        said = ", ".join(candidate.reasons)
        raise TechnicianUnfit(f"{candidate.display_name} {said}.", reasons=list(candidate.reasons))
