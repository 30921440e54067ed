"""What dispatch does when visits tell something."""

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.actions.placing import judge
from backend.dispatch.rules import TechnicianUnfit
from backend.visits.hands import place, plan_for
from backend.visits.queries import visit_to_change
from backend.visits.rules import Transition, VisitRescheduled, VisitWindowTaken


def keep_technician_if_free(uow: UnitOfWork, _: object, fact: VisitRescheduled) -> None:
    """A visit that got another window goes back to the technician who had it, if he can go then."""
    if fact.technician_id is None:
        return
    visit = visit_to_change(uow.session, SYSTEM, fact.visit_id)
    plan = plan_for(visit, None)
    try:
        judge(uow, visit, fact.technician_id, plan)
    except (TechnicianUnfit, VisitWindowTaken):
        return
    place(uow, SYSTEM, visit, Transition.ASSIGN, fact.technician_id, plan)
