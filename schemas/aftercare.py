"""Callbacks as they travel: who is to be called when, who may not do it, and what came of it."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import Count, Enumeration, Flag, Id, Instant, PageQuery, RecordShape, Shape, Text


class CallbackStatus(StrEnum):
    """Where a callback stands; `due` means that nobody has it."""

    DUE = "due"
    ASSIGNED = "assigned"
    REACHED = "reached"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"


class CallbackOutcome(StrEnum):
    """What the customer said, or that nobody could ask."""

    SATISFIED = "satisfied"
    DISSATISFIED = "dissatisfied"
    NO_ANSWER = "no_answer"


class AssignCallback(Shape):
    """Who is to call."""

    assignee_id = Id(required=True)


class RecordCallbackAttempt(Shape):
    """One call: was the customer reached, and what is worth noting."""

    reached = Flag(required=True)
    note = Text(max=2000, allow_none=True)
    occurred_at = Instant()


class CloseCallback(Shape):
    """The result; the words are the customer's."""

    outcome = Enumeration(CallbackOutcome, required=True)
    words = Text(max=4000, allow_none=True)


class BarredPerson(Shape):
    """Somebody who may not take a callback, and why: how they touched the case."""

    user_id = Id(dump_only=True)
    display_name = fields.String(dump_only=True)
    reasons = fields.List(fields.String(), dump_only=True)


class CallbackBody(RecordShape):
    """One callback task; `case_id` is the request, or the work order that nobody had asked for."""

    visit_id = Id(dump_only=True)
    request_id = Id(dump_only=True, allow_none=True)
    case_id = Id(dump_only=True)
    status = Enumeration(CallbackStatus, dump_only=True)
    due_at = Instant(dump_only=True)
    assignee_id = Id(dump_only=True, allow_none=True)
    attempts = Count(dump_only=True)
    reached_at = Instant(dump_only=True, allow_none=True)
    closed_at = Instant(dump_only=True, allow_none=True)
    outcome = Enumeration(CallbackOutcome, dump_only=True, allow_none=True)
    words = fields.String(dump_only=True, allow_none=True)


class CallbackListing(CallbackBody):
    """A callback with those who may not take it (HTTP only)."""

    barred = fields.List(fields.Nested(BarredPerson), dump_only=True)


class CallbackQuery(PageQuery):
    """Which callbacks; `mine` means those of whoever asks."""

    status = Enumeration(CallbackStatus)
    mine = Flag(load_default=False)


class CallbackAttemptBody(RecordShape):
    """One call that was made."""

    callback_id = Id(dump_only=True)
    called_by = Id(dump_only=True)
    occurred_at = Instant(dump_only=True)
    reached = Flag(dump_only=True)
    note = fields.String(dump_only=True, allow_none=True)
