"""Shapes of visits: booked, moved, assigned and cancelled by the office."""

from schemas.access import Role
from schemas.base import (
    Count,
    Enumeration,
    Id,
    Instant,
    Latitude,
    Line,
    Longitude,
    PageQuery,
    RecordShape,
    Shape,
    Text,
    TimeZone,
)
from schemas.visits.catalogue import LONGEST_MINUTES
from schemas.visits.confirmation import ArrivalWindow
from schemas.visits.words import Confirmation, VisitStatus


class VisitBody(RecordShape):
    """A visit, as GET and the feed show it.

    `arrival_window_*` is promised to the customer (version `window_version`), `scheduled_*` our plan
    inside it, in the site's `time_zone`; `en_route_at` … `finished_at` are facts by the clock of the
    technician's device.
    """

    work_order_id = Id()
    number = Count()
    technician_id = Id(allow_none=True)
    status = Enumeration(VisitStatus)
    time_zone = TimeZone()
    duration_minutes = Count()
    arrival_window_start = Instant(allow_none=True)
    arrival_window_end = Instant(allow_none=True)
    window_version = Count()
    scheduled_start = Instant(allow_none=True)
    scheduled_end = Instant(allow_none=True)
    confirmation = Enumeration(Confirmation)
    confirmed_window_version = Count(allow_none=True)
    dispatched_at = Instant(allow_none=True)
    accepted_at = Instant(allow_none=True)
    en_route_at = Instant(allow_none=True)
    arrived_at = Instant(allow_none=True)
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    reason = Text(max=2000, allow_none=True)
    dispatch_override_reason = Text(max=2000, allow_none=True)


class VisitQuery(PageQuery):
    """Which visits; the planned start lies in [`starts_after`, `starts_before`)."""

    status = Enumeration(VisitStatus)
    technician_id = Id()
    work_order_id = Id()
    starts_after = Instant()
    starts_before = Instant()


class BookVisit(ArrivalWindow):
    """A visit for a work order; without a window it requires a slot."""

    id = Id()
    work_order_id = Id(required=True)
    scheduled_start = Instant()
    duration_minutes = Count(min=1, max=LONGEST_MINUTES)


class RescheduleVisit(ArrivalWindow):
    """A new window, so a new version of the promise: it must be confirmed again.

    `window_version` is the version that the change starts from; another one means somebody was faster.
    """

    scheduled_start = Instant()
    window_version = Count(min=0)
    reason = Text(max=2000, allow_none=True)


class CancelVisit(Shape):
    """Why nobody comes."""

    reason = Text(max=2000, required=True)


class VisitEventBody(RecordShape):
    """What happened to a visit: `occurred_at` by the clock of whoever says so, `recorded_at` by the
    server's. Where somebody was then is `VisitPlace`, and the office's business."""

    visit_id = Id()
    name = Line(max=40)
    from_status = Enumeration(VisitStatus, allow_none=True)
    to_status = Enumeration(VisitStatus)
    actor_id = Id()
    actor_role = Enumeration(Role)
    technician_id = Id(allow_none=True)
    occurred_at = Instant()
    recorded_at = Instant(attribute="created_at")
    reason = Text(max=2000, allow_none=True)
    window_version = Count()
    window_start = Instant(allow_none=True)
    window_end = Instant(allow_none=True)


class VisitPlace(Shape):
    """Where somebody was who reported a step of a visit."""

    visit_event_id = Id(attribute="id")
    name = Line(max=40)
    technician_id = Id(allow_none=True)
    occurred_at = Instant()
    latitude = Latitude()
    longitude = Longitude()


class VisitAssignmentBody(Shape):
    """Who had a visit from when until when (null: has it now)."""

    technician_id = Id()
    assigned_from = Instant()
    assigned_until = Instant(allow_none=True)
