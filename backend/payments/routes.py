"""HTTP for people of finance, and for providers that have something to tell."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, request

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import actions
from backend.payments.bank.statements import Imported
from backend.payments.inbox import provider_named, take_message
from backend.payments.models import BillChannel, CashComplaint, PartTaxRate, Reconciliation
from backend.payments.people import SignedIn
from backend.payments.rules.books import Aged, journal_as_beancount, journal_as_csv
from backend.payments.wiring import payments_wiring
from backend.web.blueprint import Room
from schemas.payments import (
    AgedBody,
    AskRefund,
    BankEntryBody,
    BillChannelBody,
    ClearBankEntry,
    ComplaintBody,
    ConfirmRefund,
    DeclineRefund,
    ImportedBody,
    ImportStatement,
    JournalQuery,
    MatchBankEntry,
    MatchedEntryBody,
    MovementBody,
    PaymentRequestBody,
    PaymentRequestQuery,
    PaymentRequestWithLines,
    ReconciliationBody,
    RefundBody,
    RequestDeposit,
    SendPaymentRequest,
    SessionBody,
    SetBillChannel,
    SetTaxRate,
    SignIn,
    TaxRateBody,
    UnmatchBankEntry,
    WriteOff,
)

Fields = dict[str, Any]
_IN_MEMORY = 4 << 20
_CHUNK = 1 << 16

finance = Room("finance", __name__, description="What customers owe, and what came in. For finance only.")
webhooks = Room("webhooks", __name__, description="For providers: signed messages about payments.")


@finance.post("/sessions", body=SignIn, answer=SessionBody, permission_free=True, own_transactions=True)
def sign_in(factory: UnitOfWorkFactory, person: Actor, fields: Fields) -> SignedIn:
    """A token for somebody of finance."""
    return payments_wiring().authenticator.sign_in(factory, fields["email"].lower(), fields["password"])


@finance.get(
    "/payment-requests",
    query=PaymentRequestQuery,
    page_of=PaymentRequestBody,
    permission="payment_request:read",
)
def list_payment_requests(
    uow: UnitOfWork, person: Actor, page: PageRequest, query: Fields
) -> Page[dict[str, object]]:
    """Payment requests, oldest first."""
    return actions.list_payment_requests(uow, person, page, **query)


@finance.get(
    "/payment-requests/<uuid:request_id>", answer=PaymentRequestWithLines, permission="payment_request:read"
)
def show_payment_request(uow: UnitOfWork, person: Actor, request_id: UUID) -> dict[str, object]:
    """One payment request, what it is for, and where it stands."""
    return actions.show_payment_request(uow, person, request_id)


@finance.post(
    "/payment-requests/<uuid:request_id>/write_off", body=WriteOff, permission="payment_request:write_off"
)
def write_off_payment_request(uow: UnitOfWork, person: Actor, fields: Fields, request_id: UUID) -> None:
    """Give up a debt, or a part of it."""
    alone = payments_wiring().payments.refund_alone_minor
    actions.write_off_payment_request(uow, person, request_id, alone_minor=alone, **fields)


@finance.post(
    "/work-orders/<uuid:work_order_id>/deposits",
    body=RequestDeposit,
    answer=PaymentRequestBody,
    permission="deposit:request",
)
def request_deposit(uow: UnitOfWork, person: Actor, fields: Fields, work_order_id: UUID) -> dict[str, object]:
    """Ask the customer of a work order for money before the work."""
    return actions.request_deposit(uow, person, work_order_id, terms=payments_wiring().terms, **fields)


@finance.post(
    "/deposits/<uuid:deposit_id>/withdraw", answer=PaymentRequestBody, permission="deposit:withdraw"
)
def withdraw_deposit(uow: UnitOfWork, person: Actor, deposit_id: UUID) -> dict[str, object]:
    """Ask for a deposit no more; what came of it is to be refunded."""
    return actions.withdraw_deposit(uow, person, deposit_id)


@finance.post(
    "/payment-requests/<uuid:request_id>/send", body=SendPaymentRequest, permission="payment_request:send"
)
def send_payment_request(uow: UnitOfWork, person: Actor, fields: Fields, request_id: UUID) -> None:
    """Send the link of a bill to where its customer can be reached now."""
    actions.send_payment_request(uow, person, request_id, terms=payments_wiring().terms, **fields)


@finance.post(
    "/customers/<uuid:customer_id>/set-bill-channel",
    body=SetBillChannel,
    answer=BillChannelBody,
    permission="customer_bill_channel:set",
)
def set_customer_bill_channel(
    uow: UnitOfWork, person: Actor, fields: Fields, customer_id: UUID
) -> BillChannel:
    """Say how a customer wants to be told of bills from now on."""
    return actions.set_customer_bill_channel(uow, person, customer_id, **fields)


@finance.post(
    "/bank-statements",
    query=ImportStatement,
    answer=ImportedBody,
    permission="bank_statement:import",
    own_transactions=True,
    raw_body=True,
    body_limit="media_limit_bytes",
)
def import_bank_statement(factory: UnitOfWorkFactory, person: Actor, query: Fields) -> Imported:
    """Import a camt.053 file, sent as the body; the same again changes nothing."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        while chunk := request.stream.read(_CHUNK):
            file.write(chunk)
        file.seek(0)
        with factory.begin() as uow:
            return actions.import_bank_statement(
                uow, person, file, name=query["name"], own_iban=payments_wiring().payments.iban
            )


