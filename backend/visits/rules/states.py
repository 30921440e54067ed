"""Which step a visit may take from where, and what the statuses of its visits make of a work order."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from backend.visits.rules.errors import TransitionRefused, TransitionTooEarly
from schemas.visits import Confirmation, VisitStatus, WorkOrderStatus

S = VisitStatus


class Transition(StrEnum):
    """Every verb that can befall a visit. `visit.<verb>` is the mutation, `visit:<verb>` the permission."""

    OFFER_WINDOWS = "offer_windows"
    RESCHEDULE = "reschedule"
    CONFIRM = "confirm"
    DECLINE = "decline"
    PICK_WINDOW = "pick_window"
    PLAN = "plan"
    ASSIGN = "assign"
    MOVE = "move"
    UNASSIGN = "unassign"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    DEPART = "depart"
    ARRIVE = "arrive"
    START = "start"
    COMPLETE = "complete"
    COMPLETE_PARTIALLY = "complete_partially"
    CANNOT_COMPLETE = "cannot_complete"
    REPORT_NO_ACCESS = "report_no_access"
    CANCEL = "cancel"


T = Transition

TRANSITIONS: Mapping[Transition, Mapping[VisitStatus, VisitStatus]] = MappingProxyType(
    {
        # With the customer. An alternative offered to somebody who has confirmed takes nothing away from him.
        T.OFFER_WINDOWS: {
            S.REQUIRES_SLOT: S.OFFERED,
            S.OFFERED: S.OFFERED,
            S.CONFIRMED: S.CONFIRMED,
            S.DISPATCHED: S.DISPATCHED,
            S.ACCEPTED: S.ACCEPTED,
        },
        T.RESCHEDULE: {
            S.REQUIRES_SLOT: S.OFFERED,
            S.OFFERED: S.OFFERED,
            S.CONFIRMED: S.OFFERED,
            S.DISPATCHED: S.OFFERED,
            S.ACCEPTED: S.OFFERED,
        },
        T.CONFIRM: {
            S.OFFERED: S.CONFIRMED,
            S.CONFIRMED: S.CONFIRMED,
            # Sent out before the customer answered: the late yes changes the confirmation and nothing else.
            S.DISPATCHED: S.DISPATCHED,
            S.ACCEPTED: S.ACCEPTED,
            S.EN_ROUTE: S.EN_ROUTE,
        },
        T.DECLINE: {
            S.OFFERED: S.REQUIRES_SLOT,
            S.CONFIRMED: S.REQUIRES_SLOT,
            S.DISPATCHED: S.REQUIRES_SLOT,
            S.ACCEPTED: S.REQUIRES_SLOT,
        },
        T.PICK_WINDOW: {
            S.OFFERED: S.CONFIRMED,
            S.CONFIRMED: S.CONFIRMED,
            S.DISPATCHED: S.CONFIRMED,
            S.ACCEPTED: S.CONFIRMED,
        },
        # With the dispatcher. Whoever takes a visit over has an empty van: it must be dispatched anew.
        T.PLAN: {
            S.OFFERED: S.OFFERED,
            S.CONFIRMED: S.CONFIRMED,
            S.DISPATCHED: S.DISPATCHED,
            S.ACCEPTED: S.ACCEPTED,
        },
        T.ASSIGN: {S.OFFERED: S.OFFERED, S.CONFIRMED: S.CONFIRMED},
        T.MOVE: {
            S.OFFERED: S.OFFERED,
            S.CONFIRMED: S.CONFIRMED,
            S.DISPATCHED: S.CONFIRMED,
            S.ACCEPTED: S.CONFIRMED,
            S.EN_ROUTE: S.CONFIRMED,
        },
        T.UNASSIGN: {
            S.OFFERED: S.OFFERED,
            S.CONFIRMED: S.CONFIRMED,
            S.DISPATCHED: S.CONFIRMED,
            S.ACCEPTED: S.CONFIRMED,
            S.EN_ROUTE: S.CONFIRMED,
        },
        T.DISPATCH: {S.OFFERED: S.DISPATCHED, S.CONFIRMED: S.DISPATCHED},
        # In the field. A step that was forgotten offline is no reason to lose the next one.
        T.ACCEPT: {S.DISPATCHED: S.ACCEPTED},
        T.DEPART: {S.DISPATCHED: S.EN_ROUTE, S.ACCEPTED: S.EN_ROUTE},
        T.ARRIVE: {S.DISPATCHED: S.ON_SITE, S.ACCEPTED: S.ON_SITE, S.EN_ROUTE: S.ON_SITE},
        T.START: {
            S.DISPATCHED: S.IN_PROGRESS,
            S.ACCEPTED: S.IN_PROGRESS,
            S.EN_ROUTE: S.IN_PROGRESS,
            S.ON_SITE: S.IN_PROGRESS,
        },
        # Nobody completes what nobody was seen to reach.
        T.COMPLETE: {S.ON_SITE: S.COMPLETED, S.IN_PROGRESS: S.COMPLETED},
        T.COMPLETE_PARTIALLY: {S.ON_SITE: S.PARTIALLY_COMPLETED, S.IN_PROGRESS: S.PARTIALLY_COMPLETED},
        T.CANNOT_COMPLETE: {
            S.DISPATCHED: S.CANNOT_COMPLETE,
            S.ACCEPTED: S.CANNOT_COMPLETE,
            S.EN_ROUTE: S.CANNOT_COMPLETE,
            S.ON_SITE: S.CANNOT_COMPLETE,
            S.IN_PROGRESS: S.CANNOT_COMPLETE,
        },
        T.REPORT_NO_ACCESS: {
            S.DISPATCHED: S.NO_ACCESS,
            S.ACCEPTED: S.NO_ACCESS,
            S.EN_ROUTE: S.NO_ACCESS,
            S.ON_SITE: S.NO_ACCESS,
        },
        T.CANCEL: {
            S.REQUIRES_SLOT: S.CANCELLED,
            S.OFFERED: S.CANCELLED,
            S.CONFIRMED: S.CANCELLED,
            S.DISPATCHED: S.CANCELLED,
            S.ACCEPTED: S.CANCELLED,
            S.EN_ROUTE: S.CANCELLED,
            S.ON_SITE: S.CANCELLED,
            S.IN_PROGRESS: S.CANCELLED,
        },
    }
)
"""The state machine: verb → status before → status after. `CONFIRMED` as a target means `OFFERED` while the
present window is unconfirmed (`next_status`)."""

ENDED = frozenset({S.COMPLETED, S.PARTIALLY_COMPLETED, S.CANNOT_COMPLETE, S.NO_ACCESS, S.CANCELLED})
OPEN = frozenset(S) - ENDED
BEFORE_DISPATCH = frozenset({S.REQUIRES_SLOT, S.OFFERED, S.CONFIRMED})
FINISHES = frozenset({T.COMPLETE, T.COMPLETE_PARTIALLY, T.CANNOT_COMPLETE, T.REPORT_NO_ACCESS})
FIELD_WORK = frozenset({T.ACCEPT, T.DEPART, T.ARRIVE, T.START}) | FINISHES
_NEED_ARRIVAL = frozenset({T.COMPLETE, T.COMPLETE_PARTIALLY})
NEEDS_REASON = frozenset({T.CANNOT_COMPLETE, T.COMPLETE_PARTIALLY, T.CANCEL})

_WENT_ON = frozenset({S.IN_PROGRESS, S.COMPLETED, S.PARTIALLY_COMPLETED, S.CANNOT_COMPLETE})

COMES_LATE: Mapping[Transition, frozenset[VisitStatus]] = MappingProxyType(
    {
        T.ACCEPT: _WENT_ON | {S.ACCEPTED, S.EN_ROUTE, S.ON_SITE, S.NO_ACCESS},
        T.DEPART: _WENT_ON | {S.EN_ROUTE, S.ON_SITE, S.NO_ACCESS},
        T.ARRIVE: _WENT_ON | {S.ON_SITE, S.NO_ACCESS},
        T.START: _WENT_ON,
        T.COMPLETE: frozenset({S.COMPLETED}),
        T.COMPLETE_PARTIALLY: frozenset({S.PARTIALLY_COMPLETED}),
        T.CANNOT_COMPLETE: frozenset({S.CANNOT_COMPLETE}),
        T.REPORT_NO_ACCESS: frozenset({S.NO_ACCESS}),
    }
)
"""Where a field report is true but late or said twice (a second phone, a forgotten step remembered): it is
kept in the event log, fills its time if that is empty, and moves nothing."""

STAMPS: Mapping[Transition, str] = MappingProxyType(
    {
        T.ACCEPT: "accepted_at",
        T.DEPART: "en_route_at",
        T.ARRIVE: "arrived_at",
        T.START: "started_at",
        T.COMPLETE: "finished_at",
        T.COMPLETE_PARTIALLY: "finished_at",
        T.CANNOT_COMPLETE: "finished_at",
        T.REPORT_NO_ACCESS: "finished_at",
    }
)
"""The column of a visit that holds when a field step happened. A skipped step leaves it empty: no time is
made up."""

OPEN_VISIT_MEANS: Mapping[VisitStatus, WorkOrderStatus] = MappingProxyType(
    {
        S.EN_ROUTE: WorkOrderStatus.IN_PROGRESS,
        S.ON_SITE: WorkOrderStatus.IN_PROGRESS,
        S.IN_PROGRESS: WorkOrderStatus.IN_PROGRESS,
        S.OFFERED: WorkOrderStatus.SCHEDULED,
        S.CONFIRMED: WorkOrderStatus.SCHEDULED,
        S.DISPATCHED: WorkOrderStatus.SCHEDULED,
        S.ACCEPTED: WorkOrderStatus.SCHEDULED,
        S.REQUIRES_SLOT: WorkOrderStatus.UNSCHEDULED,
    }
)
"""Published table, first half: what an open visit makes of its work order. Of several the most advanced
speaks, in the order in progress, scheduled, unscheduled."""

LAST_VISIT_MEANS: Mapping[VisitStatus, WorkOrderStatus] = MappingProxyType(
    {
        S.COMPLETED: WorkOrderStatus.COMPLETED,
        S.CANNOT_COMPLETE: WorkOrderStatus.CANNOT_COMPLETE,
        # Somebody has to come again.
        S.PARTIALLY_COMPLETED: WorkOrderStatus.UNSCHEDULED,
        S.NO_ACCESS: WorkOrderStatus.UNSCHEDULED,
        S.CANCELLED: WorkOrderStatus.CANCELLED,
    }
)
"""Published table, second half: when no visit is open, the last one that was not cancelled speaks; if all
were cancelled, so is the work order. Without visits it is unscheduled."""

_MOST_ADVANCED_FIRST = (WorkOrderStatus.IN_PROGRESS, WorkOrderStatus.SCHEDULED, WorkOrderStatus.UNSCHEDULED)


def derive_status(visits: Iterable[VisitStatus]) -> WorkOrderStatus:
    """The status of a work order from those of its visits, given in the order of their numbers."""
    statuses = list(visits)
    meant = {OPEN_VISIT_MEANS[status] for status in statuses if status in OPEN_VISIT_MEANS}
    for candidate in _MOST_ADVANCED_FIRST:
        if candidate in meant:
            return candidate
    if not statuses:
        return WorkOrderStatus.UNSCHEDULED
    went_ahead = [status for status in statuses if status is not S.CANCELLED]
    return LAST_VISIT_MEANS[went_ahead[-1] if went_ahead else S.CANCELLED]


def next_status(transition: Transition, status: VisitStatus, confirmation: Confirmation) -> VisitStatus:
    """The status after the transition, or a TransitionRefused that says why not.

    `confirmation` is that of the window as the transition leaves it.
    """
    target = TRANSITIONS[transition].get(status)
    if target is None:
        raise refusal(transition, status)
    if target is S.CONFIRMED and confirmation is not Confirmation.CONFIRMED:
        return S.OFFERED
    return target


def comes_late(transition: Transition, status: VisitStatus) -> bool:
    """Whether the report is true but no longer moves the visit."""
    return status in COMES_LATE.get(transition, frozenset())


def refusal(transition: Transition, status: VisitStatus) -> TransitionRefused:
    """Why `transition` is not open to a visit in `status`: too late (over) or too early (not yet)."""
    detail = f"A visit that is {words(status)} cannot {_VERBS[transition]}: {_way_out(transition, status)}"
    not_yet = status in BEFORE_DISPATCH or (transition in _NEED_ARRIVAL and status in OPEN)
    error = TransitionTooEarly if transition in FIELD_WORK and not_yet else TransitionRefused
    return error(detail, transition=transition.value, status=status.value)


def words(value: StrEnum) -> str:
    """An enumeration value as a sentence has it."""
    return value.value.replace("_", " ")


_VERBS: Mapping[Transition, str] = {
    T.OFFER_WINDOWS: "be offered other windows",
    T.RESCHEDULE: "be rescheduled",
    T.CONFIRM: "be confirmed",
    T.DECLINE: "be declined",
    T.PICK_WINDOW: "be given another window",
    T.PLAN: "be planned",
    T.ASSIGN: "be assigned",
    T.MOVE: "be moved to another technician",
    T.UNASSIGN: "be taken from its technician",
    T.DISPATCH: "be dispatched",
    T.ACCEPT: "be accepted",
    T.DEPART: "be driven to",
    T.ARRIVE: "be arrived at",
    T.START: "be started",
    T.COMPLETE: "be completed",
    T.COMPLETE_PARTIALLY: "be completed in part",
    T.CANNOT_COMPLETE: "be reported as impossible to complete",
    T.REPORT_NO_ACCESS: "be reported as without access",
    T.CANCEL: "be cancelled",
}


def _way_out(transition: Transition, status: VisitStatus) -> str:
    if status in ENDED:
        return "it is over; book another visit for the same work order if something is left to do."
    if transition in FIELD_WORK and status in BEFORE_DISPATCH:
        return "a dispatcher has to dispatch it first."
    if status is S.REQUIRES_SLOT:
        return "it needs an arrival window first; reschedule it or offer windows."
    if transition in _NEED_ARRIVAL:
        return "report the arrival first."
    if transition is T.ASSIGN or transition is T.DISPATCH:
        return "it is already with a technician; move it or take it back first."
    if status in {S.EN_ROUTE, S.ON_SITE, S.IN_PROGRESS}:
        return "the technician is at work on it; call, then have it finished or cancel it."
    return "nothing is asked of the customer yet."
