"""Routes of technicians, shifts, the board, and of putting visits into technicians' hands."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions, queries
from backend.dispatch.actions import Suggestions
from backend.dispatch.board import Board, board_of
from backend.dispatch.models import Shift, Technician, TechnicianSkill
from backend.visits.actions import Visit
from backend.web.blueprint import Room
from schemas import dispatch as shapes
from schemas.visits import SkillLevel, VisitBody

Fields: TypeAlias = dict[str, Any]

room = Room("dispatch", __name__, description="Technicians, shifts, assignment and dispatch.")


@room.get(
    "/technicians",
    query=shapes.TechnicianQuery,
    page_of=shapes.TechnicianBody,
    permission="technician:read",
)
def list_technicians(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Technician]:
    """Technicians, by name; a technician sees himself."""
    return queries.list_technicians(uow.session, actor, page, **query)


@room.post(
    "/technicians",
    body=shapes.CreateTechnician,
    answer=shapes.TechnicianBody,
    creates=True,
    permission="technician:create",
)
def create_technician(uow: UnitOfWork, actor: Actor, fields: Fields) -> Technician:
    """A new technician, and the user behind him."""
    return actions.create_technician(uow, actor, fields.pop("id", None), **fields)


@room.get("/technicians/<uuid:technician_id>", answer=shapes.TechnicianBody, permission="technician:read")
def show_technician(uow: UnitOfWork, actor: Actor, technician_id: UUID) -> Technician:
    """One technician."""
    return queries.technician_for(uow.session, actor, technician_id)


@room.patch(
    "/technicians/<uuid:technician_id>",
    body=shapes.EditTechnician,
    answer=shapes.TechnicianBody,
    edits=True,
    permission="technician:edit",
)
def edit_technician(uow: UnitOfWork, actor: Actor, fields: Fields, technician_id: UUID) -> Technician:
    """Change a technician."""
    return actions.edit_technician(uow, actor, technician_id, **fields)


@room.get(
    "/technicians/<uuid:technician_id>/skills",
    answer=SkillLevel,
    many=True,
    permission="technician:read",
)
def list_skills_of_technician(
    uow: UnitOfWork, actor: Actor, technician_id: UUID
) -> Sequence[TechnicianSkill]:
    """What the technician can do, and how well."""
    return queries.skills_of(uow.session, queries.technician_for(uow.session, actor, technician_id).id)


@room.get(
    "/technicians/<uuid:technician_id>/shifts",
    query=shapes.ShiftQuery,
    page_of=shapes.ShiftBody,
    permission="shift:read",
)
def list_shifts(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields, technician_id: UUID
) -> Page[Shift]:
    """When the technician works, and when he is away."""
    return queries.list_shifts(uow.session, actor, page, technician_id, **query)


@room.post(
    "/shifts", body=shapes.CreateShift, answer=shapes.ShiftBody, creates=True, permission="shift:create"
)
def create_shift(uow: UnitOfWork, actor: Actor, fields: Fields) -> Shift:
    """A shift or a leave."""
    return actions.create_shift(uow, actor, fields.pop("id", None), **fields)


@room.get("/shifts/<uuid:shift_id>", answer=shapes.ShiftBody, permission="shift:read")
def show_shift(uow: UnitOfWork, actor: Actor, shift_id: UUID) -> Shift:
    """One shift or leave."""
    return queries.shift_for(uow.session, actor, shift_id)


@room.delete("/shifts/<uuid:shift_id>", permission="shift:remove")
def remove_shift(uow: UnitOfWork, actor: Actor, shift_id: UUID) -> None:
    """The shift or leave is off."""
    actions.remove_shift(uow, actor, shift_id)


@room.get(
    "/visits/<uuid:visit_id>/technician-suggestions",
    query=shapes.SuggestionQuery,
    answer=shapes.TechnicianSuggestions,
    permission="technician_suggestion:read",
)
def suggest_technicians(uow: UnitOfWork, actor: Actor, query: Fields, visit_id: UUID) -> Suggestions:
    """Who could go: qualified, there, free, the nearest first; and why others cannot."""
    return actions.suggest_technicians(uow, actor, visit_id, **query)


@room.post(
    "/visits/<uuid:visit_id>/assign", body=shapes.AssignVisit, answer=VisitBody, permission="visit:assign"
)
def assign_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Give the visit to a technician."""
    return actions.assign_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/move", body=shapes.MoveVisit, answer=VisitBody, permission="visit:move")
def move_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Give the visit to another technician; it has to be packed and dispatched anew."""
    return actions.move_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/unassign",
    body=shapes.UnassignVisit,
    answer=VisitBody,
    permission="visit:unassign",
)
def unassign_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Take the visit from its technician."""
    return actions.unassign_visit(uow, actor, visit_id, **fields)


@room.post("/visits/<uuid:visit_id>/plan", body=shapes.PlanVisit, answer=VisitBody, permission="visit:plan")
def plan_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Move the plan inside the promised window."""
    return actions.plan_visit(uow, actor, visit_id, **fields)


@room.post(
    "/visits/<uuid:visit_id>/dispatch",
    body=shapes.DispatchVisit,
    answer=VisitBody,
    permission="visit:dispatch",
)
def dispatch_visit(uow: UnitOfWork, actor: Actor, fields: Fields, visit_id: UUID) -> Visit:
    """Send the visit out, through the gate."""
    return actions.dispatch_visit(uow, actor, visit_id, **fields)


@room.get("/dispatch/board", query=shapes.BoardQuery, answer=shapes.Board, permission="board:read")
def show_board(uow: UnitOfWork, actor: Actor, query: Mapping[str, Any]) -> Board:
    """The visits of a day by technician, each on the calendar of its own site."""
    return board_of(uow, actor, query["day"])
