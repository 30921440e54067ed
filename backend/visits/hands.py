"""What the room of technicians does to a visit once it has judged: into somebody's hands, into the plan,
out of the door.

Not actions: whoever calls has asked for permission and locked the visit (`queries.visit_to_change`).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from backend.access.actor import Actor
from backend.db.integrity import fact_of
from backend.db.unit_of_work import UnitOfWork
from backend.parts.actions import unpack_checklist
from backend.visits import queries
from backend.visits.gate import refuse_unready
from backend.visits.models import Visit
from backend.visits.rules import (
    DispatchRefused,
    PlanOutsideWindow,
    Transition,
    VisitDispatched,
    plan_within,
)
from backend.visits.steps import (
    Report,
    case_of,
    change_hands,
    check_step,
    take_step,
    touch_case_of,
    window_of,
)
from schemas.requests import Touch

__all__ = ["check_step", "place", "plan_for", "send_out"]


def plan_for(visit: Visit, scheduled_start: datetime | None) -> tuple[datetime, datetime]:
    """When the visit would begin and end: as planned now, or from `scheduled_start`. Raises
    PlanOutsideWindow."""
    window = window_of(visit)
    if window is None:
        raise PlanOutsideWindow("The visit has no arrival window yet: reschedule it or offer windows.")
    return plan_within(window, visit.duration_minutes, scheduled_start or visit.scheduled_start)


def place(
    uow: UnitOfWork,
    actor: Actor,
    visit: Visit,
    transition: Transition,
    technician_id: UUID | None,
    plan: tuple[datetime, datetime],
    reason: str | None = None,
) -> None:
    """Put the visit into a technician's plan (assign, move, plan), or take it out (unassign, None).

    Raises VisitWindowTaken when he has another visit then: the database decides, whoever tries at the same
    moment.
    """
    check_step(visit, transition)
    visit.scheduled_start, visit.scheduled_end = plan
    try:
        if technician_id != visit.technician_id:
            _hand_over(uow, actor, visit, technician_id)
        take_step(uow, actor, visit, transition, Report(reason=reason))
    except IntegrityError as broken:
        raise fact_of(broken) or broken from broken
    touch_case_of(uow, actor, visit, Touch.DISPATCH)


def _hand_over(uow: UnitOfWork, actor: Actor, visit: Visit, technician_id: UUID | None) -> None:
    holders = queries.assignments_of(uow.session, visit.id)
    change_hands(uow, visit, technician_id)
    if technician_id is not None and holders and holders[-1].technician_id != technician_id:
        # What was packed lies in somebody else's van.
        unpack_checklist(uow, actor, visit.id)


def send_out(uow: UnitOfWork, actor: Actor, visit: Visit, override_reason: str | None) -> None:
    """Dispatch the visit through the gate. Raises TransitionRefused, DispatchRefused.

    `override_reason` opens the gate for what is missing, but not for a visit without a technician.
    """
    check_step(visit, Transition.DISPATCH)
    overridden = False
    try:
        refuse_unready(uow, visit)
    except DispatchRefused:
        if override_reason is None or visit.technician_id is None:
            raise
        overridden = True
    visit.dispatched_at = uow.now
    visit.dispatch_override_reason = override_reason if overridden else None
    take_step(uow, actor, visit, Transition.DISPATCH, Report(reason=visit.dispatch_override_reason))
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    uow.tell(actor, VisitDispatched(*case_of(uow, visit)))
