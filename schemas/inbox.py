"""Words and shapes with which the office sorts out the field inbox."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import fields

from schemas.base import Count, Enumeration, Flag, Id, Instant, Line, PageQuery, Shape, Text, TimeZone
from schemas.sync import FieldInboxBody
from schemas.visits import LONGEST_MINUTES, AllowedTransition, ArrivalWindow

LONGEST_NOTE = 4000


class InboxEntryBody(FieldInboxBody):
    """An entry as lists show it to the office: also who, with which phone, and how right its clock was."""

    user_id = Id(dump_only=True)
    device_id = Id(dump_only=True)
    skew_seconds = fields.Float(
        dump_only=True, allow_none=True, metadata={"description": "The phone's clock minus ours."}
    )
    clock_is_off = Flag(dump_only=True)
    decided_by = Id(dump_only=True, allow_none=True)
    result_id = Id(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The note or visit it was turned into."},
    )


class InboxValue(Shape):
    """One field that was sent: its value, what stood in the office then, and what stands now."""

    name = Line(max=100)
    field = fields.Raw(allow_none=True, metadata={"description": "As the phone sent it."})
    office = fields.Raw(allow_none=True, metadata={"description": "When it arrived; null where they agreed."})
    now = fields.Raw(allow_none=True, metadata={"description": "As the record is now."})
    stands = Flag()


class InboxVisit(Shape):
    """The visit that an entry is about."""

    id = Id()
    work_order_id = Id()
    number = Count()
    status = Line(max=40)
    technician_id = Id(allow_none=True)
    scheduled_start = Instant(allow_none=True)


class InboxMedium(Shape):
    """A photo or other file of the visit."""

    id = Id()
    kind = Line(max=40)
    state = Line(max=40)
    content_type = Line(max=100)
    taken_at = Instant()
    registered_by = Id()
    content_url = fields.String(metadata={"description": "Where its bytes are, once its state is `stored`."})


class InboxEntryDetail(InboxEntryBody):
    """Everything that is needed to decide."""

    journal = Id(dump_only=True)
    content = fields.String(
        dump_only=True, metadata={"description": "JSON text of the mutation as it arrived."}
    )
    user_name = Line(max=200, dump_only=True, allow_none=True)
    time_zone = TimeZone(dump_only=True, allow_none=True, metadata={"description": "Of the visit's site."})
    visit = fields.Nested(InboxVisit, dump_only=True, allow_none=True)
    values = fields.List(fields.Nested(InboxValue), dump_only=True)
    media = fields.List(fields.Nested(InboxMedium), dump_only=True)
    decisions = fields.List(fields.Nested(AllowedTransition), dump_only=True)


class InboxQuery(PageQuery):
    """Which entries."""

    settled = Flag()
    technician_id = Id()
    visit_id = Id()
    record_id = Id()
    code = Line(max=100, metadata={"description": "Why it is there: `edit-overridden`, for instance."})


class DecideFieldInbox(Shape):
    """A decision, and what the technician should read about it."""

    remark = Text(max=2000, allow_none=True)


class NoteFieldInbox(DecideFieldInbox):
    """Turn what was sent into a note on the visit; without words, one that says what was sent."""

    text = Text(max=LONGEST_NOTE)


class FollowUpFieldInbox(ArrivalWindow):
    """Turn what was sent into another visit of the same work order; without a window it requires a slot."""

    id = Id(metadata={"description": "Of the new visit."})
    scheduled_start = Instant()
    duration_minutes = Count(min=1, max=LONGEST_MINUTES)
    text = Text(max=LONGEST_NOTE)
    remark = Text(max=2000, allow_none=True)


class Urgency(StrEnum):
    """How long a report has waited for its files: less than four hours, less than a day, longer."""

    FRESH = "fresh"
    LATE = "late"
    OVERDUE = "overdue"


class MissingMedium(Shape):
    """A file that a report waits for; `reason`: why what was sent of it was not taken."""

    media_id = Id()
    kind = Line(max=40)
    state = Line(max=40)
    reason = fields.String(allow_none=True)


class WaitingReport(Shape):
    """A report that the customer has answered and that is not issued, because files of it are missing."""

    report_id = Id()
    visit_id = Id()
    closed_at = Instant()
    closed_by = Id()
    urgency = Enumeration(Urgency)
    media_expected = Count()
    media_stored = Count()
    missing = fields.List(fields.Nested(MissingMedium))
