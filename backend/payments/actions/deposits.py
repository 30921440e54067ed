"""How people of finance ask for money before the work."""

from __future__ import annotations

from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.actions.requests import seen_request
from backend.payments.deposits import end_deposit, hold_work_order
from backend.payments.models import PaymentRequest
from backend.payments.permissions import requires
from backend.payments.queries import field_side
from backend.payments.requesting import Asking, Terms, write_request
from backend.payments.rules.errors import DepositOver, NoWorkToCome, PaymentRequestNotFound
from backend.payments.rules.money import Money
from backend.payments.telling import tell_customer
from schemas.errors import IdAlreadyUsed
from schemas.payments import DepositEnd, RequestKind
from schemas.visits import WorkOrderStatus

_IS_OVER = frozenset({WorkOrderStatus.COMPLETED, WorkOrderStatus.CANCELLED})


@requires("deposit:request")
def request_deposit(
    uow: UnitOfWork,
    person: Actor,
    work_order_id: UUID,
    *,
    deposit_id: UUID,
    amount_minor: int,
    currency: str,
    words: str,
    days_to_pay: int,
    terms: Terms,
) -> dict[str, object]:
    """Ask the customer of a work order for money before the work; the link goes to them.

    Nothing is posted: nobody owes a deposit. The same `deposit_id` again changes nothing.
    Raises OrderedWorkNotFound, NoWorkToCome, IdAlreadyUsed.
    """
    hold_work_order(uow, work_order_id)
    known = uow.session.get(PaymentRequest, deposit_id)
    if known is not None:
        asked = (known.kind, known.work_order_id, known.gross_minor, known.currency, known.summary)
        days = (known.due_on - known.issued_at.date()).days
        if (*asked, days) != (RequestKind.DEPOSIT, work_order_id, amount_minor, currency, words, days_to_pay):
            raise IdAlreadyUsed("Mint a new id for another deposit.")
        return seen_request(uow, known).as_fields()
    whom = field_side.whom_to_ask(uow.session, work_order_id)
    if whom.status in _IS_OVER:
        raise NoWorkToCome(f"The work order is {whom.status}; what it costs is on its bill.")
    money = Money(amount_minor, currency)
    asking = Asking(words=words, currency=money.currency, gross_minor=money.minor, days_to_pay=days_to_pay)
    deposit = write_request(uow, terms.links, deposit_id, whom, asking)
    uow.flush()
    tell_customer(uow, terms, deposit, whom.contact, notice_id=uow.mint_id())
    return seen_request(uow, deposit).as_fields()


@requires("deposit:withdraw")
def withdraw_deposit(uow: UnitOfWork, person: Actor, deposit_id: UUID) -> dict[str, object]:
    """Ask for a deposit no more; what came of it is credit, to be refunded. Again changes nothing.

    Raises PaymentRequestNotFound, DepositOver.
    """
    deposit = queries.request_by_id(uow.session, deposit_id)
    if deposit.kind is not RequestKind.DEPOSIT:
        raise PaymentRequestNotFound("This is a bill; a debt is given up by writing it off.")
    hold_work_order(uow, deposit.work_order_id)
    ended = queries.deposit_end(uow.session, deposit_id)
    if ended is None:
        end_deposit(uow, deposit, DepositEnd.WITHDRAWN)
    elif ended is not DepositEnd.WITHDRAWN:
        raise DepositOver(f"Its work order is {ended}; refund what is left of it.")
    return seen_request(uow, deposit).as_fields()
