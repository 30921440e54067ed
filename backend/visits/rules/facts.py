"""What the rooms below are told about visits. `backend/facts.py` lists who listens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.db.unit_of_work import Fact
from schemas.visits import VisitStatus


def case_of_work_order(work_order_id: UUID, request_id: UUID | None) -> UUID:
    """The case that a work order belongs to: its request's, or its own when nobody asked for it."""
    return request_id or work_order_id


@dataclass(frozen=True)
class VisitFact(Fact):
    """What every fact about a visit says."""

    visit_id: UUID
    work_order_id: UUID
    request_id: UUID | None
    technician_id: UUID | None

    @property
    def case_id(self) -> UUID:
        """What touches and callbacks are counted by: see `case_of_work_order`."""
        return case_of_work_order(self.work_order_id, self.request_id)


@dataclass(frozen=True)
class VisitBooked(VisitFact):
    """A visit exists now, with or without a window."""

    kit_id: UUID | None


@dataclass(frozen=True)
class VisitOffered(VisitFact):
    """The customer was asked about a window (or several)."""

    window_version: int


@dataclass(frozen=True)
class VisitRescheduled(VisitFact):
    """The promise changed. The visit was taken from its technician (`technician_id`: who had it), so that
    a new window never clashes; the room of technicians gives it back if he is free."""

    window_version: int


@dataclass(frozen=True)
class VisitDispatched(VisitFact):
    """The visit went out to its technician. May be told again: after a move the visit is dispatched anew."""


@dataclass(frozen=True)
class VisitFinishing(VisitFact):
    """BEFORE a finish is written: a handler refuses it by raising. `GET …/transitions` tells it too: write
    nothing."""

    outcome: VisitStatus


@dataclass(frozen=True)
class VisitFinished(VisitFact):
    """The technician is done, with `outcome` completed, partially_completed, cannot_complete or no_access."""

    outcome: VisitStatus
    finished_at: datetime


@dataclass(frozen=True)
class VisitCancelled(VisitFact):
    """The visit will not take place (any more)."""

    reason: str
