"""Shapes of what is read from the ledger."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import (
    LARGEST_AMOUNT,
    Currency,
    Id,
    Line,
    LocalDate,
    MinorUnits,
    QueryShape,
    Shape,
    Text,
)


class MovementBody(Shape):
    """What changed what a customer owes: positive was asked for, negative came in; and what is owed then.

    `asked_minor`: what was asked for as a deposit, which nobody owes. `refund_minor`: what a refund is of, on
    the lines of its steps (`refund_step_done`), which move no balance.
    """

    on = LocalDate()
    kind = Line(max=40)
    number = Line(max=40)
    currency = Currency()
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    asked_minor = MinorUnits()
    refund_minor = MinorUnits()
    balance_minor = MinorUnits(min=-LARGEST_AMOUNT)


class OwedByAge(Shape):
    """What is owed, by how many days it is overdue; minor units."""

    not_due = MinorUnits()
    to_30 = MinorUnits()
    to_60 = MinorUnits()
    to_90 = MinorUnits()
    over_90 = MinorUnits()


class AgedBody(Shape):
    """What a customer owes in a currency; and what is missing of deposits, which nobody owes."""

    customer_id = Id()
    customer_name = Text(max=400)
    currency = Currency()
    missing_minor = MinorUnits()
    owed = fields.Nested(OwedByAge)


class JournalQuery(QueryShape):
    """From which day to which the journal was written, both with them, in UTC."""

    since = LocalDate(load_default=None)
    until = LocalDate(load_default=None)
