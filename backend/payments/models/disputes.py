"""Tables of card payments that their holders' banks dispute, step by step."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.payments.models.base import LedgerBase
from schemas.payments import DisputeState


class Dispute(LedgerBase):
    """A dispute as it was first heard of; `name` is what its provider calls it."""

    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("provider", "name"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    provider: Mapped[str]
    name: Mapped[str]
    payment_id: Mapped[str]
    checkout_id: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str]
    respond_by: Mapped[datetime | None]
    heard_at: Mapped[datetime]


class DisputeStep(LedgerBase):
    """A step a dispute took; the last one is where it stands."""

    __tablename__ = "dispute_steps"
    __table_args__ = (UniqueConstraint("dispute_id", "state"),)

    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("disputes.id"))
    state: Mapped[DisputeState]
    at: Mapped[datetime]
