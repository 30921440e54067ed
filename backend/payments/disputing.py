"""Follows a dispute from its first word to its end: what a card's bank takes, gives back, or keeps."""

from __future__ import annotations

from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.models import Dispute, DisputeStep
from backend.payments.providers import DisputeSeen, PaymentSeen
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
    is_news = is_step = _note(uow, provider, request_id, payment, seen)
    of = f"{payment.payment_id}:{seen.id}"
    clearing = Account(AccountKind.CLEARING, seen.money.currency, detail=provider)
    if seen.is_taken:
        _post_fee(uow, provider, seen.fee, f"dispute_fee:{of}")
        kind = TransactionKind.DISPUTED
        back = TakenBack(clearing, seen.money.minor, provider, f"dispute:{of}", kind, uow.now)
        is_news |= take_back(uow, request_id, back)
    if seen.is_given_back:
        _post_fee(uow, provider, None if seen.fee_back is None else -seen.fee_back, f"dispute_fee_back:{of}")
        kind = TransactionKind.DISPUTE_WON
        receipt = Receipt(clearing, seen.money.minor, provider, f"dispute_won:{of}", kind, uow.now)
        is_news |= receive(uow, request_id, receipt)
    if is_step and seen.state is DisputeState.LOST:
        _give_up(uow, provider, request_id, seen.money, f"dispute_lost:{of}")
    return is_news


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


def _post_fee(uow: UnitOfWork, provider: str, money: Money | None, key: str) -> None:
    if money is not None:
        ledger.post(uow, postings.fee(provider, money, key, uow.now))


def _give_up(uow: UnitOfWork, provider: str, request_id: UUID, money: Money, key: str) -> None:
    """What was paid otherwise meanwhile is not owed, and nothing of it is given up."""
    owed = queries.standing_of(uow.session, request_id).owed
    lost = Money(min(money.minor, owed), money.currency)
    if lost.minor and ledger.post(uow, postings.dispute_lost(provider, key, request_id, lost, uow.now)):
        request = queries.request_by_id(uow.session, request_id)
        ask_for_badge(uow, request.work_order_id, f"{provider}:{key}")
