"""Follows a dispute from its first word to its end: what a card's bank takes, gives back, or keeps."""

from __future__ import annotations

from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.models import Dispute, DisputeStep
from backend.payments.providers import DisputeMove, DisputeSeen, PaymentSeen
from backend.payments.receiving import receive, take_back
from backend.payments.rules import postings
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, Receipt, TakenBack, TransactionKind
from schemas.payments import DisputeState


def follow_dispute(
    uow: UnitOfWork, provider: str, request_id: UUID, payment: PaymentSeen, seen: DisputeSeen
) -> bool:
    """Write down where a dispute of a payment is and post what it moved, each once; whether that was news.

    Whoever calls holds the request. A dispute that is heard of when it is over is posted from its beginning.
    """
    is_step = _note(uow, provider, request_id, payment, seen)
    posted = [move for move in seen.moves if _post(uow, provider, request_id, payment, move)]
    is_taken = any(move.money.minor < 0 for move in seen.moves)
    is_taken_now = any(move.money.minor < 0 for move in posted)
    # Only now, and not whenever one looks again: what is owed later is owed for other reasons.
    if seen.state is DisputeState.LOST and is_taken and (is_step or is_taken_now):
        _give_up(uow, provider, request_id, seen.money, f"dispute_lost:{payment.payment_id}:{seen.id}")
    return is_step or bool(posted)


def _post(uow: UnitOfWork, provider: str, request_id: UUID, payment: PaymentSeen, move: DisputeMove) -> bool:
    """Post one movement and its fee; whether it is new."""
    of, money = f"{payment.payment_id}:{move.id}", move.money
    clearing = Account(AccountKind.CLEARING, money.currency, detail=provider)
    if move.fee is not None:
        ledger.post(uow, postings.fee(provider, move.fee, f"dispute_fee:{of}", uow.now))
    if money.minor > 0:
        won = TransactionKind.DISPUTE_WON
        return receive(
            uow, request_id, Receipt(clearing, money.minor, provider, f"dispute_won:{of}", won, uow.now)
        )
    # Before disputes were followed, what was taken for one was posted under its payment alone.
    if queries.transaction_keys(uow.session, provider, [f"dispute:{payment.payment_id}"]):
        return False
    back = TakenBack(clearing, -money.minor, provider, f"dispute:{of}", TransactionKind.DISPUTED, uow.now)
    return take_back(uow, request_id, back)


def _note(uow: UnitOfWork, provider: str, request_id: UUID, payment: PaymentSeen, seen: DisputeSeen) -> bool:
    """Keep the dispute and its step; whether the step is new."""
    assert payment.payment_id is not None
    dispute = queries.dispute_by_name(uow.session, provider, seen.id)
    if dispute is None:
        dispute = uow.add(
            Dispute(
                id=uow.mint_id(),
                request_id=request_id,
                provider=provider,
                name=seen.id,
                payment_id=payment.payment_id,
                checkout_id=payment.checkout_id,
                amount_minor=seen.money.minor,
                currency=seen.money.currency,
                reason=seen.reason,
                respond_by=seen.respond_by,
                heard_at=uow.now,
            )
        )
        uow.flush()
    if seen.state in queries.dispute_steps(uow.session, dispute.id):
        return False
    uow.add(DisputeStep(id=uow.mint_id(), dispute_id=dispute.id, state=seen.state, at=uow.now))
    return True


def _give_up(uow: UnitOfWork, provider: str, request_id: UUID, money: Money, key: str) -> None:
    """Once. What was paid otherwise meanwhile is not owed, and nothing of it is given up."""
    if queries.transaction_keys(uow.session, provider, [key]):
        return
    owed = queries.standing_of(uow.session, request_id).owed
    lost = Money(min(money.minor, owed), money.currency)
    if lost.minor and ledger.post(uow, postings.dispute_lost(provider, key, request_id, lost, uow.now)):
        request = queries.request_by_id(uow.session, request_id)
        ask_for_badge(uow, request.work_order_id, f"{provider}:{key}")
