"""All reading of the ledger, of requests and of what came in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, case, delete, exists, func, literal, select
from sqlalchemy.orm import Session

from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.types import Instant
from backend.payments.models import (
    BankEntry,
    BankFile,
    BankStatement,
    CashComplaint,
    Checkout,
    InboxEvent,
    InboxOutcome,
    LedgerAccount,
    LedgerAudit,
    LedgerEntry,
    LedgerTransaction,
    PaymentRequest,
    Person,
    PersonSession,
    Refund,
    RefundStep,
    RequestLine,
)
from backend.payments.rules.errors import BankEntryNotFound, PaymentRequestNotFound, RefundNotFound
from backend.payments.rules.postings import (
    RECEIPTS,
    Account,
    AccountKind,
    Posted,
    Standing,
    TransactionKind,
)
from schemas.payments import RefundState
from sync.sql import batches

OF_REQUESTS = frozenset({AccountKind.RECEIVABLE, AccountKind.CREDIT})
"""The accounts that are kept per payment request."""


# Locks


def lock_subject(session: Session, subject: UUID) -> None:
    """Let nobody else judge or post about this request or refund until the transaction ends.

    SQLite has one writer anyway. On PostgreSQL an advisory lock: a row lock would need the right to update,
    and rows of the ledger are never updated by anybody.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(subject.bytes).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(key)))


# The ledger


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
    entries = {_account(row): amount for row, amount in rows}
    return Posted(transaction.id, transaction.kind, transaction.request_id, entries)


def _account(row: LedgerAccount) -> Account:
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
        currencies = session.execute(
            select(PaymentRequest.id, PaymentRequest.currency).where(PaymentRequest.id.in_(batch))
        )
        found |= {request_id: Standing(currency) for request_id, currency in currencies}
        refunding = _refunding(session, batch)
        for row in session.execute(_sums(batch)):
            found[row.subject] = Standing(
                currency=found[row.subject].currency,
                issued=int(row.issued),
                owed=max(int(row.receivable), 0),
                credit=max(-int(row.credit), 0),
                received=-int(row.received),
                refunding=refunding.get(row.subject, 0),
            )
    return found


def _sums(request_ids: Sequence[UUID]) -> Select[UUID | None, int, int, int, int]:
    kind = LedgerAccount.kind
    return (
        select(
            LedgerAccount.subject,
            _sum_if(kind == AccountKind.RECEIVABLE).label("receivable"),
            _sum_if(kind == AccountKind.CREDIT).label("credit"),
            _sum_if(LedgerTransaction.kind == TransactionKind.ISSUED).label("issued"),
            _sum_if(LedgerTransaction.kind.in_(RECEIPTS)).label("received"),
        )
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerAccount.subject.in_(request_ids), kind.in_(OF_REQUESTS))
        .group_by(LedgerAccount.subject)
    )


