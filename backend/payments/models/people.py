"""Tables of people of finance, and of what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.types import JsonDocument
from backend.payments.models.base import LedgerBase


class Person(LedgerBase):
    """Somebody of finance. Not a user of the field: whoever rules there must not rule here."""

    __tablename__ = "people"

    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class PersonSession(LedgerBase):
    """That somebody of finance is signed in; only the hash of the token is kept."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    expires_at: Mapped[datetime]


class LedgerAudit(LedgerBase):
    """Who did what on the payments side."""

    __tablename__ = "audit_log"

    at: Mapped[datetime]
    person_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
