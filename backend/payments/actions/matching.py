"""What people of finance do about what came in by bank: import, look, match, split, clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO, TypedDict
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.bank.statements import Imported, import_statements
from backend.payments.deposits import hold
from backend.payments.permissions import requires
from backend.payments.receiving import receive, take_back
from backend.payments.rules import postings
from backend.payments.rules.errors import (
    BankEntrySettled,
    CurrenciesMixed,
    MatchRefunded,
    SecondPersonNeeded,
)
from backend.payments.rules.money import Money
from backend.payments.rules.postings import (
    Account,
    AccountKind,
    ByPerson,
    Receipt,
    TakenBack,
    TransactionKind,
)
from backend.payments.rules.refunding import TOO_MUCH_FOR_ONE, UNMATCHED, left_of_payments
from schemas.payments import ClearTo


@dataclass(frozen=True)
class WaitingEntry:
    """A bank entry of which something waits in suspense; minor units, positive came in."""

    id: UUID
    iban: str
    amount_minor: int
    waiting_minor: int
    currency: str
    booked_on: date
    reference: str | None
    remittance: str
    counterparty: str | None
    proposed_request_id: UUID | None
    proposed_why: str | None


class Share(TypedDict):
    """How much of a bank entry belongs to which request."""

    request_id: UUID
    amount_minor: int


@requires("bank_statement:import")
def import_bank_statement(
    uow: UnitOfWork, person: Actor, source: IO[bytes], *, name: str, own_iban: str | None
) -> Imported:
    """Import a camt.053 file; the same file again changes nothing. Raises StatementUnreadable."""
    return import_statements(uow, source, name=name, person_id=person.user_id, own_iban=own_iban)


@requires("bank_entry:read")
def list_waiting_entries(uow: UnitOfWork, person: Actor) -> Sequence[WaitingEntry]:
    """Bank entries that wait in suspense for somebody to decide whose they are."""
    waiting = queries.suspense(uow.session)
    return [
        WaitingEntry(
            id=entry.id,
            iban=entry.iban,
            amount_minor=entry.amount_minor,
            waiting_minor=waiting[entry.id],
            currency=entry.currency,
            booked_on=entry.booked_on,
            reference=entry.reference,
            remittance=entry.remittance,
            counterparty=entry.counterparty,
            proposed_request_id=entry.proposed_request_id,
            proposed_why=entry.proposed_why,
        )
        for entry in queries.bank_entries(uow.session, waiting.keys())
    ]


@requires("bank_entry:match")
def match_bank_entry(
    uow: UnitOfWork,
    person: Actor,
    entry_id: UUID,
    *,
    decision_id: UUID,
    shares: Sequence[Share],
    reason: str,
) -> None:
    """Say whose a waiting credit is, wholly or in shares. The same decision again changes nothing.

    Raises BankEntryNotFound, PaymentRequestNotFound, BankEntrySettled, CurrenciesMixed.
    """
    entry = queries.bank_entry_by_id(uow.session, entry_id)
    queries.lock_subject(uow.session, entry_id)
    keys = [f"{decision_id}:{position}" for position in range(len(shares))]
    if queries.transaction_keys(uow.session, "suspense", keys):
        return
    waiting = queries.suspense(uow.session).get(entry_id, 0)
    wanted = sum(share["amount_minor"] for share in shares)
    if wanted > waiting:
        left = Money(max(waiting, 0), entry.currency)
        raise BankEntrySettled(f"Of this entry {left} is left to be matched.")
    hold(uow, [share["request_id"] for share in shares])
    for key, share in sorted(zip(keys, shares, strict=True), key=lambda pair: pair[1]["request_id"]):
        request = queries.request_by_id(uow.session, share["request_id"])
        if request.currency != entry.currency:
            raise CurrenciesMixed("Money in another currency is changed at the bank first.")
        receipt = Receipt(
            Account(AccountKind.SUSPENSE, entry.currency, entry_id),
            share["amount_minor"],
            "suspense",
            key,
            TransactionKind.SUSPENSE_MATCHED,
            uow.now,
            person_id=person.user_id,
            note=reason,
        )
        receive(uow, request.id, receipt)


@requires("bank_entry:read")
def list_matched_entries(uow: UnitOfWork, person: Actor, request_id: UUID) -> Sequence[dict[str, object]]:
    """The bank entries that count for a request: `schemas.payments.MatchedEntryBody`."""
    queries.request_by_id(uow.session, request_id)
    counted: dict[UUID, int] = {}
    for match in queries.matches_of(uow.session, request_id):
        counted[match.entry_id] = counted.get(match.entry_id, 0) + match.minor
    names = ("id", "iban", "amount_minor", "currency", "booked_on", "remittance", "counterparty")
    return [
        {**{name: getattr(entry, name) for name in names}, "matched_minor": counted[entry.id]}
        for entry in queries.bank_entries(uow.session, counted.keys())
    ]


@requires("bank_entry:unmatch")
def unmatch_bank_entry(
    uow: UnitOfWork, person: Actor, entry_id: UUID, *, request_id: UUID, reason: str
) -> None:
    """Say that a bank entry is not this request's after all: what counted waits in suspense again.

    It may have been matched by a person, or by a reference that the payer mistook. Again changes nothing.
    Raises BankEntryNotFound, PaymentRequestNotFound, MatchRefunded.
    """
    entry = queries.bank_entry_by_id(uow.session, entry_id)
    request = queries.request_by_id(uow.session, request_id)
    queries.lock_subject(uow.session, entry_id)
    hold(uow, [request_id])
    matches = [each for each in queries.matches_of(uow.session, request_id) if each.entry_id == entry_id]
    left = left_of_payments(
        queries.payments_of(uow.session, request_id), queries.refunded_by_payment(uow.session, request_id)
    )
    for match in matches:
        if left.get((match.source, match.source_key), 0) < match.minor:
            raise MatchRefunded("Decline the refund, or settle with whoever got it, before this is undone.")
        back = TakenBack(
            Account(AccountKind.SUSPENSE, entry.currency, entry_id),
            match.minor,
            match.source,
            f"{UNMATCHED}{match.source_key}",
            TransactionKind.UNMATCHED,
            uow.now,
            person_id=person.user_id,
            note=reason,
        )
        take_back(uow, request.id, back)


@requires("bank_entry:clear")
def clear_bank_entry(
    uow: UnitOfWork, person: Actor, entry_id: UUID, *, to: ClearTo, reason: str, alone_minor: int
) -> None:
    """Say that a waiting entry concerns no customer: the bank's fee, or what a provider paid out.

    All of what waits, once. Money that came in is cleared as fees up to `alone_minor` only: a payment of a
    customer would be hidden there. Raises BankEntryNotFound, BankEntrySettled, SecondPersonNeeded.
    """
    entry = queries.bank_entry_by_id(uow.session, entry_id)
    queries.lock_subject(uow.session, entry_id)
    waiting = queries.suspense(uow.session).get(entry_id, 0)
    if queries.transaction_keys(uow.session, "suspense", [f"{entry_id}:cleared"]):
        return
    if waiting == 0:
        raise BankEntrySettled("Nothing is left of this entry.")
    if to is ClearTo.FEES and waiting > alone_minor:
        raise SecondPersonNeeded(TOO_MUCH_FOR_ONE)
    kind = AccountKind.FEES if to is ClearTo.FEES else AccountKind.CLEARING
    detail = "bank" if to is ClearTo.FEES else to.value
    by = ByPerson(person.user_id, uow.now, reason)
    ledger.post(uow, postings.cleared(entry_id, Account(kind, entry.currency, detail=detail), waiting, by))
