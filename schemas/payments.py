"""The words and shapes of money: they travel between the payments process and people of finance only."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import fields

from schemas.base import (
    LARGEST_AMOUNT,
    Count,
    Currency,
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    LocalDate,
    MinorUnits,
    PageQuery,
    QueryShape,
    Secret,
    Shape,
    Text,
)

LONGEST_REASON = 500


class RequestKind(StrEnum):
    """What a customer is asked for: to pay for work that was done, or something before it."""

    BILL = "bill"
    DEPOSIT = "deposit"


class DepositEnd(StrEnum):
    """Why a deposit is no longer asked for: the work's bill came, the work will not come or was done without
    one so far, or finance took it back."""

    BILLED = "billed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


class InboxState(StrEnum):
    """What became of a provider's message."""

    POSTED = "posted"
    NOTHING_NEW = "nothing_new"
    IGNORED = "ignored"
    REFUSED = "refused"


class RefundState(StrEnum):
    """Where a refund is; the last step counts."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    DECLINED = "declined"


class DisputeState(StrEnum):
    """Where a dispute is; the last step counts. `opened`: asked about, and no money was taken so far."""

    OPENED = "opened"
    WITHDRAWN = "withdrawn"
    WON = "won"
    LOST = "lost"


class MatterKind(StrEnum):
    """What waits for somebody of finance."""

    CASH_COMPLAINT = "cash_complaint"
    CHARGES_UNBILLED = "charges_unbilled"
    MESSAGE_REFUSED = "message_refused"
    MESSAGE_WAITING = "message_waiting"
    MESSAGE_UNSENT = "message_unsent"
    MONEY_TO_REFUND = "money_to_refund"
    REFUND_TO_APPROVE = "refund_to_approve"
    REFUND_TO_TRANSFER = "refund_to_transfer"
    DISPUTE = "dispute"
    BANK_ENTRY = "bank_entry"


class Channel(StrEnum):
    """How a customer is told of a bill."""

    MAIL = "mail"
    SMS = "sms"


class NoticeState(StrEnum):
    """Whether a customer was told of a bill; `nobody`: there was no way to, `failed`: it was refused."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    NOBODY = "nobody"


class SignIn(Shape):
    """Somebody of finance, at the payments process's own door."""

    email = Email(required=True)
    password = Secret(max=200, required=True)


class SessionBody(Shape):
    """A token for the next minutes."""

    access_token = Line(max=200)
    expires_at = Instant()


class NoticeBody(Shape):
    """Whether the customer was told; `why` says why not, or not yet."""

    state = Enumeration(NoticeState)
    channel = Enumeration(Channel, allow_none=True)
    address = Line(max=400, allow_none=True)
    at = Instant(allow_none=True)
    why = Line(max=500, allow_none=True)


class SendPaymentRequest(Shape):
    """That the link is to be sent; whoever sends it mints `notice_id`: twice is once."""

    notice_id = Id(required=True)


class SetBillChannel(Shape):
    """How a customer wants to be told of bills."""

    channel = Enumeration(Channel, required=True)


class BillChannelBody(Shape):
    """How a customer wants to be told of bills, since when."""

    customer_id = Id()
    channel = Enumeration(Channel)
    set_at = Instant()


class PaymentRequestBody(Shape):
    """What a customer was asked to pay, and where it stands; sums are minor units of `currency`.

    `owed_minor` is a debt, `to_pay_minor` what the customer is asked for now: nobody owes a deposit.
    `held_minor` came in for a deposit and waits for the bill; `deposited_minor` is what deposits paid of a
    bill, or what a deposit paid of bills.
    """

    id = Id()
    kind = Enumeration(RequestKind)
    number = Line(max=40)
    reference = Line(max=25)
    work_order_id = Id()
    work_order_number = Line(max=40)
    customer_id = Id()
    customer_name = Text(max=400)
    currency = Currency()
    gross_minor = MinorUnits()
    covered_minor = MinorUnits()
    owed_minor = MinorUnits()
    to_pay_minor = MinorUnits()
    held_minor = MinorUnits()
    deposited_minor = MinorUnits()
    credit_minor = MinorUnits()
    received_minor = MinorUnits()
    refundable_minor = MinorUnits()
    state = Line(max=20)
    notice = fields.Nested(NoticeBody)
    issued_at = Instant()
    due_on = LocalDate()


