"""Reading whether and how customers were told of their bills."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.outbox_message import OutboxMessage
from backend.payments.models import BillChannel, Notice
from schemas.payments import Channel
from sync.sql import batches


def message_key(notice_id: UUID) -> str:
    """Under which key the outbox holds what a notice sends."""
    return f"notice:{notice_id}"


def notice_by_id(session: Session, notice_id: UUID) -> Notice | None:
    """That notice."""
    return session.get(Notice, notice_id)


def last_notices(session: Session, request_ids: Collection[UUID]) -> dict[UUID, Notice]:
    """The last notice of each of these requests that has one."""
    found: dict[UUID, Notice] = {}
    for batch in batches(sorted(request_ids)):
        statement = select(Notice).where(Notice.request_id.in_(batch)).order_by(Notice.at, Notice.id)
        found |= {notice.request_id: notice for notice in session.scalars(statement)}
    return found


def messages_of_notices(session: Session, notices: Collection[Notice]) -> Mapping[UUID, OutboxMessage]:
    """What the outbox holds of these notices, by notice; what was sent long ago it has forgotten."""
    ids = {message_key(notice.id): notice.id for notice in notices}
    found: dict[UUID, OutboxMessage] = {}
    for batch in batches(sorted(ids)):
        rows = session.scalars(select(OutboxMessage).where(OutboxMessage.key.in_(batch)))
        found |= {ids[row.key]: row for row in rows}
    return found


def bill_channel(session: Session, customer_id: UUID) -> Channel | None:
    """How this customer wants to be told of bills, if they ever said so."""
    return session.scalar(
        select(BillChannel.channel)
        .where(BillChannel.customer_id == customer_id)
        .order_by(BillChannel.set_at.desc(), BillChannel.id.desc())
        .limit(1)
    )
