"""Posts money that came in or went back for a request, and asks for its badge: one door for all ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.rules.postings import Posting, Receipt, Standing, TakenBack, received, taken_back


def receive(uow: UnitOfWork, request_id: UUID, receipt: Receipt) -> bool:
    """Post a receipt; whether it is new. Raises SourceKeyContradicted."""
    queries.lock_subject(uow.session, request_id)
    standing = queries.standing_of(uow.session, request_id)
    return _post(uow, request_id, received(request_id, receipt, standing.owed))


def take_back(uow: UnitOfWork, request_id: UUID, back: TakenBack) -> bool:
    """Post a return or dispute; whether it is new. Raises SourceKeyContradicted."""
    queries.lock_subject(uow.session, request_id)
    standing = queries.standing_of(uow.session, request_id)
    return _post(uow, request_id, taken_back(request_id, back, standing.credit))


def receipts(uow: UnitOfWork, coming: Sequence[tuple[UUID, Receipt]]) -> list[Posting]:
    """The postings of many receipts at once, each settling what the ones before it left owed."""
    request_ids = sorted({request_id for request_id, _ in coming})
    for request_id in request_ids:
        queries.lock_subject(uow.session, request_id)
    standings = queries.standings(uow.session, request_ids)
    postings = []
    for request_id, receipt in coming:
        standing = standings[request_id]
        postings.append(received(request_id, receipt, standing.owed))
        standings[request_id] = _after(standing, receipt.minor)
    return postings


def _after(standing: Standing, minor: int) -> Standing:
    return replace(standing, owed=max(standing.owed - minor, 0), received=standing.received + minor)


def _post(uow: UnitOfWork, request_id: UUID, posting: Posting) -> bool:
    fresh = ledger.post(uow, posting)
    if fresh:
        request = queries.request_by_id(uow.session, request_id)
        ask_for_badge(uow, request.work_order_id, f"{posting.source}:{posting.source_key}")
    return fresh
