"""Shapes of what is reported from the field, by mutation or over HTTP."""

from schemas.base import (
    Id,
    Instant,
    Latitude,
    Longitude,
    RecordShape,
    Shape,
    Text,
)


class FieldStep(Shape):
    """A step in the field: where it was, and what is to be said about it. A mutation carries its own time.

    `event_id` names the visit event that the step leaves, for whoever made one already.
    """

    event_id = Id(allow_none=True)
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
