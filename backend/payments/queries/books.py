"""Reading the ledger as bookkeeping: a customer's movements, what is overdue, and the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.payments.models import (
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    PaymentRequest,
    Refund,
    RefundStep,
)
from backend.payments.queries.deposits import IS_ENDED
from backend.payments.queries.ledger import OF_REQUESTS, standings
from backend.payments.rules.books import DEPOSIT_REQUESTED, REFUND, Booked, BookedLine, Movement, Overdue
from backend.payments.rules.postings import AccountKind
from schemas.payments import RequestKind
from sync.sql import batches

_AT_ONCE = 1_000


def requests_of_customer(session: Session, customer_id: UUID) -> Sequence[UUID]:
    """What a customer was ever asked to pay."""
    return session.scalars(select(PaymentRequest.id).where(PaymentRequest.customer_id == customer_id)).all()


def movements(session: Session, request_ids: Collection[UUID]) -> list[Movement]:
    """What was asked of and came in for these requests, in the order it was written down."""
    found = [*_deposits_requested(session, request_ids), *_refunds(session, request_ids)]
    total = func.sum(LedgerEntry.amount)
    for batch in batches(sorted(request_ids)):
        rows = session.execute(
            select(
                LedgerTransaction.id,
                LedgerTransaction.posted_at,
                LedgerTransaction.effective_at,
                LedgerTransaction.kind,
                PaymentRequest.number,
                PaymentRequest.currency,
                total,
            )
            .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .join(PaymentRequest, PaymentRequest.id == LedgerAccount.subject)
            .where(LedgerAccount.kind.in_(OF_REQUESTS), LedgerAccount.subject.in_(batch))
            .group_by(LedgerTransaction.id, PaymentRequest.id)
        )
        found += [
            (posted_at, key, Movement(on.date(), kind.value, number, currency, int(minor)))
            for key, posted_at, on, kind, number, currency, minor in rows
            if minor
        ]
    return [movement for _, _, movement in sorted(found, key=lambda row: (*row[:2], row[2].number))]


def _refunds(session: Session, request_ids: Collection[UUID]) -> Iterator[tuple[datetime, UUID, Movement]]:
    """Every step of refunds by itself: what is sent back of revenue moves no balance, and is to be seen."""
    for batch in batches(sorted(request_ids)):
        rows = session.execute(
            select(RefundStep, Refund.amount_minor, PaymentRequest.number, PaymentRequest.currency)
            .join(Refund, Refund.id == RefundStep.refund_id)
            .join(PaymentRequest, PaymentRequest.id == Refund.request_id)
            .where(Refund.request_id.in_(batch))
        )
        for step, minor, number, currency in rows:
            kind = f"{REFUND}_{step.state}"
            yield step.at, step.id, Movement(step.at.date(), kind, number, currency, 0, refund_minor=minor)


def _deposits_requested(
    session: Session, request_ids: Collection[UUID]
) -> list[tuple[datetime, UUID, Movement]]:
    found: list[tuple[datetime, UUID, Movement]] = []
    for batch in batches(sorted(request_ids)):
        deposits = session.scalars(
            select(PaymentRequest).where(
                PaymentRequest.id.in_(batch), PaymentRequest.kind == RequestKind.DEPOSIT
            )
        )
        for row in deposits:
            on = row.issued_at.date()
            asked = Movement(on, DEPOSIT_REQUESTED, row.number, row.currency, 0, row.gross_minor)
            found.append((row.issued_at, row.id, asked))
    return found


def unpaid(session: Session) -> list[Overdue]:
    """Every request on which something is owed, by customer and the day it was due."""
    total = func.sum(LedgerEntry.amount)
    rows = session.execute(
        select(PaymentRequest, total)
        .join(LedgerAccount, LedgerAccount.subject == PaymentRequest.id)
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .where(LedgerAccount.kind == AccountKind.RECEIVABLE)
        .group_by(PaymentRequest.id)
        .having(total > 0)
        .order_by(PaymentRequest.customer_name, PaymentRequest.customer_id, PaymentRequest.due_on)
    )
    return [
        Overdue(row.customer_id, row.customer_name, row.currency, row.due_on, int(owed)) for row, owed in rows
    ]


def missing_deposits(session: Session) -> list[Overdue]:
    """Deposits that are asked for and have not come wholly, by customer and the day they should have."""
    deposits = session.scalars(
        select(PaymentRequest)
        .where(PaymentRequest.kind == RequestKind.DEPOSIT, ~IS_ENDED)
        .order_by(PaymentRequest.customer_name, PaymentRequest.customer_id, PaymentRequest.due_on)
    ).all()
    found = standings(session, [row.id for row in deposits])
    return [
        Overdue(row.customer_id, row.customer_name, row.currency, row.due_on, 0, found[row.id].missing)
        for row in deposits
        if found[row.id].missing
    ]


def journal(session: Session, since: datetime | None, until: datetime | None) -> Iterator[Booked]:
    """Transactions written down from `since` until before `until`, in that order, with their entries."""
    statement = (
        select(LedgerTransaction, LedgerAccount, LedgerEntry.amount, PaymentRequest.number)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .outerjoin(PaymentRequest, PaymentRequest.id == LedgerTransaction.request_id)
        .order_by(LedgerTransaction.posted_at, LedgerTransaction.id, LedgerAccount.code)
    )
    if since is not None:
        statement = statement.where(LedgerTransaction.posted_at >= since)
    if until is not None:
        statement = statement.where(LedgerTransaction.posted_at < until)
    rows = session.execute(statement.execution_options(yield_per=_AT_ONCE))
    for _, group in groupby(rows, key=lambda row: row[0].id):
        lines = list(group)
        transaction, number = lines[0][0], lines[0][3]
        yield Booked(
            id=transaction.id,
            on=transaction.effective_at.date(),
            written_on=transaction.posted_at.date(),
            kind=transaction.kind,
            source=f"{transaction.source}:{transaction.source_key}",
            number=number,
            note=transaction.note,
            lines=tuple(
                BookedLine(account.kind, account.detail, account.currency, amount)
                for _, account, amount, _ in lines
            ),
        )
