"""Tables of the ledger: what happened to money. The database itself refuses what does not balance."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base
from backend.db.ddl import extra_ddl
from backend.db.types import JsonDocument
from backend.payments.models.base import LEDGER, LedgerBase
from backend.payments.rules.postings import AccountKind, TransactionKind


class LedgerAccount(LedgerBase):
    """An account. `code` is its name (`backend.payments.rules.postings.Account.code`)."""

    __tablename__ = "accounts"

    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[AccountKind]
    currency: Mapped[str] = mapped_column(String(3))
    subject: Mapped[UUID | None] = mapped_column(index=True)
    detail: Mapped[str]


class LedgerTransaction(LedgerBase):
    """Something that happened to money, written after its entries: it seals them."""

    __tablename__ = "transactions"
    __table_args__ = (UniqueConstraint("source", "source_key"),)

    source: Mapped[str]
    source_key: Mapped[str]
    kind: Mapped[TransactionKind]
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    effective_at: Mapped[datetime]
    posted_at: Mapped[datetime]
    reverses: Mapped[UUID | None] = mapped_column(ForeignKey("transactions.id"), unique=True)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    note: Mapped[str | None]


class LedgerEntry(Base):
    """One line of a transaction: minor units, debit positive, never 0."""

    __tablename__ = "entries"
    __table_args__ = (CheckConstraint("amount <> 0", name="amount"),)
    metadata: ClassVar[MetaData] = LEDGER

    # Deferred: entries come first, and the transaction that is written last judges whether they balance.
    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("transactions.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    amount: Mapped[int]


class Reconciliation(LedgerBase):
    """That ledger, providers and bank were held against each other, and what did not agree."""

    __tablename__ = "reconciliations"

    at: Mapped[datetime] = mapped_column(index=True)
    alarms: Mapped[list[str]] = mapped_column(JsonDocument)


# PostgreSQL judges at commit. SQLite has no deferred triggers: there the transaction is written after its
# entries and judged as it comes, no entry can join it later, and entries without one fail their deferred key.
extra_ddl(
    LEDGER,
    "sqlite",
    [
        "CREATE TRIGGER transaction_balances BEFORE INSERT ON transactions "
        "WHEN NOT EXISTS (SELECT 1 FROM entries WHERE transaction_id = NEW.id) OR EXISTS ("
        "SELECT 1 FROM entries JOIN accounts ON accounts.id = entries.account_id "
        "WHERE entries.transaction_id = NEW.id GROUP BY accounts.currency HAVING sum(entries.amount) <> 0) "
        "BEGIN SELECT RAISE(ABORT, 'constraint:transaction_balances'); END",
        "CREATE TRIGGER transaction_is_sealed BEFORE INSERT ON entries "
        "WHEN EXISTS (SELECT 1 FROM transactions WHERE id = NEW.transaction_id) "
        "BEGIN SELECT RAISE(ABORT, 'constraint:transaction_is_sealed'); END",
    ],
)
extra_ddl(
    LEDGER,
    "postgresql",
    [
        "CREATE FUNCTION transaction_balances() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = payments, pg_temp "
        # Planned once per connection, perhaps on empty tables: it must not come to read them whole.
        "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off "
        "AS $$ DECLARE checked uuid; BEGIN "
        "IF TG_TABLE_NAME = 'entries' THEN checked := NEW.transaction_id; ELSE checked := NEW.id; END IF; "
        "IF NOT EXISTS (SELECT 1 FROM entries e WHERE e.transaction_id = checked) OR EXISTS ("
        "SELECT 1 FROM entries e JOIN accounts a ON a.id = e.account_id "
        "WHERE e.transaction_id = checked GROUP BY a.currency HAVING sum(e.amount) <> 0) THEN "
        "RAISE EXCEPTION 'transaction % does not sum to zero', checked "
        "USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_balances', TABLE = 'entries'; "
        "END IF; RETURN NULL; END $$",
        *(
            f"CREATE CONSTRAINT TRIGGER transaction_balances_{table} AFTER INSERT ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION transaction_balances()"
            for table in ("entries", "transactions")
        ),
    ],
)
