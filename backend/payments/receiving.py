"""Posts money that came in or went back for a request, and asks for its badge: one door for all ways."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.deposits import give_back_from_bills, hold, use_deposits
from backend.payments.models import PaymentRequest
from backend.payments.rules.postings import Posting, Receipt, TakenBack, received, taken_back
from schemas.payments import RequestKind


def receive(uow: UnitOfWork, request_id: UUID, receipt: Receipt) -> bool:
    """Post a receipt; whether it is new. Raises SourceKeyContradicted."""
    hold(uow, [request_id])
    request = queries.request_by_id(uow.session, request_id)
    standing = queries.standing_of(uow.session, request_id)
    posting = received(request_id, receipt, standing)
    fresh = _post(uow, request, posting)
    if fresh and request.kind is RequestKind.DEPOSIT:
        use_deposits(uow, request.work_order_id, _occasion(posting))
    return fresh


def take_back(uow: UnitOfWork, request_id: UUID, back: TakenBack) -> bool:
    """Post a return or dispute; whether it is new. Raises SourceKeyContradicted."""
    hold(uow, [request_id])
    request = queries.request_by_id(uow.session, request_id)
    if not queries.transaction_keys(uow.session, back.source, [back.source_key]):
        give_back_from_bills(uow, request, back.minor, f"{back.source}:{back.source_key}")
    standing = queries.standing_of(uow.session, request_id)
    posting = taken_back(request_id, back, standing)
    fresh = _post(uow, request, posting)
    if fresh:  # what is owed again may be paid by what is left of another deposit
        use_deposits(uow, request.work_order_id, _occasion(posting))
    return fresh


def receipts(uow: UnitOfWork, coming: Sequence[tuple[UUID, Receipt]]) -> list[Posting]:
    """The postings of many receipts at once, each settling what the ones before it left owed."""
    request_ids = sorted({request_id for request_id, _ in coming})
    hold(uow, request_ids)
    standings = queries.standings(uow.session, request_ids)
    postings = []
    for request_id, receipt in coming:
        standing = standings[request_id]
        postings.append(received(request_id, receipt, standing))
        standings[request_id] = standing.after(receipt.minor)
    return postings


def _occasion(posting: Posting) -> str:
    return f"{posting.source}:{posting.source_key}"


def _post(uow: UnitOfWork, request: PaymentRequest, posting: Posting) -> bool:
    fresh = ledger.post(uow, posting)
    if fresh:
        ask_for_badge(uow, request.work_order_id, _occasion(posting))
    return fresh
