"""Tables of money that goes back, step by step."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.payments.models.base import LedgerBase
from schemas.payments import RefundState


class Refund(LedgerBase):
    """Money that somebody of finance asked to have sent back."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    provider: Mapped[str]
    payment_id: Mapped[str]
    reason: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]


class RefundStep(LedgerBase):
    """A step a refund took; the last one is where it stands."""

    __tablename__ = "refund_steps"
    __table_args__ = (UniqueConstraint("refund_id", "state"),)

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refunds.id"))
    state: Mapped[RefundState]
    at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    detail: Mapped[str]
