"""Routes of what is reported from the field, for a browser or a phone that is on line."""

from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions
from backend.visits.models import Visit
from backend.visits.routes.room import Fields, room
from schemas.visits import ReportStep, ReportUnfinished, VisitBody


@room.post("/visits/<uuid:visit_id>/accept", body=ReportStep, answer=VisitBody, permission="visit:accept")
def accept_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """The technician takes the visit on."""
    return actions.accept_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/depart", body=ReportStep, answer=VisitBody, permission="visit:depart")
def depart_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """On the way."""
    return actions.depart_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/arrive", body=ReportStep, answer=VisitBody, permission="visit:arrive")
def arrive_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """At the door."""
    return actions.arrive_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/start", body=ReportStep, answer=VisitBody, permission="visit:start")
def start_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Work begins."""
    return actions.start_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/complete", body=ReportStep, answer=VisitBody, permission="visit:complete")
def complete_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Everything is done."""
    return actions.complete_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/complete-partially",
    body=ReportUnfinished,
    answer=VisitBody,
    permission="visit:complete_partially",
)
def complete_visit_partially(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Something is left for another visit."""
    return actions.complete_visit_partially(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/cannot-complete",
    body=ReportUnfinished,
    answer=VisitBody,
    permission="visit:cannot_complete",
)
def cannot_complete_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """It cannot be done."""
    return actions.cannot_complete_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/report-no-access",
    body=ReportStep,
    answer=VisitBody,
    permission="visit:report_no_access",
)
def report_no_access(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Nobody opened."""
    return actions.report_no_access(uow, actor, visit_id, **fields)
