"""Words and shapes of technicians, their shifts, and of putting visits into their hands."""

from enum import StrEnum

from marshmallow import fields, validate

from schemas.base import (
    Count,
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Latitude,
    Line,
    LocalDate,
    Longitude,
    Number,
    PageQuery,
    QueryShape,
    RecordShape,
    Shape,
    Text,
    TimeZone,
)
from schemas.visits import SkillLevel, VisitBody

MOST_CORNERS = 500
MOST_SKILLS = 100
LONGEST_DISTANCE = 21_000_000
"""Metres; the antipodes are 20,004 km away."""


class ShiftKind(StrEnum):
    """Whether a technician is there, or away although a shift says otherwise."""

    WORK = "work"
    LEAVE = "leave"


class Corner(Shape):
    """A corner of a territory."""

    latitude = Latitude(required=True)
    longitude = Longitude(required=True)


_TERRITORY = validate.Length(min=3, max=MOST_CORNERS)
_SKILLS = validate.Length(max=MOST_SKILLS)


class TechnicianBody(RecordShape):
    """Somebody who goes to customers; the id is that of the user. `home` is where the day starts."""

    display_name = Line(max=200)
    phone = Line(max=40, allow_none=True)
    home_latitude = Latitude(allow_none=True)
    home_longitude = Longitude(allow_none=True)
    territory = fields.List(fields.Nested(Corner), allow_none=True)
    time_zone = TimeZone()
    active = Flag()


class CreateTechnician(Shape):
    """A new technician and the user behind him, who signs in with an enrolled phone.

    `territory` is an area without holes: its corners in order, the first one not repeated at the end.
    """

    id = Id()
    email = Email(required=True)
    display_name = Line(max=200, required=True)
    phone = Line(max=40, allow_none=True)
    home_latitude = Latitude(allow_none=True)
    home_longitude = Longitude(allow_none=True)
    territory = fields.List(fields.Nested(Corner), validate=_TERRITORY, allow_none=True)
    time_zone = TimeZone(required=True)
    skills = fields.List(fields.Nested(SkillLevel), validate=_SKILLS)


class EditTechnician(Shape):
    """What may change of a technician; `skills` replaces all of them. An inactive one is never suggested
    or assigned."""

    phone = Line(max=40, allow_none=True)
    home_latitude = Latitude(allow_none=True)
    home_longitude = Longitude(allow_none=True)
    territory = fields.List(fields.Nested(Corner), validate=_TERRITORY, allow_none=True)
    active = Flag()
    skills = fields.List(fields.Nested(SkillLevel), validate=_SKILLS)


class TechnicianQuery(PageQuery):
    """Which technicians."""

    active = Flag()


class ShiftBody(RecordShape):
    """When a technician works, or is away."""

    technician_id = Id()
    starts_at = Instant()
    ends_at = Instant()
    kind = Enumeration(ShiftKind)


class CreateShift(Shape):
    """A shift of at most 24 hours, or a leave of at most 366 days."""

    id = Id()
    technician_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    kind = Enumeration(ShiftKind, load_default=ShiftKind.WORK)


class ShiftQuery(PageQuery):
    """Which shifts: those that touch [`starts_after`, `starts_before`)."""

    starts_after = Instant()
    starts_before = Instant()
    kind = Enumeration(ShiftKind)


class AssignVisit(Shape):
    """Who goes; `scheduled_start` moves the plan inside the promised window at the same time."""

    technician_id = Id(required=True)
    scheduled_start = Instant()


class MoveVisit(AssignVisit):
    """Who goes instead. With `from_technician_id` the move is refused when the visit is no longer his."""

    from_technician_id = Id()
    reason = Text(max=2000, allow_none=True)


class UnassignVisit(Shape):
    """Why nobody has it for now."""

    reason = Text(max=2000, allow_none=True)


class PlanVisit(Shape):
    """A new planned start inside the promised window, which disturbs nobody."""

    scheduled_start = Instant(required=True)


class DispatchVisit(Shape):
    """Send it out; `override_reason` opens the gate for what is missing, and is kept."""

    override_reason = Text(max=2000, allow_none=True)


class SuggestionQuery(QueryShape):
    """How many technicians to name."""

    limit = Count(min=1, max=50, load_default=5)


class SuggestedTechnician(Shape):
    """A technician who could go: how far his home base is from the site, in metres (null: one of the two
    is unknown)."""

    technician_id = Id()
    display_name = Line(max=200)
    distance_metres = Number(min=0, max=LONGEST_DISTANCE, allow_none=True)
    in_territory = Flag()


class UnfitTechnician(Shape):
    """A technician who cannot go, and why."""

    technician_id = Id()
    display_name = Line(max=200)
    reasons = fields.List(Line(max=200))


class TechnicianSuggestions(Shape):
    """Who could go, the nearest first (those whose territory it is before the others), and why others
    could not."""

    suggestions = fields.List(fields.Nested(SuggestedTechnician))
    unfit = fields.List(fields.Nested(UnfitTechnician))


class BoardQuery(QueryShape):
    """Which day, on the wall calendar of each visit's site."""

    day = LocalDate(required=True, earliest=2000)


class BoardLane(Shape):
    """The visits of one technician on that day."""

    technician_id = Id()
    display_name = Line(max=200)
    visits = fields.List(fields.Nested(VisitBody))


class Board(Shape):
    """The visits of a day: one lane per active technician, and what nobody has yet."""

    day = LocalDate()
    lanes = fields.List(fields.Nested(BoardLane))
    unassigned = fields.List(fields.Nested(VisitBody))