@finance.get("/bank-entries/waiting", answer=BankEntryBody, many=True, permission="bank_entry:read")
def list_waiting_entries(uow: UnitOfWork, person: Actor) -> Sequence[actions.WaitingEntry]:
    """Bank entries of which something waits for somebody to say whose it is."""
    return actions.list_waiting_entries(uow, person)


@finance.post("/bank-entries/<uuid:entry_id>/match", body=MatchBankEntry, permission="bank_entry:match")
def match_bank_entry(uow: UnitOfWork, person: Actor, fields: Fields, entry_id: UUID) -> None:
    """Say whose a waiting credit is, wholly or in shares."""
    actions.match_bank_entry(uow, person, entry_id, **fields)


@finance.get(
    "/payment-requests/<uuid:request_id>/bank-entries",
    answer=MatchedEntryBody,
    many=True,
    permission="bank_entry:read",
)
def list_matched_entries(uow: UnitOfWork, person: Actor, request_id: UUID) -> Sequence[dict[str, object]]:
    """The bank entries that count for a payment request."""
    return actions.list_matched_entries(uow, person, request_id)


@finance.post("/bank-entries/<uuid:entry_id>/unmatch", body=UnmatchBankEntry, permission="bank_entry:unmatch")
def unmatch_bank_entry(uow: UnitOfWork, person: Actor, fields: Fields, entry_id: UUID) -> None:
    """Say that a bank entry is not this request's after all."""
    actions.unmatch_bank_entry(uow, person, entry_id, **fields)


@finance.get(
    "/customers/<uuid:customer_id>/statement",
    answer=MovementBody,
    many=True,
    permission="customer_statement:read",
)
def show_customer_statement(uow: UnitOfWork, person: Actor, customer_id: UUID) -> Sequence[dict[str, object]]:
    """What was asked of a customer and what came in, with the balance after each."""
    return actions.show_customer_statement(uow, person, customer_id)


@finance.get("/ageing", answer=AgedBody, many=True, permission="ageing:read")
def show_ageing(uow: UnitOfWork, person: Actor) -> Sequence[Aged]:
    """Who owes what, by how long it is overdue."""
    return actions.show_ageing(uow, person)


@finance.get("/journal.csv", query=JournalQuery, permission="journal:read", produces="text/csv")
def show_journal_as_csv(uow: UnitOfWork, person: Actor, query: Fields) -> Response:
    """The double-entry journal, an entry a line; no cell can be a formula."""
    lines = journal_as_csv(actions.read_journal(uow, person, **query))
    return Response("".join(lines), mimetype="text/csv")


@finance.get("/journal.beancount", query=JournalQuery, permission="journal:read", produces="text/plain")
def show_journal_as_beancount(uow: UnitOfWork, person: Actor, query: Fields) -> Response:
    """The double-entry journal for Beancount."""
    lines = journal_as_beancount(actions.read_journal(uow, person, **query))
    return Response("".join(lines), mimetype="text/plain")