def _refunding(session: Session, request_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What was asked to be refunded and did not fail, per request."""
    failed = exists().where(RefundStep.refund_id == Refund.id, RefundStep.state == RefundState.FAILED)
    rows = session.execute(
        select(Refund.request_id, func.sum(Refund.amount_minor))
        .where(Refund.request_id.in_(request_ids), ~failed)
        .group_by(Refund.request_id)
    )
    return {request_id: int(total) for request_id, total in rows}


def standing_of(session: Session, request_id: UUID) -> Standing:
    """Where one request stands."""
    return standings(session, [request_id])[request_id]


# Requests


def request_by_id(session: Session, request_id: UUID) -> PaymentRequest:
    """That request; raises PaymentRequestNotFound."""
    found = session.get(PaymentRequest, request_id)
    if found is None:
        raise PaymentRequestNotFound("Check the id.")
    return found


def request_by_link(session: Session, link_sha256: str) -> PaymentRequest:
    """The request behind a customer's link; raises PaymentRequestNotFound."""
    found = session.scalar(select(PaymentRequest).where(PaymentRequest.link_sha256 == link_sha256))
    if found is None:
        raise PaymentRequestNotFound("Open the link from your mail again; it may have been cut off.")
    return found


def requests_by_reference(session: Session, references: Collection[str]) -> dict[str, PaymentRequest]:
    """Requests by their creditor reference."""
    found: dict[str, PaymentRequest] = {}
    for batch in batches(sorted(references)):
        rows = session.scalars(select(PaymentRequest).where(PaymentRequest.reference.in_(batch)))
        found |= {row.reference: row for row in rows}
    return found


def requests_of_work_order(session: Session, work_order_id: UUID) -> Sequence[UUID]:
    """What was asked for one work order."""
    return session.scalars(
        select(PaymentRequest.id).where(PaymentRequest.work_order_id == work_order_id)
    ).all()


def lines_of(session: Session, request_id: UUID) -> Sequence[RequestLine]:
    """The lines of a request, in order."""
    return session.scalars(
        select(RequestLine).where(RequestLine.request_id == request_id).order_by(RequestLine.position)
    ).all()


def how_many_requests(session: Session) -> int:
    """How many requests there are."""
    return session.scalar(select(func.count()).select_from(PaymentRequest)) or 0


def receipts_of(session: Session, request_id: UUID) -> Sequence[LedgerTransaction]:
    """What came in for a request and what went back, in order."""
    return session.scalars(
        select(LedgerTransaction)
        .where(LedgerTransaction.request_id == request_id)
        .order_by(LedgerTransaction.posted_at, LedgerTransaction.id)
    ).all()


# Providers


def checkout_by_provider_id(session: Session, provider: str, provider_id: str) -> Checkout | None:
    """The checkout that a provider calls by this name."""
    return session.scalar(
        select(Checkout).where(Checkout.provider == provider, Checkout.provider_id == provider_id)
    )


def checkouts_of(session: Session, request_id: UUID, provider: str) -> Sequence[Checkout]:
    """The checkouts opened for a request, the newest first."""
    return session.scalars(
        select(Checkout)
        .where(Checkout.request_id == request_id, Checkout.provider == provider)
        .order_by(Checkout.created_at.desc(), Checkout.id.desc())
    ).all()


def unanswered_checkouts(session: Session, provider: str, since: datetime) -> Sequence[Checkout]:
    """Checkouts since then that nothing was posted for: what a poll has to ask about."""
    is_posted = exists().where(
        LedgerTransaction.source == provider,
        LedgerTransaction.request_id == Checkout.request_id,
        LedgerTransaction.posted_at >= Checkout.created_at,
    )
    return session.scalars(
        select(Checkout)
        .where(Checkout.provider == provider, Checkout.created_at >= since, ~is_posted)
        .order_by(Checkout.id)
    ).all()


def waiting_events(session: Session, limit: int) -> Sequence[InboxEvent]:
    """Messages that nobody has worked on, oldest first."""
    done = exists().where(InboxOutcome.event_id == InboxEvent.id)
    return session.scalars(
        select(InboxEvent).where(~done).order_by(InboxEvent.received_at, InboxEvent.id).limit(limit)
    ).all()


# The bank


def bank_file_by_hash(session: Session, sha256: str) -> BankFile | None:
    """The file imported before with this content."""
    return session.scalar(select(BankFile).where(BankFile.sha256 == sha256))


def known_bank_keys(session: Session, iban: str, keys: Iterable[str]) -> set[str]:
    """Which of these entries were imported before, from whatever file."""
    found: set[str] = set()
    for batch in batches(list(keys)):
        found |= set(
            session.scalars(select(BankEntry.key).where(BankEntry.iban == iban, BankEntry.key.in_(batch)))
        )
    return found


def statement_before(session: Session, iban: str, currency: str, sequence: int) -> BankStatement | None:
    """The statement of this account with the highest sequence below this one."""
    return session.scalar(
        select(BankStatement)
        .where(
            BankStatement.iban == iban,
            BankStatement.currency == currency,
            BankStatement.sequence < sequence,
        )
        .order_by(BankStatement.sequence.desc())
        .limit(1)
    )


def statement_with_sequence(session: Session, iban: str, currency: str, sequence: int) -> bool:
    """Whether a statement of this account with this number was imported."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    BankStatement.iban == iban,
                    BankStatement.currency == currency,
                    BankStatement.sequence == sequence,
                )
            )
        )
    )


def bank_entry_by_id(session: Session, entry_id: UUID) -> BankEntry:
    """That bank entry; raises BankEntryNotFound."""
    found = session.get(BankEntry, entry_id)
    if found is None:
        raise BankEntryNotFound("Check the id.")
    return found


def suspense(session: Session) -> Mapping[UUID, int]:
    """What waits in suspense, by bank entry: positive is money we hold and cannot tell whose."""
    rows = session.execute(
        select(LedgerAccount.subject, func.sum(LedgerEntry.amount))
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .where(LedgerAccount.kind == AccountKind.SUSPENSE)
        .group_by(LedgerAccount.subject)
        .having(func.sum(LedgerEntry.amount) != 0)
    )
    return {subject: -int(total) for subject, total in rows if subject is not None}


# Refunds, complaints


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


# People of finance

HOLDER = (
    select(Person.id)
    .join(PersonSession, PersonSession.person_id == Person.id)
    .where(
        PersonSession.token_sha256 == bindparam("token"),
        PersonSession.expires_at > bindparam("now", type_=Instant()),
        Person.disabled_at.is_(None),
    )
)
"""Who holds the token with this hash now."""


def person_by_email(session: Session, email: str) -> Person | None:
    """Whoever may sign in with this address."""
    return session.scalar(select(Person).where(Person.email == email, Person.disabled_at.is_(None)))


def is_known_address(session: Session, email: str) -> bool:
    """Whether the address is anybody's, disabled or not."""
    return bool(session.scalar(select(exists().where(Person.email == email))))


def refused_sign_ins(session: Session, person_id: UUID, since: datetime) -> int:
    """How often somebody was refused at the door since then."""
    return (
        session.scalar(
            select(func.count())
            .select_from(LedgerAudit)
            .where(
                LedgerAudit.subject_id == person_id,
                LedgerAudit.action == "session.refused",
                LedgerAudit.at > since,
            )
        )
        or 0
    )


def forget_sessions(session: Session, now: datetime) -> None:
    """Delete what is over."""
    session.execute(delete(PersonSession).where(PersonSession.expires_at <= now))


# Lists


def list_requests(
    session: Session, page: PageRequest, *, customer_id: UUID | None = None, work_order_id: UUID | None = None
) -> Page[PaymentRequest]:
    """Payment requests, of a customer or of a work order, oldest first."""
    statement = select(PaymentRequest)
    if customer_id is not None:
        statement = statement.where(PaymentRequest.customer_id == customer_id)
    if work_order_id is not None:
        statement = statement.where(PaymentRequest.work_order_id == work_order_id)
    return fetch_page(session, statement, page, key=PaymentRequest.issued_at)


def bank_entries(session: Session, entry_ids: Collection[UUID]) -> Sequence[BankEntry]:
    """These bank entries, by day."""
    found: list[BankEntry] = []
    for batch in batches(sorted(entry_ids)):
        found += session.scalars(select(BankEntry).where(BankEntry.id.in_(batch)))
    return sorted(found, key=lambda entry: (entry.booked_on, entry.id))
