"""Shapes of finance's desk: who sits there, and what waits for somebody."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import (
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    Secret,
    Shape,
    Text,
)
from schemas.payments.words import (
    LONGEST_REASON,
    MatterKind,
)


class SignIn(Shape):
    """Somebody of finance, at the payments process's own door."""

    email = Email(required=True)
    password = Secret(max=200, required=True)


class SessionBody(Shape):
    """A token for the next minutes."""

    access_token = Line(max=200)
    expires_at = Instant()


class PersonBody(Shape):
    """Somebody of finance; `disabled_at`: since when they may no longer come in."""

    id = Id()
    email = Line(max=400)
    display_name = Line(max=200)
    created_at = Instant()
    disabled_at = Instant(allow_none=True)


class ComplaintBody(Shape):
    """A customer says that somebody asked for cash."""

    id = Id()
    request_id = Id()
    words = Text(max=2000, allow_empty=True)
    said_at = Instant()


class MatterBody(Shape):
    """Something that waits for somebody of finance: what, since when, and what to do next.

    `subject_id` is that of the thing itself: a report, refund, complaint, bank entry. `is_settled_by_hand`:
    nothing ends it but somebody who says so.
    """

    kind = Enumeration(MatterKind)
    subject_id = Id()
    request_id = Id(allow_none=True)
    since = Instant()
    words = Text(max=2000, allow_empty=True)
    next = Line(max=400)
    is_settled_by_hand = Flag()


class SettleMatter(Shape):
    """What was done about it."""

    kind = Enumeration(MatterKind, required=True)
    words = Text(max=LONGEST_REASON, required=True)


class ReconciliationBody(Shape):
    """When ledger, providers and bank were held against each other, and what did not agree."""

    at = Instant()
    alarms = fields.List(Text(max=400))
