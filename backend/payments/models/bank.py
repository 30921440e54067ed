"""Tables of what the bank told: files, their statements, booked entries."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.payments.models.base import LedgerBase


class BankFile(LedgerBase):
    """A file of statements that was imported, by its hash: the same file twice is once."""

    __tablename__ = "bank_files"

    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    imported_at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))


class BankStatement(LedgerBase):
    """One statement of an account of ours, with the balances it says."""

    __tablename__ = "bank_statements"
    __table_args__ = (Index(None, "iban", "currency", "sequence"),)

    file_id: Mapped[UUID] = mapped_column(ForeignKey("bank_files.id"))
    iban: Mapped[str]
    statement_id: Mapped[str]
    sequence: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    opening_minor: Mapped[int | None]
    closing_minor: Mapped[int | None]
    ends_on: Mapped[date | None]


class BankEntry(LedgerBase):
    """A booked entry of our bank account: positive came in. `key` recognises it in whatever file it comes."""

    __tablename__ = "bank_entries"
    __table_args__ = (UniqueConstraint("iban", "key"), CheckConstraint("amount_minor <> 0", name="amount"))

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("bank_statements.id"), index=True)
    iban: Mapped[str]
    key: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    booked_on: Mapped[date]
    reference: Mapped[str | None]
    remittance: Mapped[str]
    counterparty: Mapped[str | None]
    counterparty_iban: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    returned: Mapped[bool]
    proposed_request_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_requests.id"))
    proposed_why: Mapped[str | None]
