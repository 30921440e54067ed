"""What each event of money means in the ledger: the table of docs/payments.md as functions.

Debits are positive. `receivable`, `deposits` and `credit` are kept per payment request (what is owed on it,
what was paid on it before the work, what was paid too much), `refund_payable` per refund, `suspense` per bank
entry; the other accounts once per currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.payments.rules.errors import TransactionUnbalanced
from backend.payments.rules.money import Money
from backend.payments.rules.standing import Standing


class AccountKind(StrEnum):
    """The chart of accounts."""

    RECEIVABLE = "receivable"
    DEPOSITS = "deposits"
    CREDIT = "credit"
    REVENUE = "revenue"
    TAX = "tax"
    CLEARING = "clearing"
    BANK = "bank"
    SUSPENSE = "suspense"
    REFUND_PAYABLE = "refund_payable"
    RETURNS = "returns"
    WRITTEN_OFF = "written_off"
    FEES = "fees"


class TransactionKind(StrEnum):
    """Why something was posted."""

    ISSUED = "issued"
    CARD_PAID = "card_paid"
    TRANSFER_MATCHED = "transfer_matched"
    TRANSFER_UNMATCHED = "transfer_unmatched"
    SUSPENSE_MATCHED = "suspense_matched"
    SUSPENSE_CLEARED = "suspense_cleared"
    UNMATCHED = "unmatched"
    FEE = "fee"
    WRITTEN_OFF = "written_off"
    REFUND_ASKED = "refund_asked"
    REFUND_DONE = "refund_done"
    REFUND_FAILED = "refund_failed"
    REFUND_DECLINED = "refund_declined"
    RETURNED = "returned"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DEPOSIT_USED = "deposit_used"
    DEPOSIT_UNUSED = "deposit_unused"
    DEPOSIT_LEFT = "deposit_left"


RECEIPTS = frozenset(
    {
        TransactionKind.CARD_PAID,
        TransactionKind.TRANSFER_MATCHED,
        TransactionKind.SUSPENSE_MATCHED,
        TransactionKind.RETURNED,
        TransactionKind.DISPUTED,
        TransactionKind.DISPUTE_WON,
        TransactionKind.UNMATCHED,
    }
)
"""What brings money in for a request, or takes back what came in."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account by what it is, before it has a row. `subject` is the request, refund or bank entry it is of;
    `detail` tells accounts of one kind apart: a tax rate, a provider, an IBAN."""

    kind: AccountKind
    currency: str
    subject: UUID | None = None
    detail: str = ""

    @property
    def code(self) -> str:
        """The unique name of the account: `receivable:EUR:01890a5d-…`."""
        parts = (self.kind.value, self.currency, str(self.subject or ""), self.detail)
        return ":".join(parts).rstrip(":")


@dataclass(frozen=True, slots=True)
class Posting:
    """A transaction before it is written: `source` and `source_key` are its identity, posted at most once."""

    source: str
    source_key: str
    kind: TransactionKind
    effective_at: datetime
    entries: Mapping[Account, int]
    request_id: UUID | None = None
    reverses: UUID | None = None
    person_id: UUID | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        sums: defaultdict[str, int] = defaultdict(int)
        for account, minor in self.entries.items():
            Money(minor, account.currency)
            sums[account.currency] += minor
        if not self.entries or any(sums.values()) or not all(self.entries.values()):
            raise TransactionUnbalanced(
                "What is debited must be credited, in every currency, and no entry is of 0.",
                source=self.source,
            )


def entries_of(pairs: Iterable[tuple[Account, int]]) -> dict[Account, int]:
    """Entries with one line per account, and none of 0."""
    sums: defaultdict[Account, int] = defaultdict(int)
    for account, minor in pairs:
        sums[account] += minor
    return {account: minor for account, minor in sums.items() if minor}


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in for a request: on which account of ours, and under which identity."""

    into: Account
    minor: int
    source: str
    source_key: str
    kind: TransactionKind
    at: datetime
    person_id: UUID | None = None
    note: str | None = None


def issued(
    request_id: UUID, currency: str, taxes: Mapping[int, tuple[int, int]], at: datetime
) -> Posting | None:
    """What is owed from now on; `taxes`: basis points to (net, tax). None when nothing is owed."""
    lines = []
    for basis_points, (net, tax) in taxes.items():
        lines += [
            (Account(AccountKind.RECEIVABLE, currency, request_id), net + tax),
            (Account(AccountKind.REVENUE, currency), -net),
            (Account(AccountKind.TAX, currency, detail=str(basis_points)), -tax),
        ]
    entries = entries_of(lines)
    if not entries:
        return None
    return Posting("request", str(request_id), TransactionKind.ISSUED, at, entries, request_id=request_id)


def received(request_id: UUID, receipt: Receipt, standing: Standing) -> Posting:
    """Money for a request: it settles what is owed, then what is missing of a deposit; the rest is credit."""
    currency = receipt.into.currency
    settles, held, credit = standing.shares_of(receipt.minor)
    entries = entries_of(
        [
            (receipt.into, receipt.minor),
            (Account(AccountKind.RECEIVABLE, currency, request_id), -settles),
            (Account(AccountKind.DEPOSITS, currency, request_id), -held),
            (Account(AccountKind.CREDIT, currency, request_id), -credit),
        ]
    )
    return Posting(
        receipt.source,
        receipt.source_key,
        receipt.kind,
        receipt.at,
        entries,
        request_id=request_id,
        person_id=receipt.person_id,
        note=receipt.note,
    )


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Money that a request has no more: a returned transfer, a disputed payment, one that was another's."""

    out_of: Account
    minor: int
    source: str
    source_key: str
    kind: TransactionKind
    at: datetime
    person_id: UUID | None = None
    note: str | None = None


