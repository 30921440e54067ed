"""The tables of the payments side: a history, a schema and an SQLite file of their own.

Who may change what is in `roles.py`: everything that tells of money is only ever added to.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import NAMING_CONVENTION, Base
from backend.db.ddl import append_only, extra_ddl
from backend.db.outbox_message import OutboxMessage
from backend.db.types import JsonDocument
from backend.db.upgrade import Chain
from backend.payments.rules.postings import AccountKind, TransactionKind
from schemas.payments import InboxState, RefundState

SCHEMA = "payments"
LEDGER = MetaData(naming_convention=NAMING_CONVENTION)
METADATAS = (LEDGER,)
CHAIN = Chain(SCHEMA, versions=Path(__file__).parent / "migrations" / "versions")
"""Read by `python -m backend.db.revisions --of backend.payments.models`."""

OutboxMessage.__table__.to_metadata(LEDGER)  # type: ignore[attr-defined]  # the same outbox, a second time


class LedgerBase(Base):
    """Base of all tables of the payments side."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = LEDGER

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)


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


class PaymentRequest(LedgerBase):
    """What a customer is asked to pay for one signed report, and the words it was asked in.

    Names and addresses are copied: what was asked must stay what was asked. `link_sha256` is the hash of the
    token in the customer's link. due = gross - covered.
    """

    __tablename__ = "payment_requests"
    __table_args__ = (
        CheckConstraint("gross_minor >= 0 AND covered_minor BETWEEN 0 AND gross_minor", name="amounts"),
        Index(None, "work_order_id"),
        Index(None, "customer_id"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(String(25), unique=True)
    link_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    work_order_id: Mapped[UUID]
    work_order_number: Mapped[str]
    report_id: Mapped[UUID] = mapped_column(index=True)
    customer_id: Mapped[UUID]
    customer_name: Mapped[str]
    customer_email: Mapped[str | None]
    summary: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    gross_minor: Mapped[int]
    covered_minor: Mapped[int]
    issued_at: Mapped[datetime]
    due_on: Mapped[date]


class RequestLine(LedgerBase):
    """One approved charge as it is billed; `charge_id` unique is what makes billing it twice impossible."""

    __tablename__ = "request_lines"
    __table_args__ = (
        CheckConstraint("covered_minor BETWEEN 0 AND gross_minor", name="covered"),
        CheckConstraint("(covered_minor > 0) = (covered_by IS NOT NULL)", name="covered_by"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    charge_id: Mapped[UUID] = mapped_column(unique=True)
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[int]
    unit_minor: Mapped[int]
    gross_minor: Mapped[int]
    covered_minor: Mapped[int]
    covered_by: Mapped[str | None]
    tax_basis_points: Mapped[int]
    tax_minor: Mapped[int]


class Checkout(LedgerBase):
    """A way to pay that a provider opened for a request."""

    __tablename__ = "checkouts"
    __table_args__ = (UniqueConstraint("provider", "provider_id"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    provider: Mapped[str]
    provider_id: Mapped[str]
    url: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]


class InboxEvent(LedgerBase):
    """A verified message of a provider, as it came: raw bytes, once per event id."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("provider", "event_id"),)

    provider: Mapped[str]
    event_id: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    headers: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    received_at: Mapped[datetime]
    verified: Mapped[bool]


class InboxOutcome(Base):
    """What became of a message; one without is still to be worked on."""

    __tablename__ = "inbox_outcomes"
    metadata: ClassVar[MetaData] = LEDGER

    event_id: Mapped[UUID] = mapped_column(ForeignKey("inbox.id"), primary_key=True)
    state: Mapped[InboxState]
    detail: Mapped[str]
    at: Mapped[datetime]


class BankFile(LedgerBase):
    """A file of statements that was imported, by its hash: the same file twice is once."""

    __tablename__ = "bank_files"

    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    imported_at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))


class BankStatement(LedgerBase):
    """One statement of an account of ours, with the balances it says."""

    __tablename__ = "bank_statements"
    __table_args__ = (Index(None, "iban", "currency", "sequence"),)

    file_id: Mapped[UUID] = mapped_column(ForeignKey("bank_files.id"))
    iban: Mapped[str]
    statement_id: Mapped[str]
    sequence: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    opening_minor: Mapped[int | None]
    closing_minor: Mapped[int | None]
    ends_on: Mapped[date | None]


class BankEntry(LedgerBase):
    """A booked entry of our bank account: positive came in. `key` recognises it in whatever file it comes."""

    __tablename__ = "bank_entries"
    __table_args__ = (UniqueConstraint("iban", "key"), CheckConstraint("amount_minor <> 0", name="amount"))

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("bank_statements.id"), index=True)
    iban: Mapped[str]
    key: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    booked_on: Mapped[date]
    reference: Mapped[str | None]
    remittance: Mapped[str]
    counterparty: Mapped[str | None]
    counterparty_iban: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    returned: Mapped[bool]
    proposed_request_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_requests.id"))
    proposed_why: Mapped[str | None]


class Refund(LedgerBase):
    """Money that somebody of finance asked to have sent back."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    provider: Mapped[str]
    payment_id: Mapped[str]
    reason: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]


class RefundStep(LedgerBase):
    """A step a refund took; the last one is where it stands."""

    __tablename__ = "refund_steps"
    __table_args__ = (UniqueConstraint("refund_id", "state"),)

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refunds.id"))
    state: Mapped[RefundState]
    at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    detail: Mapped[str]


class CashComplaint(LedgerBase):
    """A customer says that somebody asked for cash. Nobody of the field ever sees it."""

    __tablename__ = "cash_complaints"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("payment_requests.id"), index=True)
    words: Mapped[str]
    said_at: Mapped[datetime]


class PartTaxRate(LedgerBase):
    """From when on a part is taxed at another rate than usual; the latest counts."""

    __tablename__ = "part_tax_rates"
    __table_args__ = (
        CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
        Index(None, "part_id", "set_at"),
    )

    part_id: Mapped[UUID]
    basis_points: Mapped[int]
    set_at: Mapped[datetime]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))


class Reconciliation(LedgerBase):
    """That ledger, providers and bank were held against each other, and what did not agree."""

    __tablename__ = "reconciliations"

    at: Mapped[datetime] = mapped_column(index=True)
    alarms: Mapped[list[str]] = mapped_column(JsonDocument)


class Person(LedgerBase):
    """Somebody of finance. Not a user of the field: whoever rules there must not rule here."""

    __tablename__ = "people"

    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class PersonSession(LedgerBase):
    """That somebody of finance is signed in; only the hash of the token is kept."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    expires_at: Mapped[datetime]


class LedgerAudit(LedgerBase):
    """Who did what on the payments side."""

    __tablename__ = "audit_log"

    at: Mapped[datetime]
    person_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


CHANGING = frozenset({"outbox_messages", "people", "sessions"})
"""The only tables of which rows are changed or deleted."""

for _table in LEDGER.sorted_tables:
    if _table.name not in CHANGING:
        append_only(LEDGER, _table.name)

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
