"""Reading the ledger: identities, balances, and where requests stand."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session

from backend.payments.models import (
    EndedDeposit,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    PaymentRequest,
    Refund,
    RefundStep,
)
from backend.payments.rules.postings import (
    RECEIPTS,
    Account,
    AccountKind,
    Posted,
    TransactionKind,
)
from backend.payments.rules.refunding import NOT_REFUNDED
from backend.payments.rules.standing import Standing
from schemas.payments import RequestKind
from sync.sql import batches

OF_REQUESTS = frozenset({AccountKind.RECEIVABLE, AccountKind.DEPOSITS, AccountKind.CREDIT})
"""The accounts that are kept per payment request."""
DEPOSITED = frozenset({TransactionKind.DEPOSIT_USED, TransactionKind.DEPOSIT_UNUSED})
"""What brings a deposit's money to a bill, or back."""


IDS = "ids"
"""The ids that a statement which is kept is asked about: each posting runs these, and to put one together
anew takes many times as long as to run it."""


def among_ids() -> BindParameter[UUID]:
    """In a statement that is kept, what a column has to be in: `{IDS: ids}` when it runs."""
    return bindparam(IDS, expanding=True, type_=Uuid())


def lock_subject(session: Session, subject: UUID) -> None:
    """Let nobody else judge or post about this request or refund until the transaction ends.

    SQLite has one writer anyway. On PostgreSQL an advisory lock: a row lock would need the right to update,
    and rows of the ledger are never updated by anybody.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(subject.bytes).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def transaction_keys(session: Session, source: str, keys: Iterable[str]) -> set[str]:
    """Which of these were posted."""
    found: set[str] = set()
    for batch in batches(list(keys)):
        found |= set(
            session.scalars(
                select(LedgerTransaction.source_key).where(
                    LedgerTransaction.source == source, LedgerTransaction.source_key.in_(batch)
                )
            )
        )
    return found


def posted_under(session: Session, source: str, source_key: str) -> Posted:
    """The transaction posted under this identity, with its entries; there must be one."""
    transaction = session.scalars(
        select(LedgerTransaction).where(
            LedgerTransaction.source == source, LedgerTransaction.source_key == source_key
        )
    ).one()
    rows = session.execute(
        select(LedgerAccount, LedgerEntry.amount)
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .where(LedgerEntry.transaction_id == transaction.id)
    )
    entries = {account_of(row): amount for row, amount in rows}
    return Posted(transaction.id, transaction.kind, transaction.request_id, entries)


def account_of(row: LedgerAccount) -> Account:
    """An account by what it is."""
    return Account(row.kind, row.currency, row.subject, row.detail)


def account_ids(session: Session, codes: Iterable[str]) -> dict[str, UUID]:
    """The ids of the accounts that have a row."""
    found: dict[str, UUID] = {}
    for batch in batches(sorted(codes)):
        rows = session.execute(
            select(LedgerAccount.code, LedgerAccount.id).where(LedgerAccount.code.in_(batch))
        )
        found |= {code: account_id for code, account_id in rows}  # noqa: C416 - dict() is not typed
    return found


def balance(session: Session, account: Account) -> int:
    """The sum of an account's entries in minor units, debits positive."""
    return int(
        session.scalar(
            select(func.coalesce(func.sum(LedgerEntry.amount), 0))
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(LedgerAccount.code == account.code)
        )
        or 0
    )


def _sum_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, LedgerEntry.amount), else_=literal(0))), 0)


def standings(session: Session, request_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Where each of these requests stands: summed over the ledger now."""
    found: dict[UUID, Standing] = {}
    for batch in batches(list(request_ids)):
        found |= {row.id: _before_money(row) for row in session.execute(_asked(), {IDS: batch})}
        refunding = _refunding(session, batch)
        for row in session.execute(_sums(), {IDS: batch}):
            asked = found[row.subject]
            used = int(row.deposited)
            found[row.subject] = replace(
                asked,
                issued=int(row.issued),
                owed=max(int(row.receivable), 0),
                credit=max(-int(row.credit), 0),
                received=-int(row.received),
                refunding=refunding.get(row.subject, 0),
                held=max(-int(row.held), 0),
                deposited=used if asked.kind is RequestKind.DEPOSIT else -used,
            )
    return found


@cache
def _asked() -> Select[UUID, str, RequestKind, int, UUID | None]:
    return (
        select(
            PaymentRequest.id,
            PaymentRequest.currency,
            PaymentRequest.kind,
            PaymentRequest.gross_minor,
            EndedDeposit.request_id.label("ended"),
        )
        .outerjoin(EndedDeposit, EndedDeposit.request_id == PaymentRequest.id)
        .where(PaymentRequest.id.in_(among_ids()))
    )


def _before_money(row: Row[UUID, str, RequestKind, int, UUID | None]) -> Standing:
    is_asked = row.kind is RequestKind.DEPOSIT and row.ended is None
    return Standing(row.currency, asked=row.gross_minor if is_asked else 0, kind=row.kind)


@cache
def _sums() -> Select[UUID | None, int, int, int, int, int, int]:
    kind = LedgerAccount.kind
    return (
        select(
            LedgerAccount.subject,
            _sum_if(kind == AccountKind.RECEIVABLE).label("receivable"),
            _sum_if(kind == AccountKind.CREDIT).label("credit"),
            _sum_if(kind == AccountKind.DEPOSITS).label("held"),
            _sum_if(LedgerTransaction.kind == TransactionKind.ISSUED).label("issued"),
            _sum_if(LedgerTransaction.kind.in_(RECEIPTS)).label("received"),
            _sum_if(LedgerTransaction.kind.in_(DEPOSITED)).label("deposited"),
        )
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerAccount.subject.in_(among_ids()), kind.in_(OF_REQUESTS))
        .group_by(LedgerAccount.subject)
    )


def _refunding(session: Session, request_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What was asked to be refunded and did not fail, per request."""
    rows = session.execute(_asked_back(), {IDS: request_ids})
    return {request_id: int(total) for request_id, total in rows}


@cache
def _asked_back() -> Select[UUID, int]:
    failed = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state.in_(NOT_REFUNDED))
    return (
        select(Refund.request_id, func.sum(Refund.amount_minor))
        .where(Refund.request_id.in_(among_ids()), ~failed)
        .group_by(Refund.request_id)
    )


def standing_of(session: Session, request_id: UUID) -> Standing:
    """Where one request stands."""
    return standings(session, [request_id])[request_id]


def written_off(session: Session, request_id: UUID) -> int:
    """What was given up of a request so far, in minor units."""
    total = (
        select(func.coalesce(func.sum(-LedgerEntry.amount), 0))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerAccount.subject == request_id,
            LedgerAccount.kind == AccountKind.RECEIVABLE,
            LedgerTransaction.kind == TransactionKind.WRITTEN_OFF,
        )
    )
    return int(session.scalar(total) or 0)
