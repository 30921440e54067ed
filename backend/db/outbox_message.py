"""The outbox's one table: an outside effect that was decided in a transaction and is carried out after it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Record
from backend.db.types import JsonDocument


class OutboxState(StrEnum):
    """`due` waits for its time, `sent` is done, `dead` was given up: a person has to look at it."""

    DUE = "due"
    SENT = "sent"
    DEAD = "dead"


class OutboxMessage(Record):
    """One effect. `kind` chooses the transport; (`kind`, `key`) is unique: posted twice, sent once."""

    __tablename__ = "outbox_messages"

    kind: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    state: Mapped[OutboxState]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index("ix_outbox_messages_state_next_attempt_at", "state", "next_attempt_at"),
    )


def put_off_at(now: datetime) -> ColumnElement[bool]:
    """Of messages: those that failed, and whose next attempt is later than `now`."""
    failed = (OutboxMessage.state == OutboxState.DUE) & OutboxMessage.last_error.is_not(None)
    return failed & (OutboxMessage.next_attempt_at > now)
