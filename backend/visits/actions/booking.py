"""Booking visits and changing what was promised: windows, offers, cancellation."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.customers.queries import site_for
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.parts.actions import prepare_checklist
from backend.visits import queries
from backend.visits.models import Visit, WindowOffer
from backend.visits.rules import (
    SaidWindow,
    Transition,
    VisitBooked,
    VisitOffered,
    Window,
    WindowInvalid,
    resolve_window,
)
from backend.visits.steps import (
    Report,
    call_off,
    case_of,
    change_hands,
    check_step,
    check_version,
    log_event,
    set_window,
    settle_work_order,
    take_step,
    tell_rescheduled,
    touch_case_of,
    window_of,
    withdraw_offers,
)
from schemas.errors import IdAlreadyUsed
from schemas.requests import Touch
from schemas.visits import Confirmation, OfferState, VisitStatus

BOOKED = "book"
"""The name of a visit's first event."""


class WindowFields(TypedDict, total=False):
    """A window as a request says it: two instants, or a local day and two times of day."""

    starts_at: datetime
    ends_at: datetime
    local_date: date
    local_start: time
    local_end: time


@requires("visit:book")
def book_visit(
    uow: UnitOfWork,
    actor: Actor,
    visit_id: UUID | None = None,
    *,
    work_order_id: UUID,
    scheduled_start: datetime | None = None,
    duration_minutes: int | None = None,
    **window: Unpack[WindowFields],
) -> Visit:
    """A visit for a work order, with the checklist of its kit; without a window it requires a slot.

    With a window the customer is asked for it (status offered); `scheduled_start` plans inside it. Raises
    WorkOrderNotFound, WindowInvalid, PlanOutsideWindow, IdAlreadyUsed.
    """
    work_order = queries.locked_work_order(uow.session, work_order_id)
    time_zone = site_for(uow.session, actor, work_order.site_id).time_zone
    said = SaidWindow(**window)
    promised = None if said.is_nothing else resolve_window(said, time_zone)
    if known := _booked_before(uow, visit_id, work_order_id, promised):
        return known
    work_type = queries.work_type_by_id(uow.session, work_order.work_type_id)
    visit = Visit(
        id=visit_id or uow.mint_id(),
        work_order_id=work_order.id,
        number=queries.next_visit_number(uow.session, work_order.id),
        status=VisitStatus.REQUIRES_SLOT,
        time_zone=time_zone,
        duration_minutes=duration_minutes or work_type.duration_minutes,
        window_version=0,
        confirmation=Confirmation.NONE,
    )
    if promised is not None:
        set_window(visit, promised, scheduled_start)
        visit.status = VisitStatus.OFFERED
    uow.add(visit)
    log_event(uow, actor, visit, BOOKED, None)
    settle_work_order(uow, work_order.id)
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    if work_type.kit_id is not None:
        prepare_checklist(uow, actor, visit.id, work_type.kit_id)
    uow.tell(actor, VisitBooked(*case_of(uow, visit), work_type.kit_id))
    if promised is not None:
        uow.tell(actor, VisitOffered(*case_of(uow, visit), visit.window_version))
    return visit


def _booked_before(
    uow: UnitOfWork, visit_id: UUID | None, work_order_id: UUID, promised: Window | None
) -> Visit | None:
    known = created_before(uow, Visit, visit_id, work_order_id=work_order_id)
    if known is None:
        return None
    first = queries.first_event_of(uow.session, known.id)
    wanted = (None, None) if promised is None else (promised.starts_at, promised.ends_at)
    if (first.window_start, first.window_end) != wanted:
        raise IdAlreadyUsed("Mint a new id, or read what this one stands for.", fields=["window"])
    return known


@requires("visit:reschedule")
def reschedule_visit(
    uow: UnitOfWork,
    actor: Actor,
    visit_id: UUID,
    *,
    scheduled_start: datetime | None = None,
    window_version: int | None = None,
    reason: str | None = None,
    **window: Unpack[WindowFields],
) -> Visit:
    """Promise another window: a new version, which the customer has to confirm. The same window changes
    nothing.

    The technician keeps the visit only if he is free then (`VisitRescheduled`); it has to be dispatched
    anew. With `window_version` the change is refused (WindowChanged) when somebody else changed the window
    meanwhile. Raises VisitNotFound, TransitionRefused, WindowInvalid, PlanOutsideWindow.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    promised = resolve_window(SaidWindow(**window), visit.time_zone)
    if promised == window_of(visit):
        if scheduled_start is not None:
            raise WindowInvalid(
                "The customer has this window already: plan the visit to move the plan inside it."
            )
        return visit
    check_version(visit, window_version)
    check_step(visit, Transition.RESCHEDULE)
    previous = change_hands(uow, visit, None)
    set_window(visit, promised, scheduled_start)
    withdraw_offers(uow, visit.id)
    take_step(uow, actor, visit, Transition.RESCHEDULE, Report(reason=reason))
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    tell_rescheduled(uow, actor, visit, previous)
    uow.tell(actor, VisitOffered(*case_of(uow, visit), visit.window_version))
    return visit


@requires("visit:offer_windows")
def offer_windows(
    uow: UnitOfWork, actor: Actor, visit_id: UUID, *, windows: Sequence[WindowFields]
) -> Sequence[WindowOffer]:
    """Let the customer choose from these windows; they replace what was on offer. Nothing else changes
    until he picks.

    Raises VisitNotFound, TransitionRefused, WindowInvalid.
    """
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    check_step(visit, Transition.OFFER_WINDOWS)
    offered = {resolve_window(SaidWindow(**window), visit.time_zone) for window in windows}
    if window_of(visit) in offered:
        raise WindowInvalid("The customer has one of these windows already: offer others.")
    withdraw_offers(uow, visit.id)
    uow.add_all(
        WindowOffer(
            id=uow.mint_id(),
            visit_id=visit.id,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            state=OfferState.OPEN,
        )
        for window in sorted(offered, key=lambda window: (window.starts_at, window.ends_at))
    )
    if visit.status is VisitStatus.REQUIRES_SLOT:
        visit.confirmation = Confirmation.REQUESTED
    take_step(uow, actor, visit, Transition.OFFER_WINDOWS)
    touch_case_of(uow, actor, visit, Touch.DISPATCH)
    uow.tell(actor, VisitOffered(*case_of(uow, visit), visit.window_version))
    return queries.offers_of(uow.session, visit.id)


@requires("visit:cancel")
def cancel_visit(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, reason: str) -> Visit:
    """Nobody comes (any more). Twice is once. Raises VisitNotFound, TransitionRefused when the visit is
    over."""
    visit = queries.visit_to_change(uow.session, actor, visit_id)
    if visit.status is not VisitStatus.CANCELLED:
        call_off(uow, actor, visit, reason)
    return visit
