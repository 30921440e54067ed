"""Reading bank statements and what waits in suspense."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.payments.models import (
    BankEntry,
    BankFile,
    LedgerAccount,
    LedgerEntry,
)
from backend.payments.rules.errors import BankEntryNotFound
from backend.payments.rules.postings import (
    AccountKind,
)
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


def bank_entries(session: Session, entry_ids: Collection[UUID]) -> Sequence[BankEntry]:
    """These bank entries, by day."""
    found: list[BankEntry] = []
    for batch in batches(sorted(entry_ids)):
        found += session.scalars(select(BankEntry).where(BankEntry.id.in_(batch)))
    return sorted(found, key=lambda entry: (entry.booked_on, entry.id))
