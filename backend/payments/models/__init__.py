"""The tables of the payments side, a file per subject.

Who may change what is in `roles.py`: everything that tells of money is only ever added to.
"""

from __future__ import annotations

from backend.db.ddl import append_only
from backend.payments.models.bank import BankEntry, BankFile, BankStatement
from backend.payments.models.base import CHAIN, LEDGER, METADATAS, SCHEMA
from backend.payments.models.disputes import Dispute, DisputeStep
from backend.payments.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction, Reconciliation
from backend.payments.models.matters import SettledMatter
from backend.payments.models.people import LedgerAudit, Person, PersonSession
from backend.payments.models.providers import Checkout, InboxEvent, InboxOutcome
from backend.payments.models.refunds import Refund, RefundStep
from backend.payments.models.requests import (
    BillChannel,
    CashComplaint,
    EndedDeposit,
    Notice,
    PartTaxRate,
    PaymentRequest,
    RequestLine,
)

__all__ = [
    "CHAIN",
    "CHANGING",
    "LEDGER",
    "METADATAS",
    "SCHEMA",
    "BankEntry",
    "BankFile",
    "BankStatement",
    "BillChannel",
    "CashComplaint",
    "Checkout",
    "Dispute",
    "DisputeStep",
    "EndedDeposit",
    "InboxEvent",
    "InboxOutcome",
    "LedgerAccount",
    "LedgerAudit",
    "LedgerEntry",
    "LedgerTransaction",
    "Notice",
    "PartTaxRate",
    "PaymentRequest",
    "Person",
    "PersonSession",
    "Reconciliation",
    "Refund",
    "RefundStep",
    "RequestLine",
    "SettledMatter",
]

CHANGING = frozenset({"outbox_messages", "people", "sessions"})
"""The only tables of which rows are changed or deleted."""

for _table in LEDGER.sorted_tables:
    if _table.name not in CHANGING:
        append_only(LEDGER, _table.name)
