"""Tables of what customers are asked to pay, on what terms, and what they said."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base
from backend.payments.models.base import LEDGER, LedgerBase
from schemas.payments import Channel, DepositEnd, RequestKind


class PaymentRequest(LedgerBase):
    """What a customer is asked to pay: the bill of one signed report, or a deposit before the work.

    Names and addresses are copied: what was asked must stay what was asked. `link_sha256` is the hash of the
    token in the customer's link. due = gross - covered; a deposit is asked for and not due.
    """

    __tablename__ = "payment_requests"
    __table_args__ = (
        CheckConstraint("gross_minor >= 0 AND covered_minor BETWEEN 0 AND gross_minor", name="amounts"),
        CheckConstraint("(kind = 'deposit') = (report_id IS NULL)", name="report_of_bill"),
        Index(None, "work_order_id"),
        Index(None, "customer_id"),
    )

    kind: Mapped[RequestKind]
    number: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(String(25), unique=True)
    link_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    work_order_id: Mapped[UUID]
    work_order_number: Mapped[str]
    report_id: Mapped[UUID | None] = mapped_column(index=True)
    customer_id: Mapped[UUID]
    customer_name: Mapped[str]
    customer_email: Mapped[str | None]
    summary: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    gross_minor: Mapped[int]
    covered_minor: Mapped[int]
    issued_at: Mapped[datetime]
    due_on: Mapped[date]


class EndedDeposit(Base):
    """That a deposit is no longer asked for: its work order was billed, or cancelled."""

    __tablename__ = "ended_deposits"
    metadata: ClassVar[MetaData] = LEDGER

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), primary_key=True)
    why: Mapped[DepositEnd]
    at: Mapped[datetime]


class RequestLine(LedgerBase):
    """One approved charge as it is billed; `charge_id` unique is what makes billing it twice impossible.

    `list_minor` is what the catalogue asked for one of the part when it was billed; NULL: it says nothing.
    """

    __tablename__ = "request_lines"
    __table_args__ = (
        CheckConstraint("covered_minor BETWEEN 0 AND gross_minor", name="covered"),
        CheckConstraint("(covered_minor > 0) = (covered_by IS NOT NULL)", name="covered_by"),
        CheckConstraint("(list_minor IS NULL) = (list_currency IS NULL)", name="list_price_whole"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    charge_id: Mapped[UUID] = mapped_column(unique=True)
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[int]
    unit_minor: Mapped[int]
    gross_minor: Mapped[int]
    covered_minor: Mapped[int]
    covered_by: Mapped[str | None]
    tax_basis_points: Mapped[int]
    tax_minor: Mapped[int]
    list_minor: Mapped[int | None]
    list_currency: Mapped[str | None] = mapped_column(String(3))


class Notice(LedgerBase):
    """That the link of a bill was sent to its customer, which way and where to.

    What became of it says the outbox, under `queries.message_key`.
    """

    __tablename__ = "notices"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    channel: Mapped[Channel]
    address: Mapped[str]
    at: Mapped[datetime]


class BillChannel(LedgerBase):
    """How a customer wants to be told of bills from then on; the latest counts."""

    __tablename__ = "bill_channels"
    __table_args__ = (Index(None, "customer_id", "set_at"),)

    customer_id: Mapped[UUID]
    channel: Mapped[Channel]
    set_at: Mapped[datetime]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))


class PartTaxRate(LedgerBase):
    """From when on a part is taxed at another rate than usual; the latest counts."""

    __tablename__ = "part_tax_rates"
    __table_args__ = (
        CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
        Index(None, "part_id", "set_at"),
    )

    part_id: Mapped[UUID]
    basis_points: Mapped[int]
    set_at: Mapped[datetime]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))


class CashComplaint(LedgerBase):
    """A customer says that somebody asked for cash. Nobody of the field ever sees it."""

    __tablename__ = "cash_complaints"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    words: Mapped[str]
    said_at: Mapped[datetime]
