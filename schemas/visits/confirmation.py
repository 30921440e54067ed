"""Shapes of arrival windows, and of what the customer says about them."""

import re
from datetime import time
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.base import (
    Count,
    Enumeration,
    Id,
    Instant,
    LocalDate,
    RecordShape,
    Shape,
    Text,
)
from schemas.visits.words import OfferState

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)

MOST_OFFERS = 10


class LocalTime(fields.Field[time]):
    """A time of day on the wall clock of the site, "HH:MM"."""

    def _serialize(self, value: time | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.strftime("%H:%M")

    def _deserialize(self, value: object, *_: Any, **__: Any) -> time:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValidationError("Must be a time of day such as 08:30.")
        return time.fromisoformat(value)


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


class ConfirmationLinkBody(RecordShape):
    """A link that was mailed. The token itself is in the mail and nowhere else."""

    visit_id = Id()
    expires_at = Instant()
