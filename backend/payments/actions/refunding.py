"""How people of finance send money back: one asks, above a limit another approves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.models import Refund
from backend.payments.permissions import requires
from backend.payments.refunds import SETTLED, reverse_refund, settle_refund, take_step
from backend.payments.rules import postings
from backend.payments.rules.errors import (
    BankEntrySettled,
    CurrenciesMixed,
    RefundStepRefused,
    RefundTooLarge,
    SecondPersonNeeded,
)
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, ByPerson, TransactionKind
from backend.payments.rules.refunding import BY_TRANSFER, left_of_payments
from schemas.errors import IdAlreadyUsed
from schemas.payments import RefundState


@dataclass(frozen=True)
class SeenRefund:
    """A refund and where it is, as finance sees it."""

    id: UUID
    request_id: UUID
    amount_minor: int
    currency: str
    reason: str
    state: RefundState
    asked_by: UUID
    asked_at: datetime
    needs_second_person: bool


def _seen_refund(uow: UnitOfWork, refund: Refund) -> SeenRefund:
    state = queries.refund_state(uow.session, refund.id)
    return SeenRefund(
        id=refund.id,
        request_id=refund.request_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        state=state,
        asked_by=refund.asked_by,
        asked_at=refund.asked_at,
        needs_second_person=state is RefundState.REQUESTED,
    )


@requires("refund:read")
def list_refunds(uow: UnitOfWork, person: Actor) -> Sequence[SeenRefund]:
    """Refunds, the newest first."""
    return [_seen_refund(uow, refund) for refund in queries.refunds(uow.session)]


@requires("refund:ask")
def ask_refund(
    uow: UnitOfWork,
    person: Actor,
    request_id: UUID,
    *,
    refund_id: UUID,
    amount_minor: int,
    currency: str,
    reason: str,
    alone_minor: int,
) -> SeenRefund:
    """Ask for money to be sent back the way it came; approved with that while all that was refunded of this
    request without a second person is no more than `alone_minor`.

    Raises PaymentRequestNotFound, CurrenciesMixed, RefundTooLarge, IdAlreadyUsed.
    """
    request = queries.request_by_id(uow.session, request_id)
    queries.lock_subject(uow.session, request_id)
    known = uow.session.get(Refund, refund_id)
    if known is not None:
        if (known.request_id, known.amount_minor, known.currency) != (request_id, amount_minor, currency):
            raise IdAlreadyUsed("Mint a new id for another refund.")
        return _seen_refund(uow, known)
    if currency != request.currency:
        raise CurrenciesMixed(f"This request is in {request.currency}.")
    money = Money(amount_minor, currency)
    standing = queries.standing_of(uow.session, request_id)
    if money.minor > standing.refundable:
        raise RefundTooLarge(f"No more than {Money(standing.refundable, currency)} can be refunded.")
    provider, payment_id = _payment_to_refund(uow, request_id, money)
    alone_already = queries.refunded_alone(uow.session, request_id)
    refund = uow.add(
        Refund(
            id=refund_id,
            request_id=request_id,
            amount_minor=amount_minor,
            currency=currency,
            provider=provider,
            payment_id=payment_id,
            reason=reason,
            asked_by=person.user_id,
            asked_at=uow.now,
        )
    )
    ledger.post(uow, postings.refund_asked(refund.id, request_id, money, standing, uow.now))
    take_step(uow, refund.id, RefundState.REQUESTED, person_id=person.user_id, detail=reason)
    # Over the whole request: a limit per refund would be kept by asking in parts.
    if alone_already + money.minor <= alone_minor:
        take_step(uow, refund.id, RefundState.APPROVED, person_id=person.user_id, detail="within the limit")
    return _seen_refund(uow, refund)


def _payment_to_refund(uow: UnitOfWork, request_id: UUID, money: Money) -> tuple[str, str]:
    """The one payment that covers the refund: back the way it came, and never more than is there that way."""
    left = left_of_payments(
        queries.payments_of(uow.session, request_id), queries.refunded_by_payment(uow.session, request_id)
    )
    for payment, minor in left.items():  # the largest payment first
        if minor >= money.minor:
            return payment
    raise RefundTooLarge("No single payment covers this: refund each payment by itself.")


@requires("refund:approve")
def approve_refund(uow: UnitOfWork, person: Actor, refund_id: UUID) -> SeenRefund:
    """The second person says yes; again changes nothing.

    Raises RefundNotFound, SecondPersonNeeded, RefundStepRefused.
    """
    refund = queries.refund_by_id(uow.session, refund_id)
    queries.lock_subject(uow.session, refund_id)
    state = queries.refund_state(uow.session, refund_id)
    if state in SETTLED:
        raise RefundStepRefused(f"The refund is {state} already.")
    if state is RefundState.REQUESTED:
        if refund.asked_by == person.user_id:
            raise SecondPersonNeeded("Somebody else of finance has to approve what you asked for.")
        take_step(uow, refund_id, RefundState.APPROVED, person_id=person.user_id)
    return _seen_refund(uow, refund)


@requires("refund:decline")
def decline_refund(uow: UnitOfWork, person: Actor, refund_id: UUID, *, reason: str) -> SeenRefund:
    """Somebody says no, or whoever asked thinks better of it: what was asked is taken back; again is once.

    Of what was approved only a transfer that nobody sent so far: a provider may be sending it at this moment.
    Raises RefundNotFound, RefundStepRefused.
    """
    refund = queries.refund_by_id(uow.session, refund_id)
    queries.lock_subject(uow.session, refund_id)
    state = queries.refund_state(uow.session, refund_id)
    if state is RefundState.DECLINED:
        return _seen_refund(uow, refund)
    is_unsent = state is RefundState.APPROVED and refund.provider in BY_TRANSFER
    if state is not RefundState.REQUESTED and not is_unsent:
        raise RefundStepRefused(f"The refund is {state}; it cannot be declined any more.")
    by = ByPerson(person.user_id, uow.now, reason)
    reverse_refund(uow, refund, TransactionKind.REFUND_DECLINED, by)
    take_step(uow, refund_id, RefundState.DECLINED, person_id=person.user_id, detail=reason)
    uow.flush()
    return _seen_refund(uow, refund)


@requires("refund:confirm")
def confirm_refund(uow: UnitOfWork, person: Actor, refund_id: UUID, *, bank_entry_id: UUID) -> SeenRefund:
    """Say which debit of the bank is this refund, when it was sent by transfer; again changes nothing.

    Raises RefundNotFound, BankEntryNotFound, RefundStepRefused, BankEntrySettled, CurrenciesMixed.
    """
    refund = queries.refund_by_id(uow.session, refund_id)
    entry = queries.bank_entry_by_id(uow.session, bank_entry_id)
    queries.lock_subject(uow.session, refund_id)
    state = queries.refund_state(uow.session, refund_id)
    if state is RefundState.DONE:
        return _seen_refund(uow, refund)
    if state is not RefundState.APPROVED or refund.provider not in BY_TRANSFER:
        raise RefundStepRefused(
            f"The refund is {state}; by transfer goes what was approved and came that way."
        )
    if entry.currency != refund.currency:
        raise CurrenciesMixed(f"The refund is in {refund.currency}.")
    queries.lock_subject(uow.session, bank_entry_id)
    if -queries.suspense(uow.session).get(bank_entry_id, 0) != refund.amount_minor:
        raise BankEntrySettled("The debit that waits is not of the refund's amount.")
    out_of = Account(AccountKind.SUSPENSE, refund.currency, bank_entry_id)
    settle_refund(uow, refund_id, went=True, out_of=out_of, person_id=person.user_id)
    return _seen_refund(uow, refund)
