"""Shapes of what customers are asked to pay, and of whether they were told."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import (
    Count,
    Currency,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    LocalDate,
    MinorUnits,
    PageQuery,
    Shape,
    Text,
)
from schemas.payments.words import (
    LONGEST_REASON,
    Channel,
    NoticeState,
    RequestKind,
)


class NoticeBody(Shape):
    """Whether the customer was told; `why` says why not, or not yet."""

    state = Enumeration(NoticeState)
    channel = Enumeration(Channel, allow_none=True)
    address = Line(max=400, allow_none=True)
    at = Instant(allow_none=True)
    why = Line(max=500, allow_none=True)


class SendPaymentRequest(Shape):
    """That the link is to be sent; whoever sends it mints `notice_id`: twice is once."""

    notice_id = Id(required=True)


class SetBillChannel(Shape):
    """How a customer wants to be told of bills."""

    channel = Enumeration(Channel, required=True)


class BillChannelBody(Shape):
    """How a customer wants to be told of bills, since when."""

    customer_id = Id()
    channel = Enumeration(Channel)
    set_at = Instant()


class PaymentRequestBody(Shape):
    """What a customer was asked to pay, and where it stands; sums are minor units of `currency`.

    `owed_minor` is a debt, `to_pay_minor` what the customer is asked for now: nobody owes a deposit.
    `held_minor` came in for a deposit and waits for the bill; `deposited_minor` is what deposits paid of a
    bill, or what a deposit paid of bills.
    """

    id = Id()
    kind = Enumeration(RequestKind)
    number = Line(max=40)
    reference = Line(max=25)
    work_order_id = Id()
    work_order_number = Line(max=40)
    customer_id = Id()
    customer_name = Text(max=400)
    currency = Currency()
    gross_minor = MinorUnits()
    covered_minor = MinorUnits()
    owed_minor = MinorUnits()
    to_pay_minor = MinorUnits()
    held_minor = MinorUnits()
    deposited_minor = MinorUnits()
    credit_minor = MinorUnits()
    received_minor = MinorUnits()
    refundable_minor = MinorUnits()
    state = Line(max=20)
    notice = fields.Nested(NoticeBody)
    issued_at = Instant()
    due_on = LocalDate()


class RequestLineBody(Shape):
    """One charge as it is billed, in minor units of the request's currency.

    `list_minor` is what the catalogue asked for one when it was billed, null where it says nothing;
    `off_list`: the customer signed another price.
    """

    description = Text(max=2000)
    quantity = Count()
    unit_minor = MinorUnits()
    gross_minor = MinorUnits()
    covered_minor = MinorUnits()
    covered_by = Text(max=2000, allow_none=True)
    tax_basis_points = Count()
    tax_minor = MinorUnits()
    list_minor = MinorUnits(allow_none=True)
    list_currency = Currency(allow_none=True)
    off_list = Flag()


class PaymentRequestWithLines(PaymentRequestBody):
    """A payment request with what it is for."""

    lines = fields.List(fields.Nested(RequestLineBody))


class PaymentRequestQuery(PageQuery):
    """Which payment requests; `off_list`: with a part at another price than the list's."""

    customer_id = Id()
    work_order_id = Id()
    kind = Enumeration(RequestKind)
    off_list = Flag()


class RequestDeposit(Shape):
    """Money that is asked for before the work; `deposit_id` is minted by whoever asks: twice is once."""

    deposit_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    words = Text(max=LONGEST_REASON, required=True)
    days_to_pay = Count(max=365, required=True)


class WriteOff(Shape):
    """That a debt is given up, how much of it, and why."""

    decision_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class SetTaxRate(Shape):
    """The tax contained in a part's price from now on: 700 basis points are 7 %."""

    basis_points = Count(max=10_000, required=True)


class TaxRateBody(Shape):
    """A part that is not taxed as usual."""

    part_id = Id()
    basis_points = Count()
    set_at = Instant()
