"""Tells customers of their bills: the link goes out by mail or text, and what became of it can be seen."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.letters import deposit_letter, request_letter, request_text
from backend.payments.models import Notice, PaymentRequest
from backend.payments.queries import field_side
from backend.payments.requesting import Terms
from backend.payments.rules.money import Money
from backend.payments.rules.telling import Contact, way_to_tell
from schemas.payments import Channel, NoticeState, RequestKind

NOT_AGAIN_WITHIN = timedelta(hours=1)


def tell_customer(
    uow: UnitOfWork, terms: Terms, request: PaymentRequest, contact: Contact, *, notice_id: UUID
) -> bool:
    """Send the link of a bill the way its customer wants, or one there is; False when there is none."""
    wanted = queries.bill_channel(uow.session, request.customer_id)
    way = way_to_tell(contact, wanted, terms.texting)
    if way is None:
        return False
    _send(uow, terms, request, *way, notice_id=notice_id)
    return True


def tell_again(uow: UnitOfWork, terms: Terms, link_token: str) -> None:
    """Send whoever holds the link to a visit the bills of its work order, the way they went before.

    At most once an hour each; nobody learns here whether there are any. The link itself opens no bill: the
    field's process sees it, and must not see what is owed (decision 100).
    """
    token_sha256 = hashlib.sha256(link_token.encode("utf-8", "surrogatepass")).digest()
    work_order_id = field_side.work_order_behind_link(uow.session, token_sha256, uow.now)
    if work_order_id is None:
        return
    request_ids = sorted(queries.requests_of_work_order(uow.session, work_order_id))
    for request_id in request_ids:
        queries.lock_subject(uow.session, request_id)
    for request_id, last in queries.last_notices(uow.session, request_ids).items():
        if last.at <= uow.now - NOT_AGAIN_WITHIN:
            request = queries.request_by_id(uow.session, request_id)
            _send(uow, terms, request, last.channel, last.address, notice_id=uow.mint_id())


@dataclass(frozen=True)
class SeenNotice:
    """Whether a customer was told of a bill, as finance sees it: `schemas.payments.NoticeBody`."""

    state: NoticeState
    channel: Channel | None = None
    address: str | None = None
    at: datetime | None = None
    why: str | None = None


NOBODY = SeenNotice(NoticeState.NOBODY, why="No mail address was known, and no number to text to.")


def seen_notices(session: Session, request_ids: Collection[UUID]) -> dict[UUID, SeenNotice]:
    """What became of the last notice of each of these requests."""
    notices = queries.last_notices(session, request_ids)
    messages = queries.messages_of_notices(session, notices.values())
    seen = {id_: _seen(notice, messages.get(notice.id)) for id_, notice in notices.items()}
    return {id_: seen.get(id_, NOBODY) for id_ in request_ids}


def _seen(notice: Notice, message: OutboxMessage | None) -> SeenNotice:
    if message is None or message.state is OutboxState.SENT:  # the outbox forgets only what was sent
        state, why = NoticeState.SENT, None
    else:
        state = NoticeState.FAILED if message.state is OutboxState.DEAD else NoticeState.WAITING
        why = message.last_error
    return SeenNotice(state, notice.channel, notice.address, notice.at, why)


def _send(
    uow: UnitOfWork, terms: Terms, request: PaymentRequest, channel: Channel, address: str, *, notice_id: UUID
) -> None:
    uow.add(Notice(id=notice_id, request_id=request.id, channel=channel, address=address, at=uow.now))
    link = terms.links.address_of(request.id)
    if channel is Channel.SMS:
        payload = {"text": request_text(request, link, terms.firm)}
    else:
        payload = _letter(uow, request, link, terms.firm)
    uow.post(channel.value, {"to": address, **payload}, key=queries.message_key(notice_id))


def _letter(uow: UnitOfWork, request: PaymentRequest, link: str, firm: str) -> dict[str, str]:
    """The words of a mail; what is posted by now counts."""
    standing = queries.standing_of(uow.session, request.id)
    to_pay = Money(standing.to_pay, request.currency)
    if request.kind is RequestKind.DEPOSIT:
        return deposit_letter(request, to_pay, link, firm)
    return request_letter(request, to_pay, Money(standing.deposited, request.currency), link, firm)
