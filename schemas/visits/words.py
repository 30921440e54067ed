"""The words of visits: the states of visits, work orders, confirmations and offers."""

from enum import StrEnum


class VisitStatus(StrEnum):
    """Where a visit is. The allowed steps are in `backend/visits/rules/states.py`."""

    REQUIRES_SLOT = "requires_slot"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ON_SITE = "on_site"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    CANNOT_COMPLETE = "cannot_complete"
    NO_ACCESS = "no_access"
    CANCELLED = "cancelled"


class WorkOrderStatus(StrEnum):
    """Where a work order is: always derived from its visits, never typed in."""

    UNSCHEDULED = "unscheduled"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANNOT_COMPLETE = "cannot_complete"
    CANCELLED = "cancelled"


class Confirmation(StrEnum):
    """What the customer said about the present version of the arrival window; none: there is no window."""

    NONE = "none"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class OfferState(StrEnum):
    """What became of a window that was offered."""

    OPEN = "open"
    PICKED = "picked"
    WITHDRAWN = "withdrawn"


class PaymentBadgeState(StrEnum):
    """All that a technician ever learns about money: whether the company has been paid."""

    PAID = "paid"
    NONE = "none"
