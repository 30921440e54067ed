"""What a bill says, in the words its customer reads: on the page and on the receipt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import segno
import segno.helpers

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.models import PaymentRequest, RequestLine
from backend.payments.providers import Provider
from backend.payments.rules.billing import ALL_OF_IT
from backend.payments.rules.books import Movement
from backend.payments.rules.money import Money
from backend.payments.rules.postings import TransactionKind
from backend.payments.rules.references import spaced
from backend.payments.settings import PaymentsSettings
from schemas.payments import DisputeState, RefundState, RequestKind

EPC_LARGEST = 99_999_999_999
"""The largest amount of an EPC code, in cents."""

HOW_IT_CAME: Mapping[str, str] = {
    TransactionKind.CARD_PAID: "by card",
    TransactionKind.TRANSFER_MATCHED: "by transfer",
    TransactionKind.SUSPENSE_MATCHED: "by transfer",
    TransactionKind.RETURNED: "returned by the bank",
    TransactionKind.UNMATCHED: "by transfer, which was not for this",
    TransactionKind.DISPUTED: "taken back by the card's bank",
    TransactionKind.DISPUTE_WON: "given again by the card's bank",
    TransactionKind.DEPOSIT_USED: "out of your deposit",
    TransactionKind.DEPOSIT_UNUSED: "your deposit, which the bank took back",
}
WENT_TO_BILLS: Mapping[str, str] = {
    TransactionKind.DEPOSIT_USED: "for your bill",
    TransactionKind.DEPOSIT_UNUSED: "no longer for your bill",
}
"""The same two as the deposit's own page says them."""

HOW_IT_GOES_BACK: Mapping[RefundState, str] = {
    RefundState.REQUESTED: "asked for, not sent yet",
    RefundState.APPROVED: "on its way to you",
    RefundState.SENT: "on its way to you",
    RefundState.DONE: "sent back to you",
    RefundState.FAILED: "could not be sent back",
    RefundState.DECLINED: "is not sent back",
}


WHAT_A_DISPUTE_SAYS: Mapping[DisputeState, str] = {
    DisputeState.OPENED: "your card's bank asks us about it; nothing was taken back",
    DisputeState.WITHDRAWN: "your card's bank took it back and decides; please do not pay it again meanwhile",
    DisputeState.WON: "your card's bank decided that the payment stands",
    DisputeState.LOST: "your card's bank gave it back to you; we do not ask for it again",
}


@dataclass(frozen=True)
class ShownLine:
    """A line of the bill, in words."""

    description: str
    price: str
    covered_by: str | None
    due: str


@dataclass(frozen=True)
class ShownTransfer:
    """How to pay by bank transfer; `code` is an SVG image as a data address, None outside the euro."""

    name: str
    iban: str
    bic: str | None
    reference: str
    code: str | None


@dataclass(frozen=True)
class ShownReceipt:
    """What came in, or went back (a minus), on which day and how."""

    on: str
    how: str
    amount: str


@dataclass(frozen=True)
class ShownBill:
    """All that the template needs, in words. `is_owed`: there is something to pay, `owed` of it.

    `deposited`: what a deposit paid of this bill; of a deposit, what it paid of bills. `held`: what of a
    deposit waits for the bill.
    """

    kind: str
    number: str
    customer: str
    work_order: str
    summary: str
    lines: tuple[ShownLine, ...]
    taxes: tuple[str, ...]
    state: str
    due: str
    owed: str
    due_on: str
    receipts: tuple[ShownReceipt, ...]
    refunds: tuple[ShownReceipt, ...]
    disputes: tuple[ShownReceipt, ...]
    received: str | None
    deposited: str | None
    held: str | None
    credit: str | None
    is_owed: bool
    is_refunded: bool
    transfer: ShownTransfer | None
    cards: tuple[str, ...]