@finance.get("/reconciliations", answer=ReconciliationBody, many=True, permission="reconciliation:read")
def list_reconciliations(uow: UnitOfWork, person: Actor) -> Sequence[Reconciliation]:
    """What the daily comparison of ledger, providers and bank found."""
    return actions.list_reconciliations(uow, person)


@finance.get("/part-tax-rates", answer=TaxRateBody, many=True, permission="part_tax_rate:read")
def list_part_tax_rates(uow: UnitOfWork, person: Actor) -> Sequence[PartTaxRate]:
    """Parts that are not taxed as usual."""
    return actions.list_part_tax_rates(uow, person)


@finance.post(
    "/parts/<uuid:part_id>/set-tax-rate",
    body=SetTaxRate,
    answer=TaxRateBody,
    permission="part_tax_rate:set",
)
def set_part_tax_rate(uow: UnitOfWork, person: Actor, fields: Fields, part_id: UUID) -> PartTaxRate:
    """Say what tax a part's price contains from now on."""
    return actions.set_part_tax_rate(uow, person, part_id, **fields)


@finance.get("/cash-complaints", answer=ComplaintBody, many=True, permission="cash_complaint:read")
def list_cash_complaints(uow: UnitOfWork, person: Actor) -> Sequence[CashComplaint]:
    """Customers who say that somebody asked for cash."""
    return actions.list_cash_complaints(uow, person)


@finance.get("/refunds", answer=RefundBody, many=True, permission="refund:read")
def list_refunds(uow: UnitOfWork, person: Actor) -> Sequence[actions.SeenRefund]:
    """Refunds, the newest first."""
    return actions.list_refunds(uow, person)


@finance.post(
    "/payment-requests/<uuid:request_id>/refunds",
    body=AskRefund,
    answer=RefundBody,
    permission="refund:ask",
)
def ask_refund(uow: UnitOfWork, person: Actor, fields: Fields, request_id: UUID) -> actions.SeenRefund:
    """Ask for money to be sent back the way it came."""
    alone = payments_wiring().payments.refund_alone_minor
    return actions.ask_refund(uow, person, request_id, alone_minor=alone, **fields)


@finance.post("/refunds/<uuid:refund_id>/approve", answer=RefundBody, permission="refund:approve")
def approve_refund(uow: UnitOfWork, person: Actor, refund_id: UUID) -> actions.SeenRefund:
    """The second person says yes."""
    return actions.approve_refund(uow, person, refund_id)


@finance.post(
    "/refunds/<uuid:refund_id>/decline", body=DeclineRefund, answer=RefundBody, permission="refund:decline"
)
def decline_refund(uow: UnitOfWork, person: Actor, fields: Fields, refund_id: UUID) -> actions.SeenRefund:
    """Say no to a refund that did not go yet."""
    return actions.decline_refund(uow, person, refund_id, **fields)


@finance.post(
    "/refunds/<uuid:refund_id>/confirm", body=ConfirmRefund, answer=RefundBody, permission="refund:confirm"
)
def confirm_refund(uow: UnitOfWork, person: Actor, fields: Fields, refund_id: UUID) -> actions.SeenRefund:
    """Say which debit of the bank this refund is."""
    return actions.confirm_refund(uow, person, refund_id, **fields)


@finance.post("/bank-entries/<uuid:entry_id>/clear", body=ClearBankEntry, permission="bank_entry:clear")
def clear_bank_entry(uow: UnitOfWork, person: Actor, fields: Fields, entry_id: UUID) -> None:
    """Say that a waiting entry concerns no customer."""
    alone = payments_wiring().payments.refund_alone_minor
    actions.clear_bank_entry(uow, person, entry_id, alone_minor=alone, **fields)


@webhooks.post("/webhooks/<provider>", permission_free=True, own_transactions=True, raw_body=True)
def take_webhook(factory: UnitOfWorkFactory, person: Actor, provider: str) -> None:
    """Keep a signed message and say so; the same message again is answered alike."""
    raw = request.stream.read()
    headers = {name.lower(): value for name, value in request.headers.items()}
    take_message(factory, provider_named(payments_wiring().providers, provider), raw, headers)
