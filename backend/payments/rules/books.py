"""The ledger in the words of bookkeeping: statements, ageing, and a journal other programs read. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from backend.payments.rules.money import Money
from backend.payments.rules.postings import AccountKind, TransactionKind

BUCKETS = ("not_due", "to_30", "to_60", "to_90", "over_90")
"""How many days a debt is overdue."""

ACCOUNTS: Mapping[AccountKind, str] = {
    AccountKind.RECEIVABLE: "Assets:Receivable",
    AccountKind.DEPOSITS: "Liabilities:Deposits",
    AccountKind.CREDIT: "Liabilities:Credit",
    AccountKind.REVENUE: "Income:Revenue",
    AccountKind.TAX: "Liabilities:Tax",
    AccountKind.CLEARING: "Assets:Clearing",
    AccountKind.BANK: "Assets:Bank",
    AccountKind.SUSPENSE: "Liabilities:Suspense",
    AccountKind.REFUND_PAYABLE: "Liabilities:Refunds",
    AccountKind.RETURNS: "Income:Returns",
    AccountKind.WRITTEN_OFF: "Expenses:WrittenOff",
    AccountKind.FEES: "Expenses:Fees",
}
"""The accounts of the journal: those of single requests, refunds and bank entries are one each."""

DEPOSIT_REQUESTED = "deposit_requested"
"""What a customer's statement says when a deposit is asked for: no transaction, nobody owes it."""

REFUND = "refund_step"
"""What the statement's line of a refund's step begins with: `refund_step_done`; it moves no balance."""

COLUMNS = ("date", "written", "kind", "request", "source", "account", "debit", "credit", "currency", "note")
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Movement:
    """What changed what is owed on a request: positive is asked for, negative came in. Minor units.

    `kind` is a `TransactionKind`, or DEPOSIT_REQUESTED: then `asked_minor` was asked for and nothing is owed.
    """

    on: date
    kind: str
    number: str
    currency: str
    minor: int
    asked_minor: int = 0
    refund_minor: int = 0


@dataclass(frozen=True, slots=True)
class Overdue:
    """What one customer owes on one request, and since when; and what is missing of it as a deposit."""

    customer_id: UUID
    customer_name: str
    currency: str
    due_on: date
    owed_minor: int
    missing_minor: int = 0


@dataclass(slots=True)
class Aged:
    """What a customer owes in a currency, by how long it is overdue, and what is missing of deposits."""

    customer_id: UUID
    customer_name: str
    currency: str
    missing_minor: int = 0
    owed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))


@dataclass(frozen=True, slots=True)
class BookedLine:
    """One entry of a transaction; debits are positive."""

    kind: AccountKind
    detail: str
    currency: str
    minor: int

    @property
    def account(self) -> str:
        """`Assets:Bank:DE89-…`: letters, digits and hyphens only, as plain-text accounting wants it."""
        name = ACCOUNTS[self.kind]
        detail = "".join(each if each.isascii() and each.isalnum() else "-" for each in self.detail)
        return f"{name}:{detail[:1].upper()}{detail[1:]}" if detail else name


@dataclass(frozen=True, slots=True)
class Booked:
    """A transaction as it stands in the journal."""

    id: UUID
    on: date
    written_on: date
    kind: TransactionKind
    source: str
    number: str | None
    note: str | None
    lines: tuple[BookedLine, ...]


def with_balances(movements: Iterable[Movement]) -> Iterator[tuple[Movement, int]]:
    """Each movement with what is owed after it, in its currency; negative: the customer has credit."""
    balances: dict[str, int] = {}
    for movement in movements:
        balances[movement.currency] = balances.get(movement.currency, 0) + movement.minor
        yield movement, balances[movement.currency]


def aged(unpaid: Iterable[Overdue], today: date) -> list[Aged]:
    """Debts per customer and currency, in the order they come."""
    found: dict[tuple[UUID, str], Aged] = {}
    for debt in unpaid:
        key = (debt.customer_id, debt.currency)
        row = found.setdefault(key, Aged(debt.customer_id, debt.customer_name, debt.currency))
        row.missing_minor += debt.missing_minor
        row.owed[_bucket((today - debt.due_on).days)] += debt.owed_minor
    return list(found.values())


def _bucket(days: int) -> str:
    if days <= 0:
        return "not_due"
    return next((f"to_{limit}" for limit in (30, 60, 90) if days <= limit), "over_90")


def no_formula(text: str) -> str:
    """The text as a cell that a spreadsheet shows and does not calculate: customers and banks write it."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def journal_as_csv(journal: Iterable[Booked]) -> Iterator[str]:
    """RFC 4180, an entry a line; debit and credit are columns of their own, so that no cell begins with a
    minus."""
    yield _csv_line(COLUMNS)
    for booked in journal:
        for line in booked.lines:
            amount = Money(abs(line.minor), line.currency).decimal
            texts = (booked.number or "", booked.source, line.account)
            yield _csv_line(
                (
                    booked.on.isoformat(),
                    booked.written_on.isoformat(),
                    booked.kind.value,
                    *map(no_formula, texts),
                    amount if line.minor > 0 else "",
                    amount if line.minor < 0 else "",
                    line.currency,
                    no_formula(booked.note or ""),
                )
            )


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def journal_as_beancount(journal: Iterable[Booked]) -> Iterator[str]:
    """The journal in the format of Beancount: it opens each account where it first appears."""
    opened: set[str] = set()
    for booked in journal:
        for account in sorted({line.account for line in booked.lines} - opened):
            opened.add(account)
            yield f"1970-01-01 open {account}\n"
        payee, words = _quoted(booked.number or ""), _quoted(booked.kind.value.replace("_", " "))
        yield f"{booked.on.isoformat()} * {payee} {words}\n"
        yield f"  source: {_quoted(booked.source)}\n"
        if booked.note:
            yield f"  note: {_quoted(booked.note)}\n"
        for line in booked.lines:
            yield f"  {line.account}  {Money(line.minor, line.currency).decimal} {line.currency}\n"
        yield "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(escaped.split())}"'
