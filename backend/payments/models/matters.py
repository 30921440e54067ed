"""The table of what somebody of finance dealt with that nothing else would end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.payments.models.base import LedgerBase
from schemas.payments import MatterKind


class SettledMatter(LedgerBase):
    """That a complaint, a refused or an unsent message was dealt with: by whom, and how.

    `subject_revision`: of an unsent message, which may be retried and given up again; else 0.
    """

    __tablename__ = "settled_matters"
    __table_args__ = (UniqueConstraint("kind", "subject_id", "subject_revision"),)

    kind: Mapped[MatterKind]
    subject_id: Mapped[UUID]
    subject_revision: Mapped[int]
    words: Mapped[str]
    at: Mapped[datetime]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
