"""Shapes of bank files and of whose money came in."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import (
    LARGEST_AMOUNT,
    Count,
    Currency,
    Enumeration,
    Id,
    Line,
    LocalDate,
    MinorUnits,
    QueryShape,
    Shape,
    Text,
)
from schemas.payments.words import (
    LONGEST_REASON,
    ClearTo,
)


class BankEntryBody(Shape):
    """A bank entry of which something waits in suspense; positive came in."""

    id = Id()
    iban = Line(max=40)
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    waiting_minor = MinorUnits(min=-LARGEST_AMOUNT)
    currency = Currency()
    booked_on = LocalDate()
    reference = Line(max=40, allow_none=True)
    remittance = Text(max=2000)
    counterparty = Text(max=400, allow_none=True)
    proposed_request_id = Id(allow_none=True)
    proposed_why = Line(max=100, allow_none=True)


class MatchShare(Shape):
    """How much of a bank entry belongs to which payment request."""

    request_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)


class MatchBankEntry(Shape):
    """Whose money it is; several shares split it. Who decides mints `decision_id`: twice is once."""

    decision_id = Id(required=True)
    shares = fields.List(
        fields.Nested(MatchShare), required=True, validate=lambda shares: 0 < len(shares) <= 100
    )
    reason = Text(max=LONGEST_REASON, required=True)


class UnmatchBankEntry(Shape):
    """That a bank entry is not this request's after all, and why."""

    request_id = Id(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class MatchedEntryBody(Shape):
    """A bank entry that counts for a payment request, and how much of it does."""

    id = Id()
    iban = Line(max=40)
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    matched_minor = MinorUnits()
    currency = Currency()
    booked_on = LocalDate()
    remittance = Text(max=2000)
    counterparty = Text(max=400, allow_none=True)


class ImportStatement(QueryShape):
    """The name of the file that is sent as the body."""

    name = Line(max=200, load_default="statement.xml")


class ImportedBody(Shape):
    """What an import did."""

    statements = Count()
    entries = Count()
    new = Count()
    matched = Count()
    returned = Count()
    proposed = Count()
    unmatched = Count()


class ClearBankEntry(Shape):
    """That a waiting entry concerns no customer, and why."""

    to = Enumeration(ClearTo, required=True)
    reason = Text(max=LONGEST_REASON, required=True)
