"""Adding rows by the statement: many at once, or once however often they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backend.payments.models import (
    BankEntry,
    Checkout,
    InboxEvent,
    InboxOutcome,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
)
from sync.sql import dialect_of, upsert

Row = Mapping[str, Any]


def insert_transactions(session: Session, entries: Sequence[Row], transactions: Sequence[Row]) -> None:
    """Entries first, then the transactions that seal them (decision 90)."""
    connection = session.connection()
    connection.execute(insert(LedgerEntry), entries)
    connection.execute(insert(LedgerTransaction), transactions)


def insert_accounts(session: Session, rows: Sequence[Row]) -> None:
    """Those of the accounts that somebody else has not made meanwhile."""
    statement = upsert(dialect_of(session), LedgerAccount).on_conflict_do_nothing(index_elements=["code"])
    session.connection().execute(statement, rows)


def insert_bank_entries(session: Session, rows: Sequence[Row]) -> None:
    """Booked entries, none of which may be there."""
    session.connection().execute(insert(BankEntry), rows)


def keep_message(session: Session, row: Row) -> bool:
    """A provider's message; whether it is new."""
    statement = upsert(dialect_of(session), InboxEvent).values(row)
    statement = statement.on_conflict_do_nothing(index_elements=["provider", "event_id"])
    return session.connection().execute(statement.returning(InboxEvent.id)).first() is not None


def keep_outcome(session: Session, row: Row) -> None:
    """What became of a message; the first word stands."""
    statement = upsert(dialect_of(session), InboxOutcome).values(row)
    session.connection().execute(statement.on_conflict_do_nothing(index_elements=["event_id"]))


def keep_checkout(session: Session, row: Row) -> None:
    """A checkout, unless it is known."""
    statement = upsert(dialect_of(session), Checkout).values(row)
    session.connection().execute(statement.on_conflict_do_nothing(index_elements=["provider", "provider_id"]))
