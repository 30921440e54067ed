"""Tables of ways to pay that providers opened, and of what providers told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, MetaData, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base
from backend.db.types import JsonDocument
from backend.payments.models.base import LEDGER, LedgerBase
from schemas.payments import InboxState


class Checkout(LedgerBase):
    """A way to pay that a provider opened for a request."""

    __tablename__ = "checkouts"
    __table_args__ = (UniqueConstraint("provider", "provider_id"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    provider: Mapped[str]
    provider_id: Mapped[str]
    url: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]


class InboxEvent(LedgerBase):
    """A verified message of a provider, as it came: raw bytes, once per event id."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("provider", "event_id"),)

    provider: Mapped[str]
    event_id: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    headers: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    received_at: Mapped[datetime]
    verified: Mapped[bool]


class InboxOutcome(Base):
    """What became of a message; one without is still to be worked on."""

    __tablename__ = "inbox_outcomes"
    metadata: ClassVar[MetaData] = LEDGER

    event_id: Mapped[UUID] = mapped_column(ForeignKey("inbox.id"), primary_key=True)
    state: Mapped[InboxState]
    detail: Mapped[str]
    at: Mapped[datetime]
