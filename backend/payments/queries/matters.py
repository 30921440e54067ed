"""Reading what waits for somebody of finance, wherever it waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, Uuid, exists, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.payments.models import (
    CashComplaint,
    InboxEvent,
    InboxOutcome,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Refund,
    RefundStep,
    SettledMatter,
)
from backend.payments.rules.postings import AccountKind
from backend.payments.rules.refunding import NOT_REFUNDED
from schemas.payments import InboxState, MatterKind, RefundState

MOST_SHOWN = 200
"""Of each kind: somebody is to read them."""


def is_settled(session: Session, kind: MatterKind, subject_id: UUID) -> bool:
    """Whether somebody dealt with this, if it was before it came up again."""
    return bool(session.scalar(select(_settled(kind, literal(subject_id, Uuid())))))


def _settled(kind: MatterKind, subject: InstrumentedAttribute[UUID] | ColumnElement[UUID]) -> Exists:
    return exists().where(SettledMatter.kind == kind, SettledMatter.subject_id == subject)


def unsettled_complaints(session: Session) -> Sequence[CashComplaint]:
    """Who was asked for cash and nobody looked into it, the longest wait first."""
    return session.scalars(
        select(CashComplaint)
        .where(~_settled(MatterKind.CASH_COMPLAINT, CashComplaint.id))
        .order_by(CashComplaint.said_at, CashComplaint.id)
        .limit(MOST_SHOWN)
    ).all()


def refused_messages(session: Session) -> Sequence[InboxOutcome]:
    """Messages of providers that we do not believe, and nobody looked into it."""
    return session.scalars(
        select(InboxOutcome)
        .where(
            InboxOutcome.state == InboxState.REFUSED,
            ~_settled(MatterKind.MESSAGE_REFUSED, InboxOutcome.event_id),
        )
        .order_by(InboxOutcome.at, InboxOutcome.event_id)
        .limit(MOST_SHOWN)
    ).all()


def messages_waiting(session: Session, before: datetime) -> Sequence[tuple[UUID, datetime]]:
    """Messages of providers from before then without an outcome."""
    done = exists().where(InboxOutcome.event_id == InboxEvent.id)
    rows = session.execute(
        select(InboxEvent.id, InboxEvent.received_at)
        .where(~done, InboxEvent.received_at < before)
        .order_by(InboxEvent.received_at, InboxEvent.id)
        .limit(MOST_SHOWN)
    )
    return [(event_id, at) for event_id, at in rows]


def unsent_messages(session: Session) -> Sequence[OutboxMessage]:
    """What the outbox gave up and nobody dealt with since: one that is given up again is there again."""
    settled = _settled(MatterKind.MESSAGE_UNSENT, OutboxMessage.id).where(
        SettledMatter.subject_revision == OutboxMessage.revision  # no retry leaves it as it was
    )
    return session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.state == OutboxState.DEAD, ~settled)
        .order_by(OutboxMessage.created_at, OutboxMessage.id)
        .limit(MOST_SHOWN)
    ).all()


def credits_of_customers(session: Session) -> Sequence[tuple[UUID, str, int, datetime]]:
    """Requests with money that is the customer's: currency, minor units, and when it last moved."""
    total = func.sum(LedgerEntry.amount)
    last = func.max(LedgerTransaction.posted_at, type_=LedgerTransaction.posted_at.type)
    rows = session.execute(
        select(LedgerAccount.subject, LedgerAccount.currency, total, last)
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerAccount.kind == AccountKind.CREDIT)
        .group_by(LedgerAccount.id)
        .having(total < 0)
        .order_by(last, LedgerAccount.subject)
        .limit(MOST_SHOWN)
    )
    return [(subject, currency, -int(minor), at) for subject, currency, minor, at in rows if subject]


def refunds_in_hand(session: Session) -> Sequence[tuple[Refund, RefundState]]:
    """Refunds that were asked for or approved and have no outcome, the oldest first."""
    approved = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state == RefundState.APPROVED)
    over = exists().where(
        RefundStep.refund_id == Refund.id, RefundStep.state.in_((RefundState.DONE, *NOT_REFUNDED))
    )
    rows = session.execute(
        select(Refund, approved).where(~over).order_by(Refund.asked_at, Refund.id).limit(MOST_SHOWN)
    )
    return [
        (row, RefundState.APPROVED if is_approved else RefundState.REQUESTED) for row, is_approved in rows
    ]
