"""Whose facts about a visit are taken: those of everybody who ever had it, and nobody else's."""

from uuid import UUID

from backend.access.actor import Actor
from backend.access.reach import CANCELLED, ever_had_visit, holding_of
from backend.db.unit_of_work import UnitOfWork
from schemas.errors import RecordNotFound
from sync.inbox import note_for_inbox

WORK_AFTER_REVOCATION = "work-after-revocation"
"""The code that such work has in the field inbox, whatever was done."""


class VisitNotFound(RecordNotFound):
    """There is no such visit, or it is not for these eyes.

    It stands here because the rooms above visits have to say it, too.
    """

    title = "There is no such visit."


def take_fact_about(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> UUID | None:
    """Let the actor say that something happened at a visit. Returns whose visit it is now.

    What was done on a visit that was cancelled or given away is taken all the same, and a person looks at it
    in the field inbox: the technician was there. Raises VisitNotFound for a visit that was never his.
    """
    visit = holding_of(uow.session, visit_id)
    if visit is None:
        raise VisitNotFound("Check the id of the visit.")
    technician_id: UUID | None = visit.technician_id
    if actor.technician_id in (None, technician_id):
        if actor.technician_id is not None and visit.status == CANCELLED:
            _flag(uow, "The visit was cancelled; this was recorded all the same.")
        return technician_id
    if not ever_had_visit(uow.session, actor.technician_id, visit_id):
        raise VisitNotFound("Check the id of the visit.")
    _flag(uow, "The visit was given to somebody else; this was recorded all the same.")
    return technician_id


def _flag(uow: UnitOfWork, detail: str) -> None:
    note_for_inbox(
        uow, WORK_AFTER_REVOCATION, "Something was done on a visit that was no longer theirs.", detail
    )
