"""Reading deposits: what was asked for before the work, what came of it, and which bills it paid."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from backend.payments.models import (
    EndedDeposit,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    PaymentRequest,
)
from backend.payments.queries.ledger import DEPOSITED, IDS, among_ids, standings
from backend.payments.rules.deposits import Placed
from backend.payments.rules.postings import AccountKind
from schemas.payments import DepositEnd, RequestKind
from sync.sql import batches

IS_ENDED = exists().where(EndedDeposit.request_id == PaymentRequest.id)
"""That a deposit is no longer asked for."""


def work_orders_with_deposits(session: Session, request_ids: Collection[UUID]) -> set[UUID]:
    """Those work orders of these requests for which a deposit was asked."""
    found: set[UUID] = set()
    for batch in batches(sorted(request_ids)):
        found |= set(session.scalars(_with_deposits(), {IDS: batch}))
    return found


@cache
def _with_deposits() -> Select[UUID]:
    deposit = aliased(PaymentRequest)
    return (
        select(deposit.work_order_id)
        .join(PaymentRequest, PaymentRequest.work_order_id == deposit.work_order_id)
        .where(PaymentRequest.id.in_(among_ids()), deposit.kind == RequestKind.DEPOSIT)
        .distinct()
    )


def deposit_end(session: Session, deposit_id: UUID) -> DepositEnd | None:
    """Why a deposit is no longer asked for; None while it is."""
    return session.scalar(select(EndedDeposit.why).where(EndedDeposit.request_id == deposit_id))


def deposits_asked_for(session: Session, work_order_id: UUID) -> Sequence[PaymentRequest]:
    """The deposits of a work order that are still asked for."""
    return session.scalars(
        select(PaymentRequest)
        .where(
            PaymentRequest.work_order_id == work_order_id,
            PaymentRequest.kind == RequestKind.DEPOSIT,
            ~IS_ENDED,
        )
        .order_by(PaymentRequest.issued_at, PaymentRequest.id)
    ).all()


def ended_deposits(session: Session, work_order_id: UUID) -> list[Placed]:
    """The deposits of a work order that are no longer asked for, the oldest first, and where they stand."""
    return _placed(session, work_order_id, RequestKind.DEPOSIT, IS_ENDED)


def bills_of(session: Session, work_order_id: UUID) -> list[Placed]:
    """The bills of a work order, the oldest first, and where they stand."""
    return _placed(session, work_order_id, RequestKind.BILL)


def _placed(session: Session, work_order_id: UUID, kind: RequestKind, *more: object) -> list[Placed]:
    rows = session.execute(
        select(PaymentRequest.id, PaymentRequest.issued_at)
        .where(PaymentRequest.work_order_id == work_order_id, PaymentRequest.kind == kind, *more)  # type: ignore[arg-type]
        .order_by(PaymentRequest.issued_at, PaymentRequest.id)
    ).all()
    found = standings(session, [row.id for row in rows])
    return [Placed(row.id, row.issued_at, found[row.id]) for row in rows]


def bills_paid_by(session: Session, deposit_id: UUID) -> dict[UUID, int]:
    """What a deposit paid of which bills and did not take back, in minor units, the newest bill first."""
    total = func.sum(LedgerEntry.amount)
    rows = session.execute(
        select(LedgerTransaction.request_id, total)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .join(PaymentRequest, PaymentRequest.id == LedgerTransaction.request_id)
        .where(
            LedgerAccount.subject == deposit_id,
            LedgerAccount.kind.in_((AccountKind.DEPOSITS, AccountKind.CREDIT)),
            LedgerTransaction.kind.in_(DEPOSITED),
        )
        .group_by(LedgerTransaction.request_id, PaymentRequest.issued_at)
        .having(total != 0)
        .order_by(PaymentRequest.issued_at.desc(), LedgerTransaction.request_id.desc())
    )
    return {bill_id: int(paid) for bill_id, paid in rows if bill_id is not None}
