"""A stale feed of 450 records of which one changed, brought up to date in this process."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS
from backend.access.reach import TECHNICIAN
from backend.app import Wiring
from backend.visits.actions import add_visit_note
from backend.visits.models import VisitNote
from schemas.access import Role
from sync.host import EVERYBODY, Audience
from sync.models import FEEDS
from tests.benchmarks.exchanges import Figures
from tests.benchmarks.firm import Firm
from tests.benchmarks.rates import median, timed

RECORDS = 450
_TOUCH = update(FEEDS).where(FEEDS.c.audience == EVERYBODY.key).values(head=FEEDS.c.head)
VISITS = 20
TIMES = 300


def refresh(firm: Firm) -> Figures:
    """Change one note of a technician's feed, expand, and time the refresh with its second look."""
    (phone,) = firm.phones(1, visits=VISITS)
    firm.pull([phone])
    audience = Audience(TECHNICIAN, UUID(phone.technician_id))
    missing = RECORDS - size_of(firm.wiring, audience)
    notes = write_notes(firm.wiring, UUID(phone.technician_id), UUID(phone.visit_id), missing)
    firm.pull([phone])
    engine, taken, bare = firm.wiring.sync, [], []
    for number in range(TIMES):
        with firm.wiring.factory.begin() as uow:
            note = uow.session.get_one(VisitNote, notes[number % len(notes)])
            note.text = f"{number} {note.text}"[:400]
        engine.expand()
        taken.append(timed(lambda: engine.refresh(audience, firm.wiring.settings.time_zone)))
        bare.append(timed(lambda: commit_one_row(firm.wiring)))
    return {
        "records in the feed": float(size_of(firm.wiring, audience)),
        "refresh, p50 ms": 1000 * median(taken),
        "a bare commit of one row, p50 ms": 1000 * median(bare),
    }


def commit_one_row(wiring: Wiring) -> None:
    """What the database and its disk take for the least that can be kept."""
    with wiring.factory.begin_straight() as straight:
        straight.run(_TOUCH, {})


def write_notes(wiring: Wiring, technician: UUID, visit: UUID, count: int) -> list[UUID]:
    """So many notes about a visit; their ids."""
    actor = Actor(technician, Role.TECHNICIAN, PERMISSIONS[Role.TECHNICIAN])
    with wiring.factory.begin() as uow:
        return [add_visit_note(uow, actor, None, visit_id=visit, text=f"note {n}").id for n in range(count)]


def size_of(wiring: Wiring, audience: Audience) -> int:
    """How many records the feed of an audience has."""
    with wiring.factory.begin(write=False) as uow:
        records = select(FEEDS.c.records).where(FEEDS.c.audience == audience.key)
        return int(uow.session.connection().execute(records).scalar_one())
