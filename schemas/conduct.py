"""Conduct rules and the steps of a visit as they travel."""

from enum import StrEnum

from marshmallow import fields

from schemas.attachments import MediaKind
from schemas.base import (
    Count,
    Enumeration,
    Flag,
    Id,
    Instant,
    PageQuery,
    RecordShape,
    Shape,
    Text,
)


class ConductPhase(StrEnum):
    """When during a visit a step belongs."""

    ARRIVAL = "arrival"
    WORK = "work"
    LEAVING = "leaving"


class ConductProof(StrEnum):
    """What shows that a step was kept: an answer, a medium, consent per removed part, the feedback card."""

    ANSWER = "answer"
    MEDIA = "media"
    REMOVED_PARTS = "removed_parts"
    FEEDBACK = "feedback"


class ConductAnswer(StrEnum):
    """A technician's answer to a conduct step."""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


class ConductRuleBody(RecordShape):
    """A rule of conduct: general, or (with `work_type_id`) in place of the general rule of its code."""

    code = fields.String(dump_only=True)
    work_type_id = Id(dump_only=True, allow_none=True)
    position = Count(dump_only=True)
    phase = Enumeration(ConductPhase, dump_only=True)
    text = fields.String(dump_only=True)
    proof = Enumeration(ConductProof, dump_only=True)
    media_kind = Enumeration(MediaKind, dump_only=True, allow_none=True)
    required = Flag(dump_only=True)
    applies = Flag(dump_only=True)


class OverrideConductRule(Shape):
    """How a rule differs for one kind of work; what is absent stays as in the general rule."""

    work_type_id = Id(required=True)
    text = Text(max=400)
    required = Flag()
    applies = Flag()


class AnswerConductStep(Shape):
    """The technician's answer; a `no` or `not_applicable` needs a note before the report can be frozen."""

    answer = Enumeration(ConductAnswer, allow_none=True)
    note = Text(max=2000, allow_none=True)


class WaiveConductStep(Shape):
    """The customer does without a step, in their own words and writing (a medium of this visit)."""

    waived_reason = Text(required=True, max=2000)
    waiver_media_id = Id(required=True)


class ConductStepBody(RecordShape):
    """One step of conduct of one visit; the text is the rule's as it was when the visit was dispatched."""

    visit_id = Id(dump_only=True)
    rule_code = fields.String(dump_only=True)
    position = Count(dump_only=True)
    phase = Enumeration(ConductPhase, dump_only=True)
    text = fields.String(dump_only=True)
    proof = Enumeration(ConductProof, dump_only=True)
    media_kind = Enumeration(MediaKind, dump_only=True, allow_none=True)
    required = Flag(dump_only=True)
    answer = Enumeration(ConductAnswer, dump_only=True, allow_none=True)
    note = fields.String(dump_only=True, allow_none=True)
    answered_at = Instant(dump_only=True, allow_none=True)
    waived_reason = fields.String(dump_only=True, allow_none=True)
    waiver_media_id = Id(dump_only=True, allow_none=True)


class ConductRuleQuery(PageQuery):
    """Which rules: those written for one work type; all without it."""

    work_type_id = Id()
