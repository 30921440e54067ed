"""How far a technician's assignments reach: what visibility in the rooms above visits rests on."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, Uuid, column, exists, false, select, table
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from schemas.access import Role

S = TypeVar("S", bound=Select[Any])

# Rooms above `visits` may not import it, so its tables stand here by name, with the columns that are read.
# A test compares them with the real ones.
VISITS = table(
    "visits",
    column("id", Uuid()),
    column("work_order_id", Uuid()),
    column("technician_id", Uuid()),
    column("status", String()),
)
WORK_ORDERS = table(
    "work_orders",
    column("id", Uuid()),
    column("request_id", Uuid()),
    column("customer_id", Uuid()),
    column("site_id", Uuid()),
    column("asset_id", Uuid()),
)
VISIT_ASSIGNMENTS = table("visit_assignments", column("visit_id", Uuid()), column("technician_id", Uuid()))

CANCELLED = "cancelled"

TECHNICIAN = "technician"
"""The kind of audience that a technician's phones are: what they hold is what he reaches."""

OFFICE = frozenset({Role.DISPATCHER, Role.FINANCE, Role.MANAGER, Role.ADMINISTRATOR, Role.SYSTEM})
"""Roles that see every row of what they may read."""


def narrowed(statement: S, actor: Actor, of_technician: Callable[[UUID], ColumnElement[bool]]) -> S:
    """The rows `actor` may see: the office all, a technician those of the condition, anybody else none."""
    if actor.role in OFFICE:
        return statement
    if actor.technician_id is None:
        return statement.where(false())
    return statement.where(of_technician(actor.technician_id))


def assigned_visits(technician_id: UUID) -> Select[UUID]:
    """The ids of the visits that the technician has now."""
    return select(VISITS.c.id).where(VISITS.c.technician_id == technician_id)


def assigned_work_orders(technician_id: UUID, name: str) -> Select[UUID]:
    """Column `name` of the work orders that the technician has a visit of."""
    joined = VISITS.join(WORK_ORDERS, WORK_ORDERS.c.id == VISITS.c.work_order_id)
    wanted = WORK_ORDERS.c[name]
    return (
        select(wanted).select_from(joined).where(VISITS.c.technician_id == technician_id, wanted.is_not(None))
    )


def visit_exists(session: Session, visit_id: UUID) -> bool:
    """Whether there is such a visit."""
    return bool(session.scalar(select(exists().where(VISITS.c.id == visit_id))))


def has_visit(session: Session, technician_id: UUID, visit_id: UUID) -> bool:
    """Whether the visit is the technician's now."""
    mine = (VISITS.c.id == visit_id) & (VISITS.c.technician_id == technician_id)
    return bool(session.scalar(select(exists().where(mine))))


def ever_had_visit(session: Session, technician_id: UUID, visit_id: UUID) -> bool:
    """Whether the visit is or once was the technician's: then facts about it are taken from him."""
    his = (VISIT_ASSIGNMENTS.c.visit_id == visit_id) & (VISIT_ASSIGNMENTS.c.technician_id == technician_id)
    return has_visit(session, technician_id, visit_id) or bool(session.scalar(select(exists().where(his))))
