"""Shapes of money that goes back, or that a cardholder's bank disputes."""

from __future__ import annotations

from schemas.base import (
    Currency,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    MinorUnits,
    Shape,
    Text,
)
from schemas.payments.words import (
    LONGEST_REASON,
    DisputeState,
)


class ConfirmRefund(Shape):
    """Which debit of the bank a refund is."""

    bank_entry_id = Id(required=True)


class AskRefund(Shape):
    """Money that is to go back; `refund_id` is minted by whoever asks: twice is once."""

    refund_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class DeclineRefund(Shape):
    """Why a refund is not to be made."""

    reason = Text(max=LONGEST_REASON, required=True)


class RefundBody(Shape):
    """A refund and where it is."""

    id = Id()
    request_id = Id()
    amount_minor = MinorUnits()
    currency = Currency()
    reason = Text(max=LONGEST_REASON)
    state = Line(max=20)
    asked_by = Id()
    asked_at = Instant()
    needs_second_person = Flag()


class DisputeBody(Shape):
    """A card payment that its holder's bank disputes, where that is, and what to do next.

    `name` is the provider's own, to find it there. `respond_by`: until when it takes evidence, if it said so.
    """

    id = Id()
    request_id = Id()
    number = Line(max=40)
    provider = Line(max=40)
    name = Line(max=200)
    amount_minor = MinorUnits()
    currency = Currency()
    reason = Line(max=200)
    state = Enumeration(DisputeState)
    heard_at = Instant()
    since = Instant()
    respond_by = Instant(allow_none=True)
    next = Line(max=400)
