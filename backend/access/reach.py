"""How far a technician's assignments reach: what visibility in the rooms above visits rests on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, String, Uuid, and_, column, exists, false, select, table
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.access.actor import Actor
from backend.db.types import Instant
from schemas.access import Role
from sync.transaction import told_once

S = TypeVar("S", bound=Select[Any])
SQLColumn: TypeAlias = "ColumnElement[Any] | InstrumentedAttribute[Any]"

# Rooms above `visits` may not import it, so its tables stand here by name, with the columns that are read.
# A test compares them with the real ones.
VISITS = table(
    "visits",
    column("id", Uuid()),
    column("work_order_id", Uuid()),
    column("technician_id", Uuid()),
    column("status", String()),
    column("scheduled_end", Instant()),
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


HISTORY = timedelta(days=3 + 90)
"""How long a visit that is over stays within its technician's reach, and its customer's data with it: the
three days that phones hold, and a margin for a question about work done or a complaint about it."""


@dataclass(frozen=True)
class Reach:
    """How far a technician reaches: to his visits that are planned to end at `since` or later (None: all)."""

    technician_id: UUID
    since: datetime | None = None

    def covers(self, technician_id: SQLColumn, ends: SQLColumn) -> ColumnElement[bool]:
        """Whether a visit with these columns is within reach."""
        his = technician_id == self.technician_id
        return his if self.since is None else and_(his, ends >= self.since)


def narrowed(statement: S, actor: Actor, of_technician: Callable[[Reach], ColumnElement[bool]]) -> S:
    """The rows `actor` may see: the office all, a technician those of the condition, anybody else none."""
    if actor.role in OFFICE:
        return statement
    if actor.technician_id is None:
        return statement.where(false())
    return statement.where(of_technician(Reach(actor.technician_id, actor.reads_since)))


def assigned_visits(reach: Reach) -> Select[UUID]:
    """The ids of the visits that the technician has now."""
    return select(VISITS.c.id).where(reach.covers(VISITS.c.technician_id, VISITS.c.scheduled_end))


def assigned_work_orders(reach: Reach, name: str) -> Select[UUID]:
    """Column `name` of the work orders that the technician has a visit of."""
    joined = VISITS.join(WORK_ORDERS, WORK_ORDERS.c.id == VISITS.c.work_order_id)
    wanted = WORK_ORDERS.c[name]
    his = reach.covers(VISITS.c.technician_id, VISITS.c.scheduled_end)
    return select(wanted).select_from(joined).where(his, wanted.is_not(None))


def holding_of(session: Session, visit_id: UUID) -> Row[Any, Any] | None:
    """Whose the visit is now and how it stands (`technician_id`, `status`); None when there is none."""
    wanted = select(VISITS.c.technician_id, VISITS.c.status).where(VISITS.c.id == visit_id)
    return told_once(session, VISITS.name, (visit_id,), lambda: session.execute(wanted).one_or_none())


def visit_exists(session: Session, visit_id: UUID) -> bool:
    """Whether there is such a visit."""
    return bool(session.scalar(select(exists().where(VISITS.c.id == visit_id))))


def has_visit(session: Session, technician_id: UUID, visit_id: UUID) -> bool:
    """Whether the visit is the technician's now."""
    mine = (VISITS.c.id == visit_id) & (VISITS.c.technician_id == technician_id)
    ask = select(exists().where(mine))
    return told_once(session, VISITS.name, (visit_id, technician_id), lambda: bool(session.scalar(ask)))


def ever_had_visit(session: Session, technician_id: UUID, visit_id: UUID) -> bool:
    """Whether the visit is or once was the technician's: then facts about it are taken from him."""
    his = (VISIT_ASSIGNMENTS.c.visit_id == visit_id) & (VISIT_ASSIGNMENTS.c.technician_id == technician_id)
    return has_visit(session, technician_id, visit_id) or bool(session.scalar(select(exists().where(his))))