class RequestLineBody(Shape):
    """One charge as it is billed, in minor units of the request's currency.

    `list_minor` is what the catalogue asked for one when it was billed, null where it says nothing;
    `off_list`: the customer signed another price.
    """

    description = Text(max=2000)
    quantity = Count()
    unit_minor = MinorUnits()
    gross_minor = MinorUnits()
    covered_minor = MinorUnits()
    covered_by = Text(max=2000, allow_none=True)
    tax_basis_points = Count()
    tax_minor = MinorUnits()
    list_minor = MinorUnits(allow_none=True)
    list_currency = Currency(allow_none=True)
    off_list = Flag()


class PaymentRequestWithLines(PaymentRequestBody):
    """A payment request with what it is for."""

    lines = fields.List(fields.Nested(RequestLineBody))


class PaymentRequestQuery(PageQuery):
    """Which payment requests; `off_list`: with a part at another price than the list's."""

    customer_id = Id()
    work_order_id = Id()
    kind = Enumeration(RequestKind)
    off_list = Flag()


class RequestDeposit(Shape):
    """Money that is asked for before the work; `deposit_id` is minted by whoever asks: twice is once."""

    deposit_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    words = Text(max=LONGEST_REASON, required=True)
    days_to_pay = Count(max=365, required=True)


class BankEntryBody(Shape):
    """A bank entry of which something waits in suspense; positive came in."""

    id = Id()
    iban = Line(max=40)
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    waiting_minor = MinorUnits(min=-LARGEST_AMOUNT)
    currency = Currency()
    booked_on = LocalDate()
    reference = Line(max=40, allow_none=True)
    remittance = Text(max=2000)
    counterparty = Text(max=400, allow_none=True)
    proposed_request_id = Id(allow_none=True)
    proposed_why = Line(max=100, allow_none=True)


class MatchShare(Shape):
    """How much of a bank entry belongs to which payment request."""

    request_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)


class MatchBankEntry(Shape):
    """Whose money it is; several shares split it. Who decides mints `decision_id`: twice is once."""

    decision_id = Id(required=True)
    shares = fields.List(
        fields.Nested(MatchShare), required=True, validate=lambda shares: 0 < len(shares) <= 100
    )
    reason = Text(max=LONGEST_REASON, required=True)


