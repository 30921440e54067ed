"""Keeps what was paid before the work true to its bills: used when they come, given back when it went away.

Whoever posts for a request that a deposit may concern holds it first (`hold`): the work order before its
requests, requests in the order of their ids, so that two who post never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.models import EndedDeposit, PaymentRequest
from backend.payments.rules.deposits import Occasion, Placed, unused, used
from schemas.payments import DepositEnd, RequestKind


def hold(uow: UnitOfWork, request_ids: Collection[UUID]) -> None:
    """Let nobody else post for these requests, nor for others of a work order that has a deposit."""
    every = set(request_ids)
    for work_order_id in sorted(queries.work_orders_with_deposits(uow.session, every)):
        queries.lock_subject(uow.session, work_order_id)
        every |= set(queries.requests_of_work_order(uow.session, work_order_id))
    for request_id in sorted(every):
        queries.lock_subject(uow.session, request_id)


def hold_work_order(uow: UnitOfWork, work_order_id: UUID) -> None:
    """Let nobody else ask, bill or post for this work order until the transaction ends."""
    queries.lock_subject(uow.session, work_order_id)
    for request_id in sorted(queries.requests_of_work_order(uow.session, work_order_id)):
        queries.lock_subject(uow.session, request_id)


def end_deposits(uow: UnitOfWork, work_order_id: UUID, why: DepositEnd, occasion: str) -> None:
    """Ask for no deposit of a held work order any more, and use what came of them."""
    for deposit in queries.deposits_asked_for(uow.session, work_order_id):
        uow.add(EndedDeposit(request_id=deposit.id, why=why, at=uow.now))
    uow.flush()
    use_deposits(uow, work_order_id, occasion)


def end_deposit(uow: UnitOfWork, deposit: PaymentRequest, why: DepositEnd) -> None:
    """Ask for one deposit of a held work order no more; what came of it is the customer's credit."""
    uow.add(EndedDeposit(request_id=deposit.id, why=why, at=uow.now))
    uow.flush()
    use_deposits(uow, deposit.work_order_id, f"{why.value}:{deposit.id}")


def use_deposits(uow: UnitOfWork, work_order_id: UUID, occasion: str) -> None:
    """Use what is left of deposits that are no longer asked for, on a held work order.

    `occasion` is the identity of what happened in this same transaction; it happens once, and so does this.
    """
    deposits = queries.ended_deposits(uow.session, work_order_id)
    if not any(deposit.standing.held + deposit.standing.credit for deposit in deposits):
        return
    on = Occasion(occasion, uow.now)
    if ledger.post_all(uow, list(used(deposits, queries.bills_of(uow.session, work_order_id), on))):
        ask_for_badge(uow, work_order_id, f"deposit:{occasion}")


def give_back_from_bills(uow: UnitOfWork, deposit: PaymentRequest, minor: int, occasion: str) -> None:
    """Before that much is taken back of a deposit: what it has no more, bills it paid give back to it."""
    if deposit.kind is not RequestKind.DEPOSIT:
        return
    paid = queries.bills_paid_by(uow.session, deposit.id)
    if not paid:
        return
    bills = {bill.id: bill for bill in queries.bills_of(uow.session, deposit.work_order_id)}
    placed = Placed(deposit.id, deposit.issued_at, queries.standing_of(uow.session, deposit.id))
    uses = [(bills[bill_id], share) for bill_id, share in paid.items()]
    if ledger.post_all(uow, list(unused(placed, uses, minor, Occasion(occasion, uow.now)))):
        ask_for_badge(uow, deposit.work_order_id, f"deposit:{occasion}:back")
