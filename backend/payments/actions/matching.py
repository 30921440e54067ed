"""What people of finance do about what came in: look, match, split, clear, write off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO, TypedDict
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.bank.statements import Imported, import_statements
from backend.payments.models import CashComplaint, PaymentRequest, RequestLine
from backend.payments.permissions import requires
from backend.payments.receiving import receive
from backend.payments.rules import postings
from backend.payments.rules.errors import (
    BankEntrySettled,
    CurrenciesMixed,
    NothingOwed,
)
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, ByPerson, Receipt, Standing, TransactionKind
from schemas.payments import ClearTo


@dataclass(frozen=True)
class SeenRequest:
    """A payment request and where it stands, as finance sees it."""

    request: PaymentRequest
    standing: Standing

    def as_fields(self) -> dict[str, object]:
        """The fields of `schemas.payments.PaymentRequestBody`."""
        asked, standing = self.request, self.standing
        names = ("id", "number", "reference", "work_order_id", "work_order_number", "customer_id")
        more = ("customer_name", "currency", "gross_minor", "covered_minor", "issued_at", "due_on")
        return {
            **{name: getattr(asked, name) for name in (*names, *more)},
            "owed_minor": standing.owed,
            "credit_minor": standing.credit,
            "received_minor": standing.received,
            "refundable_minor": standing.refundable,
            "state": standing.state,
        }


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


@requires("payment_request:read")
def list_payment_requests(
    uow: UnitOfWork,
    person: Actor,
    page: PageRequest,
    *,
    customer_id: UUID | None = None,
    work_order_id: UUID | None = None,
    off_list: bool | None = None,
) -> Page[dict[str, object]]:
    """Payment requests with where they stand; `off_list`: with a line off the price list, or without."""
    found = queries.list_requests(
        uow.session, page, customer_id=customer_id, work_order_id=work_order_id, off_list=off_list
    )
    standings = queries.standings(uow.session, [request.id for request in found.items])
    return Page([SeenRequest(each, standings[each.id]).as_fields() for each in found.items], found.next)


@requires("payment_request:read")
def show_payment_request(uow: UnitOfWork, person: Actor, request_id: UUID) -> dict[str, object]:
    """One payment request with its lines. Raises PaymentRequestNotFound."""
    request = queries.request_by_id(uow.session, request_id)
    seen = SeenRequest(request, queries.standing_of(uow.session, request_id)).as_fields()
    lines = queries.lines_of(uow.session, request_id)
    return {**seen, "lines": [_line_as_fields(line, request.currency) for line in lines]}


def _line_as_fields(line: RequestLine, currency: str) -> dict[str, object]:
    """The fields of `schemas.payments.RequestLineBody`."""
    names = ("description", "quantity", "unit_minor", "gross_minor", "covered_minor", "covered_by")
    more = ("tax_basis_points", "tax_minor", "list_minor", "list_currency")
    listed = (line.list_minor, line.list_currency)
    return {
        **{name: getattr(line, name) for name in (*names, *more)},
        "off_list": line.list_minor is not None and listed != (line.unit_minor, currency),
    }


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


@requires("payment_request:write_off")
def write_off_payment_request(
    uow: UnitOfWork,
    person: Actor,
    request_id: UUID,
    *,
    decision_id: UUID,
    amount_minor: int,
    currency: str,
    reason: str,
) -> None:
    """Give up a debt, or a part of it. The same decision again changes nothing.

    Raises PaymentRequestNotFound, CurrenciesMixed, NothingOwed, SourceKeyContradicted.
    """
    request = queries.request_by_id(uow.session, request_id)
    queries.lock_subject(uow.session, request_id)
    money = Money(amount_minor, currency)
    if currency != request.currency:
        raise CurrenciesMixed(f"This request is in {request.currency}.")
    by = ByPerson(person.user_id, uow.now, reason)
    posting = postings.written_off(decision_id, request_id, money, by)
    known = queries.transaction_keys(uow.session, posting.source, [posting.source_key])
    owed = queries.standing_of(uow.session, request_id).owed
    if not known and money.minor > owed:
        raise NothingOwed(f"No more than {Money(owed, currency)} is owed.")
    if ledger.post(uow, posting):
        ask_for_badge(uow, request.work_order_id, f"{posting.source}:{posting.source_key}")


@requires("cash_complaint:read")
def list_cash_complaints(uow: UnitOfWork, person: Actor) -> Sequence[CashComplaint]:
    """Who was asked for cash."""
    return queries.complaints(uow.session)


@requires("bank_entry:clear")
def clear_bank_entry(uow: UnitOfWork, person: Actor, entry_id: UUID, *, to: ClearTo, reason: str) -> None:
    """Say that a waiting entry concerns no customer: the bank's fee, or what a provider paid out.

    All of what waits, once. Raises BankEntryNotFound, BankEntrySettled.
    """
    entry = queries.bank_entry_by_id(uow.session, entry_id)
    queries.lock_subject(uow.session, entry_id)
    waiting = queries.suspense(uow.session).get(entry_id, 0)
    if queries.transaction_keys(uow.session, "suspense", [f"{entry_id}:cleared"]):
        return
    if waiting == 0:
        raise BankEntrySettled("Nothing is left of this entry.")
    kind = AccountKind.FEES if to is ClearTo.FEES else AccountKind.CLEARING
    detail = "bank" if to is ClearTo.FEES else to.value
    by = ByPerson(person.user_id, uow.now, reason)
    ledger.post(uow, postings.cleared(entry_id, Account(kind, entry.currency, detail=detail), waiting, by))
