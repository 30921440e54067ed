"""What people of finance do so that customers hear of their bills."""

from __future__ import annotations

from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.models import BillChannel
from backend.payments.permissions import requires
from backend.payments.queries import field_side
from backend.payments.requesting import Terms
from backend.payments.rules.errors import NobodyToTell
from backend.payments.telling import tell_customer
from schemas.errors import IdAlreadyUsed
from schemas.payments import Channel


@requires("payment_request:send")
def send_payment_request(
    uow: UnitOfWork, person: Actor, request_id: UUID, *, notice_id: UUID, terms: Terms
) -> None:
    """Send a bill's link to where the field knows its customer now. The same notice again changes nothing.

    Raises PaymentRequestNotFound, NobodyToTell, IdAlreadyUsed.
    """
    request = queries.request_by_id(uow.session, request_id)
    queries.lock_subject(uow.session, notice_id)
    known = queries.notice_by_id(uow.session, notice_id)
    if known is not None:
        if known.request_id != request_id:
            raise IdAlreadyUsed("Another bill was sent under this id: mint a new one.")
        return
    contact = field_side.contact_of(uow.session, request.customer_id)
    if not tell_customer(uow, terms, request, contact, notice_id=notice_id):
        raise NobodyToTell("Have the office enter a mail address or a mobile number of this customer.")


@requires("customer_bill_channel:set")
def set_customer_bill_channel(
    uow: UnitOfWork, person: Actor, customer_id: UUID, *, channel: Channel
) -> BillChannel:
    """How a customer wants to be told of bills from now on."""
    return uow.add(
        BillChannel(
            id=uow.mint_id(),
            customer_id=customer_id,
            channel=channel,
            set_at=uow.now,
            person_id=person.user_id,
        )
    )
