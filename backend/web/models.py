"""The table of answers kept for creating requests that may be repeated."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base


class IdempotencyKey(Base):
    """The answer once given to a creating request; empty while the transaction that answers it is open."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    kept_until: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    body: Mapped[bytes]
    headers: Mapped[str]
