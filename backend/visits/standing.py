"""Whose facts about a visit are taken: those of everybody who ever had it, and nobody else's."""

from uuid import UUID

from backend.access.actor import Actor
from backend.access.reach import ever_had_visit
from backend.db.unit_of_work import UnitOfWork
from backend.visits.models import Visit
from backend.visits.queries import visit_for
from backend.visits.rules import VisitNotFound
from backend.visits.steps import touch_by_work
from schemas.visits import VisitStatus
from sync.inbox import note_for_inbox

WORK_AFTER_REVOCATION = "work-after-revocation"


def take_fact(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Visit:
    """The visit that a fact is about.

    A fact about a visit that was cancelled or given away is applied all the same, and flagged for the field
    inbox: the technician was there. Raises VisitNotFound.
    """
    visit = _reached(uow, actor, visit_id)
    touch_by_work(uow, actor, visit)
    return visit


def _reached(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Visit:
    if actor.technician_id is None:
        return visit_for(uow.session, actor, visit_id)
    visit = uow.session.get(Visit, visit_id, populate_existing=True)
    if visit is None or not ever_had_visit(uow.session, actor.technician_id, visit_id):
        raise VisitNotFound("Check the id of the visit.")
    if visit.technician_id != actor.technician_id:
        _flag(uow, "The visit was given to somebody else; this was recorded all the same.")
    elif visit.status is VisitStatus.CANCELLED:
        _flag(uow, "The visit was cancelled; this was recorded all the same.")
    return visit


def _flag(uow: UnitOfWork, detail: str) -> None:
    note_for_inbox(
        uow, WORK_AFTER_REVOCATION, "Something was done on a visit that was no longer theirs.", detail
    )
