"""Words and shapes of work types, work orders, visits and what is said about them."""

import re
from datetime import time
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.access import Role
from schemas.base import (
    Count,
    Enumeration,
    Flag,
    Id,
    Instant,
    Latitude,
    Line,
    LocalDate,
    Longitude,
    PageQuery,
    RecordShape,
    Shape,
    Text,
    TimeZone,
)
from schemas.requests import Priority

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_CODE = validate.Regexp(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", error="Must be small letters, digits and hyphens.")
MOST_OFFERS = 10
HIGHEST_LEVEL = 5
LONGEST_MINUTES = 24 * 60


class VisitStatus(StrEnum):
    """Where a visit is. The allowed steps are in `backend/visits/rules.py`."""

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


class LocalTime(fields.Field[time]):
    """A time of day on the wall clock of the site, "HH:MM"."""

    def _serialize(self, value: time | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.strftime("%H:%M")

    def _deserialize(self, value: object, *_: Any, **__: Any) -> time:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValidationError("Must be a time of day such as 08:30.")
        return time.fromisoformat(value)


class SkillBody(RecordShape):
    """Something a technician can be good at."""

    code = Line(max=60)
    name = Line(max=200)


class CreateSkill(Shape):
    """A new skill; `code` is unique."""

    id = Id()
    code = Line(max=60, required=True, validate=_CODE)
    name = Line(max=200, required=True)


class SkillLevel(Shape):
    """A skill and how much of it, 1 (some) to 5 (master)."""

    skill_id = Id(required=True)
    level = Count(required=True, min=1, max=HIGHEST_LEVEL)


_SKILLS = validate.Length(max=50)


class WorkTypeBody(RecordShape):
    """A template of work, as GET and the feed show it."""

    code = Line(max=60)
    name = Line(max=200)
    duration_minutes = Count()
    kit_id = Id()
    instructions = Text(max=8000)
    archived_at = Instant()


class CreateWorkType(Shape):
    """A new template of work; `code` is unique."""

    id = Id()
    code = Line(max=60, required=True, validate=_CODE)
    name = Line(max=200, required=True)
    duration_minutes = Count(required=True, min=1, max=LONGEST_MINUTES)
    kit_id = Id(allow_none=True)
    instructions = Text(max=8000, allow_none=True)
    skills = fields.List(fields.Nested(SkillLevel), validate=_SKILLS)


class EditWorkType(Shape):
    """What may change of a template; work orders and visits that exist already stay as they are."""

    name = Line(max=200)
    duration_minutes = Count(min=1, max=LONGEST_MINUTES)
    kit_id = Id(allow_none=True)
    instructions = Text(max=8000, allow_none=True)
    skills = fields.List(fields.Nested(SkillLevel), validate=_SKILLS)


class WorkTypeQuery(PageQuery):
    """Which work types."""

    code = Line(max=60)
    archived = Flag(load_default=False)


class WorkOrderBody(RecordShape):
    """A work order, as GET and the feed show it; `status` follows from its visits."""

    number = Line(max=20)
    request_id = Id()
    customer_id = Id()
    site_id = Id()
    asset_id = Id()
    work_type_id = Id()
    status = Enumeration(WorkOrderStatus)
    summary = Text(max=400)
    priority = Enumeration(Priority)
    earliest_start = Instant()
    due = Instant()


class OpenWorkOrder(Shape):
    """A job to do at a site; `earliest_start` and `due` are limits, not promises."""

    id = Id()
    request_id = Id(allow_none=True)
    site_id = Id(required=True)
    asset_id = Id(allow_none=True)
    work_type_id = Id(required=True)
    summary = Text(max=400, required=True)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class EditWorkOrder(Shape):
    """What may change of a work order by hand; its status may not."""

    summary = Text(max=400)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class WorkOrderQuery(PageQuery):
    """Which work orders."""

    status = Enumeration(WorkOrderStatus)
    request_id = Id()
    customer_id = Id()
    site_id = Id()
    number = Line(max=20)


class VisitBody(RecordShape):
    """A visit, as GET and the feed show it.

    `arrival_window_*` is promised to the customer (version `window_version`), `scheduled_*` our plan
    inside it, in the site's `time_zone`; `en_route_at` … `finished_at` are facts by the clock of the
    technician's device.
    """

    work_order_id = Id()
    number = Count()
    technician_id = Id()
    status = Enumeration(VisitStatus)
    time_zone = TimeZone()
    duration_minutes = Count()
    arrival_window_start = Instant()
    arrival_window_end = Instant()
    window_version = Count()
    scheduled_start = Instant()
    scheduled_end = Instant()
    confirmation = Enumeration(Confirmation)
    confirmed_window_version = Count()
    dispatched_at = Instant()
    accepted_at = Instant()
    en_route_at = Instant()
    arrived_at = Instant()
    started_at = Instant()
    finished_at = Instant()
    reason = Text(max=2000)
    dispatch_override_reason = Text(max=2000)


class VisitQuery(PageQuery):
    """Which visits; the planned start lies in [`starts_after`, `starts_before`)."""

    status = Enumeration(VisitStatus)
    technician_id = Id()
    work_order_id = Id()
    starts_after = Instant()
    starts_before = Instant()


class ArrivalWindow(Shape):
    """When the technician will come: either two instants, or a day and two times on the site's wall clock.

    A local time that the clock skips is refused. One that it shows twice means the first for the start, the
    second for the end: the customer waits longer rather than in vain.
    """

    starts_at = Instant()
    ends_at = Instant()
    local_date = LocalDate(earliest=2000)
    local_start = LocalTime()
    local_end = LocalTime()


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


class OfferWindows(Shape):
    """Windows that the customer may choose from; they replace what was on offer before."""

    windows = fields.List(
        fields.Nested(ArrivalWindow), required=True, validate=validate.Length(min=1, max=MOST_OFFERS)
    )


class WindowOfferBody(RecordShape):
    """A window on offer."""

    visit_id = Id()
    starts_at = Instant()
    ends_at = Instant()
    state = Enumeration(OfferState)


class ConfirmVisit(Shape):
    """Yes to this version of the window."""

    window_version = Count(required=True, min=1)


class DeclineVisit(Shape):
    """No to this version of the window."""

    window_version = Count(required=True, min=0)
    reason = Text(max=500, allow_none=True)


class PickWindow(Shape):
    """Yes to a window on offer."""

    offer_id = Id(required=True)


class CancelVisit(Shape):
    """Why nobody comes."""

    reason = Text(max=2000, required=True)


class CancelWorkOrder(Shape):
    """Why the job is not done."""

    reason = Text(max=2000, required=True)


class FieldStep(Shape):
    """A step in the field: where it was, and what is to be said about it. A mutation carries its own time."""

    latitude = Latitude(allow_none=True)
    longitude = Longitude(allow_none=True)
    reason = Text(max=2000, allow_none=True)


class UnfinishedStep(FieldStep):
    """A step that leaves work undone, and why."""

    reason = Text(max=2000, required=True)


class ReportStep(FieldStep):
    """The same over HTTP, with the time by the reporter's clock (absent: now)."""

    occurred_at = Instant()


class ReportUnfinished(UnfinishedStep):
    """The same over HTTP, with the time by the reporter's clock (absent: now)."""

    occurred_at = Instant()


class WriteVisitNote(Shape):
    """Something worth writing down, from a phone; the record is the note."""

    visit_id = Id(required=True)
    text = Text(max=4000, required=True)


class AddVisitNote(WriteVisitNote):
    """The same over HTTP."""

    id = Id()
    occurred_at = Instant()


class VisitNoteBody(RecordShape):
    """A note about a visit."""

    visit_id = Id()
    author_id = Id()
    text = Text(max=4000)
    occurred_at = Instant()


class VisitEventBody(RecordShape):
    """What happened to a visit: `occurred_at` by the clock of whoever says so, `recorded_at` by the
    server's."""

    visit_id = Id()
    name = Line(max=40)
    from_status = Enumeration(VisitStatus)
    to_status = Enumeration(VisitStatus)
    actor_id = Id()
    actor_role = Enumeration(Role)
    technician_id = Id()
    occurred_at = Instant()
    recorded_at = Instant(attribute="created_at")
    latitude = Latitude()
    longitude = Longitude()
    reason = Text(max=2000)
    window_version = Count()
    window_start = Instant()
    window_end = Instant()


class VisitAssignmentBody(Shape):
    """Who had a visit from when until when (null: has it now)."""

    technician_id = Id()
    assigned_from = Instant()
    assigned_until = Instant()


class PaymentBadgeBody(RecordShape):
    """Whether the company was paid for a work order. No amount, no method: none of a technician's
    business."""

    work_order_id = Id()
    state = Enumeration(PaymentBadgeState)


class AllowedTransition(Shape):
    """Something that can be done with a record, or why it cannot now."""

    name = Line(max=40)
    allowed = Flag()
    reason = Text(max=2000)


class ConfirmationLinkBody(RecordShape):
    """A link that was mailed. The token itself is in the mail and nowhere else."""

    visit_id = Id()
    expires_at = Instant()