def taken_back(request_id: UUID, back: TakenBack, standing: Standing) -> Posting:
    """The opposite of `received`: out of the credit first, then of what is held; what is beyond is owed."""
    owed = Account(AccountKind.RECEIVABLE, back.out_of.currency, request_id)
    entries = entries_of([(back.out_of, -back.minor), *_drawn(request_id, back.minor, standing, owed)])
    return Posting(
        back.source,
        back.source_key,
        back.kind,
        back.at,
        entries,
        request_id=request_id,
        person_id=back.person_id,
        note=back.note,
    )


def _drawn(
    request_id: UUID, minor: int, standing: Standing, beyond: Account
) -> Iterator[tuple[Account, int]]:
    """What goes away from a customer's money: of the credit first, then of what is held, then `beyond`."""
    from_credit, from_held = standing.drawn(minor)
    yield Account(AccountKind.CREDIT, beyond.currency, request_id), from_credit
    yield Account(AccountKind.DEPOSITS, beyond.currency, request_id), from_held
    yield beyond, minor - from_credit - from_held


def suspended(bank: Account, entry_id: UUID, minor: int, source_key: str, at: datetime) -> Posting:
    """A bank entry (negative: a debit) that nobody has matched: it waits in suspense for a person."""
    entries = {bank: minor, Account(AccountKind.SUSPENSE, bank.currency, entry_id): -minor}
    return Posting("bank", source_key, TransactionKind.TRANSFER_UNMATCHED, at, entries)


def dispute_lost(provider: str, source_key: str, request_id: UUID, money: Money, at: datetime) -> Posting:
    """The bank of the card decided against us: what is owed since it took the money is given up."""
    entries = {
        Account(AccountKind.WRITTEN_OFF, money.currency): money.minor,
        Account(AccountKind.RECEIVABLE, money.currency, request_id): -money.minor,
    }
    return Posting(provider, source_key, TransactionKind.DISPUTE_LOST, at, entries, request_id=request_id)


def fee(provider: str, money: Money, source_key: str, at: datetime) -> Posting:
    """What a provider keeps for itself; negative: what of it it gave back."""
    entries = {
        Account(AccountKind.FEES, money.currency, detail=provider): money.minor,
        Account(AccountKind.CLEARING, money.currency, detail=provider): -money.minor,
    }
    return Posting(provider, source_key, TransactionKind.FEE, at, entries)


@dataclass(frozen=True, slots=True)
class ByPerson:
    """Who decided something, when, and why."""

    person_id: UUID
    at: datetime
    note: str


def written_off(key: UUID, request_id: UUID, money: Money, by: ByPerson) -> Posting:
    """What will never be paid is no longer asked for."""
    entries = {
        Account(AccountKind.WRITTEN_OFF, money.currency): money.minor,
        Account(AccountKind.RECEIVABLE, money.currency, request_id): -money.minor,
    }
    return Posting(
        "person",
        str(key),
        TransactionKind.WRITTEN_OFF,
        by.at,
        entries,
        request_id=request_id,
        person_id=by.person_id,
        note=by.note,
    )


def cleared(entry_id: UUID, to: Account, waiting: int, by: ByPerson) -> Posting:
    """What waited in suspense concerns no customer: `waiting` is positive when it came in."""
    entries = {Account(AccountKind.SUSPENSE, to.currency, entry_id): waiting, to: -waiting}
    return Posting(
        "suspense",
        f"{entry_id}:cleared",
        TransactionKind.SUSPENSE_CLEARED,
        by.at,
        entries,
        person_id=by.person_id,
        note=by.note,
    )


def refund_asked(
    refund_id: UUID, request_id: UUID, money: Money, standing: Standing, at: datetime
) -> Posting:
    """Money is to go back: what was paid too much, then what is held, then as a return of what was earned."""
    returns = Account(AccountKind.RETURNS, money.currency)
    entries = entries_of(
        [
            *_drawn(request_id, money.minor, standing, returns),
            (Account(AccountKind.REFUND_PAYABLE, money.currency, refund_id), -money.minor),
        ]
    )
    return Posting(
        "refund",
        f"{refund_id}:asked",
        TransactionKind.REFUND_ASKED,
        at,
        entries,
        request_id=request_id,
    )


def refund_done(refund_id: UUID, request_id: UUID, money: Money, out_of: Account, at: datetime) -> Posting:
    """The money went back."""
    entries = {
        Account(AccountKind.REFUND_PAYABLE, money.currency, refund_id): money.minor,
        out_of: -money.minor,
    }
    return Posting(
        "refund", f"{refund_id}:done", TransactionKind.REFUND_DONE, at, entries, request_id=request_id
    )


@dataclass(frozen=True, slots=True)
class Reversal:
    """What undoes a transaction: its identity, and why."""

    source: str
    source_key: str
    kind: TransactionKind
    at: datetime
    person_id: UUID | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction as it stands in the ledger."""

    id: UUID
    kind: TransactionKind
    request_id: UUID | None
    entries: Mapping[Account, int] = field(default_factory=dict)


def reversed_by(posted: Posted, reversal: Reversal) -> Posting:
    """The transaction that takes every entry of another back."""
    return Posting(
        reversal.source,
        reversal.source_key,
        reversal.kind,
        reversal.at,
        {account: -minor for account, minor in posted.entries.items()},
        request_id=posted.request_id,
        reverses=posted.id,
        person_id=reversal.person_id,
        note=reversal.note,
    )
