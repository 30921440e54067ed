"""What a technician reports from the field, on line or days later: each step, and how the visit ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires, requires_for_each
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.visits import queries
from backend.visits.field_facts import take_fact
from backend.visits.models import Visit, VisitEvent, VisitNote
from backend.visits.rules import (
    FINISHES,
    NEEDS_REASON,
    STAMPS,
    TRANSITIONS,
    ReasonMissing,
    Transition,
    VisitFinished,
    VisitFinishing,
    comes_late,
)
from backend.visits.steps import (
    Report,
    ReportFields,
    case_of,
    check_step,
    log_event,
    take_step,
    touch_by_work,
)


@requires("visit:accept")
def accept_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """The technician takes the visit on. This one stands for all steps from the field:

    What is said of a step is optional, see `ReportFields`. A report that is late or said twice is kept as an
    event and moves nothing; the same event twice is once. Raises VisitNotFound, WorkAfterRevocation,
    TransitionTooEarly (may come true later), TransitionRefused, ReasonMissing, IdAlreadyUsed.
    """
    return _report(uow, actor, visit_id, Transition.ACCEPT, Report(**said))


@requires("visit:depart")
def depart_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """On the way. See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.DEPART, Report(**said))


@requires("visit:arrive")
def arrive_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """At the door. See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.ARRIVE, Report(**said))


@requires("visit:start")
def start_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """Work begins. See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.START, Report(**said))


@requires("visit:complete")
def complete_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """Everything is done. What the rooms below demand (a closed report) must be there: ReportUnsigned. See
    `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.COMPLETE, Report(**said))


@requires("visit:complete_partially")
def complete_visit_partially(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]
) -> Visit:
    """Something is left for another visit, and why. As `complete_visit`. See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.COMPLETE_PARTIALLY, Report(**said))


@requires("visit:cannot_complete")
def cannot_complete_visit(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]
) -> Visit:
    """It cannot be done, and why; also before the arrival (the van broke down). See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.CANNOT_COMPLETE, Report(**said))


@requires("visit:report_no_access")
def report_no_access(uow: UnitOfWork, actor: Actor, visit_id: UUID, **said: Unpack[ReportFields]) -> Visit:
    """Nobody opened. See `accept_visit`."""
    return _report(uow, actor, visit_id, Transition.REPORT_NO_ACCESS, Report(**said))


def _report(uow: UnitOfWork, actor: Actor, visit_id: UUID, transition: Transition, report: Report) -> Visit:
    visit = queries.visit_in_the_field(uow.session, actor, visit_id)
    told = {"visit_id": visit_id, "name": transition.value, "actor_id": actor.user_id}
    if created_before(uow, VisitEvent, report.event_id, **told):
        return visit
    if transition in NEEDS_REASON and report.reason is None:
        raise ReasonMissing("Say why, in a sentence.")
    if comes_late(transition, visit.status):
        _stamp(uow, visit, transition, report)
        uow.flush()
        log_event(uow, actor, visit, transition.value, visit.status, report)
        touch_by_work(uow, actor, visit)
        return visit
    check_step(visit, transition)
    outcome = TRANSITIONS[transition][visit.status]
    if transition in FINISHES:
        uow.tell(actor, VisitFinishing(*case_of(uow, visit), outcome))
        visit.reason = report.reason
    _stamp(uow, visit, transition, report)
    take_step(uow, actor, visit, transition, report)
    touch_by_work(uow, actor, visit)
    if transition in FINISHES:
        uow.tell(actor, VisitFinished(*case_of(uow, visit), outcome, report.occurred_at or uow.now))
    return visit


def _stamp(uow: UnitOfWork, visit: Visit, transition: Transition, report: Report) -> None:
    """Keep the first time that was told for this step."""
    column = STAMPS[transition]
    if getattr(visit, column) is None:
        setattr(visit, column, report.occurred_at or uow.now)


@requires("visit_note:add")
def add_visit_note(
    uow: UnitOfWork,
    actor: Actor,
    note_id: UUID | None = None,
    *,
    visit_id: UUID,
    text: str,
    occurred_at: datetime | None = None,
) -> VisitNote:
    """Write something down about a visit. Whoever ever had it may; from somebody who has it no longer it
    is flagged.

    Raises VisitNotFound, IdAlreadyUsed.
    """
    if known := created_before(
        uow, VisitNote, note_id, visit_id=visit_id, author_id=actor.doer_id, text=text
    ):
        return known
    take_fact(uow, actor, visit_id)
    return uow.add(
        VisitNote(
            id=note_id or uow.mint_id(),
            visit_id=visit_id,
            author_id=actor.doer_id,
            text=text,
            occurred_at=occurred_at or uow.now,
        )
    )


class NewNote(TypedDict):
    """One of many notes."""

    id: UUID
    visit_id: UUID
    text: str
    occurred_at: datetime


@requires_for_each("visit_note:add")
def add_visit_notes(uow: UnitOfWork, actor: Actor, notes: Sequence[NewNote]) -> None:
    """`add_visit_note` for many new notes, in one statement. An id that exists is an IntegrityError."""
    for visit_id in dict.fromkeys(note["visit_id"] for note in notes):
        take_fact(uow, actor, visit_id)
    uow.add_at_once(VisitNote, "visit_notes", [{**note, "author_id": actor.user_id} for note in notes])
