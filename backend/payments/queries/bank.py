"""Reading bank statements and what waits in suspense."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.payments.models import (
    BankEntry,
    BankFile,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
)
from backend.payments.rules.errors import BankEntryNotFound
from backend.payments.rules.postings import (
    AccountKind,
    TransactionKind,
)
from backend.payments.rules.refunding import UNMATCHED
from sync.sql import batches


def bank_file_by_hash(session: Session, sha256: str) -> BankFile | None:
    """The file imported before with this content."""
    return session.scalar(select(BankFile).where(BankFile.sha256 == sha256))


def known_bank_keys(session: Session, iban: str, since: date, until: date) -> set[str]:
    """The keys of all entries imported before that were booked on these days, from whatever file.

    A key holds its day, so nothing of another day can be the same; and to name ten thousand keys one by one
    takes a database longer than to tell those of a few days.
    """
    statement = select(BankEntry.key).where(
        BankEntry.iban == iban, BankEntry.booked_on >= since, BankEntry.booked_on <= until
    )
    return set(session.scalars(statement))


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


@dataclass(frozen=True)
class Match:
    """That some of a bank entry counts for a request: the identity of its posting, and minor units."""

    entry_id: UUID
    source: str
    source_key: str
    minor: int


def matches_of(session: Session, request_id: UUID) -> list[Match]:
    """The bank entries that count for a request, by reference or by decision, and were not undone."""
    found = [*_by_reference(session, request_id), *_by_decision(session, request_id)]
    undone = set(
        session.scalars(
            select(LedgerTransaction.source_key).where(
                LedgerTransaction.request_id == request_id,
                LedgerTransaction.kind == TransactionKind.UNMATCHED,
            )
        )
    )
    return [match for match in found if f"{UNMATCHED}{match.source_key}" not in undone]


def _by_reference(session: Session, request_id: UUID) -> Iterator[Match]:
    key = BankEntry.iban + ":" + BankEntry.key
    rows = session.execute(
        select(BankEntry.id, LedgerTransaction.source_key, BankEntry.amount_minor)
        .join(LedgerTransaction, LedgerTransaction.source_key == key)
        .where(
            LedgerTransaction.request_id == request_id,
            LedgerTransaction.kind == TransactionKind.TRANSFER_MATCHED,
        )
    )
    return (Match(entry_id, "bank", source_key, minor) for entry_id, source_key, minor in rows)


def _by_decision(session: Session, request_id: UUID) -> Iterator[Match]:
    rows = session.execute(
        select(LedgerAccount.subject, LedgerTransaction.source_key, LedgerEntry.amount)
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerAccount.kind == AccountKind.SUSPENSE,
            LedgerTransaction.request_id == request_id,
            LedgerTransaction.kind == TransactionKind.SUSPENSE_MATCHED,
        )
    )
    return (Match(entry_id, "suspense", key, int(minor)) for entry_id, key, minor in rows if entry_id)


def bank_entries(session: Session, entry_ids: Collection[UUID]) -> Sequence[BankEntry]:
    """These bank entries, by day."""
    found: list[BankEntry] = []
    for batch in batches(sorted(entry_ids)):
        found += session.scalars(select(BankEntry).where(BankEntry.id.in_(batch)))
    return sorted(found, key=lambda entry: (entry.booked_on, entry.id))
