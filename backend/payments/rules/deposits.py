"""What becomes of money that was paid before the work: used for bills, given back by them, left over. Pure.

Each use is a transaction of its own, named by the deposit, the bill, and the occasion it came about on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.payments.rules.postings import Account, AccountKind, Posting, TransactionKind, entries_of
from backend.payments.rules.standing import Standing

SOURCE = "deposit"


@dataclass(frozen=True, slots=True)
class Placed:
    """A bill or a deposit of a work order: since when it is asked for, and where it stands."""

    id: UUID
    asked_at: datetime
    standing: Standing


@dataclass(frozen=True, slots=True)
class Occasion:
    """What brings something about (the identity of a bill, a receipt, a refund), and when."""

    name: str
    at: datetime


def is_for(deposit: Placed, bill: Placed) -> bool:
    """Whether a deposit is for a bill of its work order: issued since it was asked, in its currency."""
    return bill.asked_at >= deposit.asked_at and bill.standing.currency == deposit.standing.currency


def could_be_used(deposit: Placed, bill: Placed) -> bool:
    """Whether something is left of a deposit and owed on a bill that it is for."""
    left = deposit.standing.held + deposit.standing.credit
    return is_for(deposit, bill) and min(left, bill.standing.owed) > 0


def used(deposits: Iterable[Placed], bills: Sequence[Placed], on: Occasion) -> Iterator[Posting]:
    """Use deposits that are no longer asked for, and leave the rest to the customer as credit.

    Each is used for the bills that were issued since it was asked for, the oldest first, up to what is owed.
    """
    owed = {bill.id: bill.standing.owed for bill in bills}
    for deposit in deposits:
        held, credit = deposit.standing.held, deposit.standing.credit
        for bill in bills:
            minor = min(held + credit, owed[bill.id])
            if minor and is_for(deposit, bill):
                from_held = min(minor, held)
                yield _use(deposit, bill.id, (from_held, minor - from_held), on)
                held, credit = held - from_held, credit - minor + from_held
                owed[bill.id] -= minor
        if held:
            yield _leave(deposit, held, on)


def _use(deposit: Placed, bill_id: UUID, shares: tuple[int, int], on: Occasion) -> Posting:
    currency = deposit.standing.currency
    entries = entries_of(
        [
            (Account(AccountKind.DEPOSITS, currency, deposit.id), shares[0]),
            (Account(AccountKind.CREDIT, currency, deposit.id), shares[1]),
            (Account(AccountKind.RECEIVABLE, currency, bill_id), -sum(shares)),
        ]
    )
    return _posting(TransactionKind.DEPOSIT_USED, deposit.id, bill_id, entries, on)


def _leave(deposit: Placed, held: int, on: Occasion) -> Posting:
    currency = deposit.standing.currency
    entries = {
        Account(AccountKind.DEPOSITS, currency, deposit.id): held,
        Account(AccountKind.CREDIT, currency, deposit.id): -held,
    }
    return _posting(TransactionKind.DEPOSIT_LEFT, deposit.id, deposit.id, entries, on)


def unused(
    deposit: Placed, uses: Iterable[tuple[Placed, int]], minor: int, on: Occasion
) -> Iterator[Posting]:
    """Bills give back what a deposit paid of them: as much of `minor` as the deposit has not got any more.

    `uses`: the bills and what it paid of each, in the order in which they give it back. A bill takes it out
    of what was paid too much on it; what is beyond is owed again.
    """
    short = minor - deposit.standing.credit - deposit.standing.held
    currency = deposit.standing.currency
    for bill, paid in uses:
        back = min(paid, short)
        if back <= 0:
            return
        short -= back
        from_credit = min(back, bill.standing.credit)
        entries = entries_of(
            [
                (Account(AccountKind.CREDIT, currency, bill.id), from_credit),
                (Account(AccountKind.RECEIVABLE, currency, bill.id), back - from_credit),
                (Account(AccountKind.CREDIT, currency, deposit.id), -back),
            ]
        )
        yield _posting(TransactionKind.DEPOSIT_UNUSED, deposit.id, bill.id, entries, on)


def _posting(
    kind: TransactionKind, deposit_id: UUID, request_id: UUID, entries: dict[Account, int], on: Occasion
) -> Posting:
    key = f"{deposit_id}:{kind.value}:{request_id}:{on.name}"
    return Posting(SOURCE, key, kind, on.at, entries, request_id=request_id)
