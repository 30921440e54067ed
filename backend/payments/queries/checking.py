"""What the oracle of the ledger looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session, aliased

from backend.payments.models import (
    BankEntry,
    BankStatement,
    InboxEvent,
    InboxOutcome,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    PaymentRequest,
    Refund,
    RequestLine,
)
from backend.payments.queries.ledger import DEPOSITED, account_of
from backend.payments.rules.postings import (
    Account,
    AccountKind,
    TransactionKind,
)
from backend.payments.rules.statements import Told
from schemas.payments import RequestKind


def figures(session: Session) -> Mapping[str, int]:
    """How much there is, in figures."""
    counted = {
        "requests": PaymentRequest.id,
        "transactions": LedgerTransaction.id,
        "bank entries": BankEntry.id,
        "messages": InboxEvent.id,
        "refunds": Refund.id,
    }
    return {name: session.scalar(select(func.count(column))) or 0 for name, column in counted.items()}


def unbalanced(session: Session) -> Sequence[tuple[UUID, str, int]]:
    """Transactions whose entries do not sum to zero in a currency; the database should have refused each."""
    total = func.sum(LedgerEntry.amount)
    rows = session.execute(
        select(LedgerEntry.transaction_id, LedgerAccount.currency, total)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .group_by(LedgerEntry.transaction_id, LedgerAccount.currency)
        .having(total != 0)
    )
    return [(transaction_id, currency, int(sum_)) for transaction_id, currency, sum_ in rows]


def empty_transactions(session: Session) -> Sequence[UUID]:
    """Transactions without entries."""
    has_entries = exists().where(LedgerEntry.transaction_id == LedgerTransaction.id)
    return session.scalars(select(LedgerTransaction.id).where(~has_entries)).all()


def issued_against_lines(session: Session) -> Sequence[tuple[UUID, int, int, int | None]]:
    """Per request: what is due by its own figures (of a deposit nothing), what was issued in the ledger, what
    its lines make."""
    issued = (
        select(func.coalesce(func.sum(LedgerEntry.amount), 0))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerTransaction.request_id == PaymentRequest.id,
            LedgerTransaction.kind == TransactionKind.ISSUED,
            LedgerAccount.kind == AccountKind.RECEIVABLE,
        )
        .scalar_subquery()
    )
    lines = (
        select(func.sum(RequestLine.gross_minor - RequestLine.covered_minor))
        .where(RequestLine.request_id == PaymentRequest.id)
        .scalar_subquery()
    )
    due = case(
        (PaymentRequest.kind == RequestKind.DEPOSIT, 0),
        else_=PaymentRequest.gross_minor - PaymentRequest.covered_minor,
    )
    rows = session.execute(select(PaymentRequest.id, due, issued, lines))
    return [(row[0], int(row[1]), int(row[2]), None if row[3] is None else int(row[3])) for row in rows]


def every_deposit(session: Session) -> Sequence[tuple[UUID, UUID]]:
    """Every deposit there is, with its work order."""
    rows = session.execute(
        select(PaymentRequest.id, PaymentRequest.work_order_id).where(
            PaymentRequest.kind == RequestKind.DEPOSIT
        )
    )
    return [(request_id, work_order_id) for request_id, work_order_id in rows]


def strangers_deposits(session: Session) -> Sequence[UUID]:
    """Transactions that say they use a deposit, and go between no deposit and bill of one work order."""
    deposit, bill = aliased(PaymentRequest), aliased(PaymentRequest)
    account = aliased(LedgerAccount)
    is_right = (
        exists()
        .where(
            LedgerEntry.transaction_id == LedgerTransaction.id,
            account.id == LedgerEntry.account_id,
            deposit.id == account.subject,
            deposit.kind == RequestKind.DEPOSIT,
            bill.id == LedgerTransaction.request_id,
            bill.kind == RequestKind.BILL,
            bill.work_order_id == deposit.work_order_id,
        )
        .correlate(LedgerTransaction)
    )
    return session.scalars(
        select(LedgerTransaction.id).where(LedgerTransaction.kind.in_(DEPOSITED), ~is_right)
    ).all()


def work_orders_with_requests(session: Session) -> Mapping[UUID, list[UUID]]:
    """The requests of every work order that something was asked for."""
    found: dict[UUID, list[UUID]] = {}
    for work_order_id, request_id in session.execute(select(PaymentRequest.work_order_id, PaymentRequest.id)):
        found.setdefault(work_order_id, []).append(request_id)
    return found


def events_waiting_since(session: Session, moment: datetime) -> Sequence[UUID]:
    """Messages from before then that nobody acted on."""
    done = exists().where(InboxOutcome.event_id == InboxEvent.id)
    return session.scalars(
        select(InboxEvent.id).where(~done, InboxEvent.received_at < moment).order_by(InboxEvent.received_at)
    ).all()


def balances_of(session: Session, kind: AccountKind) -> dict[Account, int]:
    """The balance of every account of a kind, in minor units, debits positive."""
    rows = session.execute(
        select(LedgerAccount, func.sum(LedgerEntry.amount))
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .where(LedgerAccount.kind == kind)
        .group_by(LedgerAccount.id)
    )
    return {account_of(row): int(total) for row, total in rows}


def statements_told(session: Session) -> Mapping[tuple[str, str], list[Told]]:
    """What every statement says of itself, by account and currency, in the order of import."""
    brought = (
        select(
            BankEntry.statement_id,
            BankEntry.currency,
            func.count().label("entries"),
            func.sum(BankEntry.amount_minor).label("moved"),
        )
        .group_by(BankEntry.statement_id, BankEntry.currency)
        .subquery()
    )
    its_own = (brought.c.statement_id == BankStatement.id) & (brought.c.currency == BankStatement.currency)
    rows = session.execute(
        select(BankStatement, brought.c.entries, brought.c.moved)
        .outerjoin(brought, its_own)
        .order_by(BankStatement.id)
    )
    found: dict[tuple[str, str], list[Told]] = {}
    for row, entries, moved in rows:
        told = Told(
            row.sequence,
            row.ends_on,
            row.opening_minor,
            row.closing_minor,
            int(entries or 0),
            int(moved or 0),
        )
        found.setdefault((row.iban, row.currency), []).append(told)
    return found
