"""Reading refunds, the payments they take back, and complaints."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from backend.payments.models import (
    CashComplaint,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Refund,
    RefundStep,
)
from backend.payments.queries.ledger import OF_REQUESTS
from backend.payments.rules.errors import RefundNotFound
from backend.payments.rules.postings import (
    RECEIPTS,
)
from backend.payments.rules.refunding import NOT_REFUNDED
from schemas.payments import RefundState


def refund_by_id(session: Session, refund_id: UUID) -> Refund:
    """That refund; raises RefundNotFound."""
    found = session.get(Refund, refund_id)
    if found is None:
        raise RefundNotFound("Check the id.")
    return found


def steps_of(session: Session, refund_id: UUID) -> Sequence[RefundStep]:
    """What became of a refund, in order."""
    return session.scalars(
        select(RefundStep).where(RefundStep.refund_id == refund_id).order_by(RefundStep.at, RefundStep.id)
    ).all()


def complaints(session: Session) -> Sequence[CashComplaint]:
    """Who was asked for cash, the newest first."""
    return session.scalars(select(CashComplaint).order_by(CashComplaint.said_at.desc())).all()


def refund_state(session: Session, refund_id: UUID) -> RefundState:
    """Where a refund stands: its last step."""
    return max((step.state for step in steps_of(session, refund_id)), key=list(RefundState).index)


def refunds_to_send(session: Session) -> Sequence[Refund]:
    """Refunds that were approved and have no outcome, oldest first."""
    is_approved = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state == RefundState.APPROVED)
    is_settled = exists().where(
        RefundStep.refund_id == Refund.id, RefundStep.state.in_((RefundState.DONE, *NOT_REFUNDED))
    )
    return session.scalars(
        select(Refund).where(is_approved, ~is_settled).order_by(Refund.asked_at, Refund.id)
    ).all()


def refunds(session: Session) -> Sequence[Refund]:
    """Every refund, the newest first; at most 500, as somebody is to read them."""
    return session.scalars(select(Refund).order_by(Refund.asked_at.desc(), Refund.id).limit(500)).all()


def refunds_of(session: Session, request_id: UUID) -> Sequence[Refund]:
    """The refunds of a request, the oldest first."""
    return session.scalars(
        select(Refund).where(Refund.request_id == request_id).order_by(Refund.asked_at, Refund.id)
    ).all()


def payments_of(session: Session, request_id: UUID) -> Sequence[tuple[str, str, int]]:
    """What came in for a request and what was taken back (negative): source, source key, minor units."""
    amount = func.sum(-LedgerEntry.amount)
    rows = session.execute(
        select(LedgerTransaction.source, LedgerTransaction.source_key, amount)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerTransaction.request_id == request_id,
            LedgerTransaction.kind.in_(RECEIPTS),
            LedgerAccount.kind.in_(OF_REQUESTS),
        )
        .group_by(LedgerTransaction.id, LedgerTransaction.source, LedgerTransaction.source_key)
        .order_by(amount.desc(), LedgerTransaction.source_key)
    )
    return [(source, key, int(total)) for source, key, total in rows]


def refunded_alone(session: Session, request_id: UUID) -> int:
    """What was refunded of a request without a second person and did not fail, in minor units."""
    alone = exists().where(
        RefundStep.refund_id == Refund.id,
        RefundStep.state == RefundState.APPROVED,
        RefundStep.person_id == Refund.asked_by,
    )
    failed = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state.in_(NOT_REFUNDED))
    total = select(func.coalesce(func.sum(Refund.amount_minor), 0))
    return int(session.scalar(total.where(Refund.request_id == request_id, alone, ~failed)) or 0)


def refunded_by_payment(session: Session, request_id: UUID) -> dict[str, int]:
    """What was asked back of each payment of a request and did not fail, in minor units."""
    failed = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state.in_(NOT_REFUNDED))
    rows = session.execute(
        select(Refund.payment_id, func.sum(Refund.amount_minor))
        .where(Refund.request_id == request_id, ~failed)
        .group_by(Refund.payment_id)
    )
    return {payment_id: int(total) for payment_id, total in rows}