class UnmatchBankEntry(Shape):
    """That a bank entry is not this request's after all, and why."""

    request_id = Id(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class MatchedEntryBody(Shape):
    """A bank entry that counts for a payment request, and how much of it does."""

    id = Id()
    iban = Line(max=40)
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    matched_minor = MinorUnits()
    currency = Currency()
    booked_on = LocalDate()
    remittance = Text(max=2000)
    counterparty = Text(max=400, allow_none=True)


class WriteOff(Shape):
    """That a debt is given up, how much of it, and why."""

    decision_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class ImportStatement(QueryShape):
    """The name of the file that is sent as the body."""

    name = Line(max=200, load_default="statement.xml")


class ImportedBody(Shape):
    """What an import did."""

    statements = Count()
    entries = Count()
    new = Count()
    matched = Count()
    returned = Count()
    proposed = Count()
    unmatched = Count()


class ClearTo(StrEnum):
    """What a bank entry is when it concerns no customer: the bank's fee, or a provider's payout."""

    FEES = "fees"
    STRIPE = "stripe"
    STUB = "stub"


class ClearBankEntry(Shape):
    """That a waiting entry concerns no customer, and why."""

    to = Enumeration(ClearTo, required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class ConfirmRefund(Shape):
    """Which debit of the bank a refund is."""

    bank_entry_id = Id(required=True)


class AskRefund(Shape):
    """Money that is to go back; `refund_id` is minted by whoever asks: twice is once."""

    refund_id = Id(required=True)
    amount_minor = MinorUnits(min=1, required=True)
    currency = Currency(required=True)
    reason = Text(max=LONGEST_REASON, required=True)


class DeclineRefund(Shape):
    """Why a refund is not to be made."""

    reason = Text(max=LONGEST_REASON, required=True)


class RefundBody(Shape):
    """A refund and where it is."""

    id = Id()
    request_id = Id()
    amount_minor = MinorUnits()
    currency = Currency()
    reason = Text(max=LONGEST_REASON)
    state = Line(max=20)
    asked_by = Id()
    asked_at = Instant()
    needs_second_person = Flag()


class DisputeBody(Shape):
    """A card payment that its holder's bank disputes, where that is, and what to do next.

    `name` is the provider's own, to find it there. `respond_by`: until when it takes evidence, if it said so.
    """

    id = Id()
    request_id = Id()
    number = Line(max=40)
    provider = Line(max=40)
    name = Line(max=200)
    amount_minor = MinorUnits()
    currency = Currency()
    reason = Line(max=200)
    state = Enumeration(DisputeState)
    heard_at = Instant()
    since = Instant()
    respond_by = Instant(allow_none=True)
    next = Line(max=400)


class ComplaintBody(Shape):
    """A customer says that somebody asked for cash."""

    id = Id()
    request_id = Id()
    words = Text(max=2000, allow_empty=True)
    said_at = Instant()


class MatterBody(Shape):
    """Something that waits for somebody of finance: what, since when, and what to do next.

    `subject_id` is that of the thing itself: a report, refund, complaint, bank entry. `is_settled_by_hand`:
    nothing ends it but somebody who says so.
    """

    kind = Enumeration(MatterKind)
    subject_id = Id()
    request_id = Id(allow_none=True)
    since = Instant()
    words = Text(max=2000, allow_empty=True)
    next = Line(max=400)
    is_settled_by_hand = Flag()


class SettleMatter(Shape):
    """What was done about it."""

    kind = Enumeration(MatterKind, required=True)
    words = Text(max=LONGEST_REASON, required=True)


class PersonBody(Shape):
    """Somebody of finance; `disabled_at`: since when they may no longer come in."""

    id = Id()
    email = Line(max=400)
    display_name = Line(max=200)
    created_at = Instant()
    disabled_at = Instant(allow_none=True)


class SetTaxRate(Shape):
    """The tax contained in a part's price from now on: 700 basis points are 7 %."""

    basis_points = Count(max=10_000, required=True)


class TaxRateBody(Shape):
    """A part that is not taxed as usual."""

    part_id = Id()
    basis_points = Count()
    set_at = Instant()


class ReconciliationBody(Shape):
    """When ledger, providers and bank were held against each other, and what did not agree."""

    at = Instant()
    alarms = fields.List(Text(max=400))


class MovementBody(Shape):
    """What changed what a customer owes: positive was asked for, negative came in; and what is owed then.

    `asked_minor`: what was asked for as a deposit, which nobody owes. `refund_minor`: what a refund is of, on
    the lines of its steps (`refund_step_done`), which move no balance.
    """

    on = LocalDate()
    kind = Line(max=40)
    number = Line(max=40)
    currency = Currency()
    amount_minor = MinorUnits(min=-LARGEST_AMOUNT)
    asked_minor = MinorUnits()
    refund_minor = MinorUnits()
    balance_minor = MinorUnits(min=-LARGEST_AMOUNT)


class OwedByAge(Shape):
    """What is owed, by how many days it is overdue; minor units."""

    not_due = MinorUnits()
    to_30 = MinorUnits()
    to_60 = MinorUnits()
    to_90 = MinorUnits()
    over_90 = MinorUnits()


class AgedBody(Shape):
    """What a customer owes in a currency; and what is missing of deposits, which nobody owes."""

    customer_id = Id()
    customer_name = Text(max=400)
    currency = Currency()
    missing_minor = MinorUnits()
    owed = fields.Nested(OwedByAge)


class JournalQuery(QueryShape):
    """From which day to which the journal was written, both with them, in UTC."""

    since = LocalDate(load_default=None)
    until = LocalDate(load_default=None)


class CashForm(QueryShape):
    """The customer's words about being asked for cash; an empty text is none."""

    words = Text(max=2000, allow_empty=True, load_default="")


class NoForm(QueryShape):
    """A button that sends nothing else."""