def show_bill(
    uow: UnitOfWork, asked: PaymentRequest, *, payments: PaymentsSettings, providers: Mapping[str, Provider]
) -> ShownBill:
    """All that a page or a receipt says of a bill now."""
    standing = queries.standing_of(uow.session, asked.id)
    lines = queries.lines_of(uow.session, asked.id)
    currency = asked.currency
    due = str(Money(asked.gross_minor - asked.covered_minor, currency))
    is_bill = asked.kind is RequestKind.BILL
    to_pay = Money(standing.to_pay, currency)
    is_owed = to_pay.minor > 0
    words = HOW_IT_CAME if is_bill else {**HOW_IT_CAME, **WENT_TO_BILLS}
    return ShownBill(
        kind=asked.kind.value,
        number=asked.number,
        customer=asked.customer_name,
        work_order=asked.work_order_number,
        summary=asked.summary,
        lines=tuple(_line(line, currency) for line in lines)
        if is_bill
        else (ShownLine(asked.summary, due, None, due),),
        taxes=taxes_shown(lines, currency),
        state=standing.state,
        due=due,
        owed=str(to_pay),
        due_on=asked.due_on.isoformat(),
        receipts=tuple(
            _receipt(each, words[each.kind])
            for each in queries.movements(uow.session, [asked.id])
            if each.kind in words
        ),
        refunds=_refunds(uow, asked),
        disputes=tuple(
            _dated(each.since, WHAT_A_DISPUTE_SAYS[each.state], each.dispute.amount_minor, currency)
            for each in queries.disputes(uow.session, asked.id)
        ),
        received=_unless_none(standing.received, currency),
        deposited=_unless_none(standing.deposited, currency),
        held=_unless_none(standing.held, currency),
        credit=_unless_none(standing.credit, currency),
        is_owed=is_owed,
        is_refunded=standing.is_refunded,
        transfer=_transfer(payments, asked, to_pay) if is_owed else None,
        cards=tuple(name for name, each in sorted(providers.items()) if is_owed and each.takes(to_pay)),
    )


def _unless_none(minor: int, currency: str) -> str | None:
    return str(Money(minor, currency)) if minor else None


def _receipt(movement: Movement, how: str) -> ShownReceipt:
    amount = str(Money(-movement.minor, movement.currency))
    return ShownReceipt(movement.on.isoformat(), how, amount)


def _refunds(uow: UnitOfWork, asked: PaymentRequest) -> tuple[ShownReceipt, ...]:
    """What is to go back or went, since when it stands so, and how it stands."""
    shown = []
    for refund in queries.refunds_of(uow.session, asked.id):
        state = queries.refund_state(uow.session, refund.id)
        since = next(step.at for step in queries.steps_of(uow.session, refund.id) if step.state is state)
        shown.append(_dated(since, HOW_IT_GOES_BACK[state], refund.amount_minor, refund.currency))
    return tuple(shown)


def _dated(at: datetime, how: str, minor: int, currency: str) -> ShownReceipt:
    return ShownReceipt(at.date().isoformat(), how, str(Money(minor, currency)))


def _line(line: RequestLine, currency: str) -> ShownLine:
    words = f"{line.quantity} × {line.description}" if line.quantity > 1 else line.description
    return ShownLine(
        description=words,
        price=str(Money(line.gross_minor, currency)),
        covered_by=line.covered_by,
        due=str(Money(line.gross_minor - line.covered_minor, currency)),
    )


def taxes_shown(lines: Iterable[RequestLine], currency: str) -> tuple[str, ...]:
    """The tax contained in what is due, one text per rate."""
    sums: dict[int, int] = {}
    for line in lines:
        if line.tax_minor:
            sums[line.tax_basis_points] = sums.get(line.tax_basis_points, 0) + line.tax_minor
    return tuple(
        f"{rate * 100 / ALL_OF_IT:g} %: {Money(minor, currency)}" for rate, minor in sorted(sums.items())
    )


def _transfer(settings: PaymentsSettings, asked: PaymentRequest, owed: Money) -> ShownTransfer | None:
    if settings.iban is None:
        return None
    return ShownTransfer(
        name=settings.firm_name,
        iban=spaced(settings.iban),
        bic=settings.bic,
        reference=spaced(asked.reference),
        code=epc_code(settings.firm_name, settings.iban, settings.bic, asked.reference, owed),
    )


def epc_code(name: str, iban: str, bic: str | None, reference: str, owed: Money) -> str | None:
    """The EPC code (EPC069-12) of a transfer as an SVG data address; None outside the euro."""
    if owed.currency != "EUR" or not 0 < owed.minor <= EPC_LARGEST:
        return None
    code: segno.QRCode = segno.helpers.make_epc_qr(
        name=name[:70], iban=iban, amount=Decimal(owed.decimal), reference=reference, bic=bic
    )
    return str(code.svg_data_uri(scale=4))
