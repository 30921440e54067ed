"""The dispatcher's board: one day, one lane per technician."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import queries
from backend.visits.actions import Visit


@dataclass(frozen=True)
class Lane:
    """The visits of one technician, in the order of their planned start."""

    technician_id: UUID
    display_name: str
    visits: Sequence[Visit]


@dataclass(frozen=True)
class Board:
    """The visits of a day: a lane for every active technician, and what nobody has yet."""

    day: date
    lanes: Sequence[Lane]
    unassigned: Sequence[Visit]


def board_of(uow: UnitOfWork, actor: Actor, day: date) -> Board:
    """The board of `day`, on the calendar of each visit's own site; cancelled visits are on it too."""
    by_technician: dict[UUID | None, list[Visit]] = {}
    for visit in queries.visits_of_day(uow.session, actor, day):
        by_technician.setdefault(visit.technician_id, []).append(visit)
    unassigned = by_technician.pop(None, [])
    working = queries.active_technicians(uow.session, {key for key in by_technician if key is not None})
    lanes = [Lane(one.id, one.display_name, by_technician.get(one.id, [])) for one in working]
    return Board(day, lanes, unassigned)
