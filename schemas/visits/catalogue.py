"""Shapes of skills and work types: what can be done, and what it takes."""

from marshmallow import fields, validate

from schemas.base import (
    Count,
    Flag,
    Id,
    Instant,
    Line,
    PageQuery,
    RecordShape,
    Shape,
    Text,
)

_CODE = validate.Regexp(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", error="Must be small letters, digits and hyphens.")

HIGHEST_LEVEL = 5

LONGEST_MINUTES = 24 * 60


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
    kit_id = Id(allow_none=True)
    instructions = Text(max=8000, allow_none=True)
    archived_at = Instant(allow_none=True)


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
