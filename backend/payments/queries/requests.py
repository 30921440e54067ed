"""Reading what was asked of customers, at which tax rates, and the ways to pay that were opened for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from backend.db.paging import Page, PageRequest, fetch_page
from backend.payments.models import (
    Checkout,
    InboxEvent,
    InboxOutcome,
    LedgerTransaction,
    PartTaxRate,
    PaymentRequest,
    RequestLine,
)
from backend.payments.rules.errors import PaymentRequestNotFound
from backend.payments.rules.postings import TransactionKind
from schemas.payments import RequestKind
from sync.sql import batches


def request_by_id(session: Session, request_id: UUID) -> PaymentRequest:
    """That request; raises PaymentRequestNotFound."""
    found = session.get(PaymentRequest, request_id)
    if found is None:
        raise PaymentRequestNotFound("Check the id.")
    return found


def is_request(session: Session, request_id: UUID | None) -> bool:
    """Whether anything was ever asked under this id."""
    return request_id is not None and session.get(PaymentRequest, request_id) is not None


def request_by_link(session: Session, link_sha256: str) -> PaymentRequest:
    """The request behind a customer's link; raises PaymentRequestNotFound."""
    found = session.scalar(select(PaymentRequest).where(PaymentRequest.link_sha256 == link_sha256))
    if found is None:
        raise PaymentRequestNotFound("Open the link from your mail again; it may have been cut off.")
    return found


def requests_by_reference(session: Session, references: Collection[str]) -> dict[str, PaymentRequest]:
    """Requests by their creditor reference."""
    found: dict[str, PaymentRequest] = {}
    for batch in batches(sorted(references)):
        rows = session.scalars(select(PaymentRequest).where(PaymentRequest.reference.in_(batch)))
        found |= {row.reference: row for row in rows}
    return found


def requests_of_work_order(session: Session, work_order_id: UUID) -> Sequence[UUID]:
    """What was asked for one work order."""
    return session.scalars(
        select(PaymentRequest.id).where(PaymentRequest.work_order_id == work_order_id)
    ).all()


def last_asked_at(session: Session, work_order_id: UUID) -> datetime | None:
    """When something was last asked for this work order, if ever."""
    return session.scalar(
        select(PaymentRequest.issued_at)
        .where(PaymentRequest.work_order_id == work_order_id)
        .order_by(PaymentRequest.issued_at.desc())
        .limit(1)
    )


def lines_of(session: Session, request_id: UUID) -> Sequence[RequestLine]:
    """The lines of a request, in order."""
    return session.scalars(
        select(RequestLine).where(RequestLine.request_id == request_id).order_by(RequestLine.position)
    ).all()


_IS_OFF_LIST = exists().where(
    RequestLine.request_id == PaymentRequest.id,
    (RequestLine.list_minor != RequestLine.unit_minor)
    | (RequestLine.list_currency != PaymentRequest.currency),
)
"""A line without a list price is not among them: NULL differs from nothing."""


def list_requests(
    session: Session,
    page: PageRequest,
    *,
    customer_id: UUID | None = None,
    work_order_id: UUID | None = None,
    kind: RequestKind | None = None,
    off_list: bool | None = None,
) -> Page[PaymentRequest]:
    """Payment requests: of a customer, a work order, a kind, or with a line off the list; oldest first."""
    statement = select(PaymentRequest)
    if kind is not None:
        statement = statement.where(PaymentRequest.kind == kind)
    if off_list is not None:
        statement = statement.where(_IS_OFF_LIST if off_list else ~_IS_OFF_LIST)
    if customer_id is not None:
        statement = statement.where(PaymentRequest.customer_id == customer_id)
    if work_order_id is not None:
        statement = statement.where(PaymentRequest.work_order_id == work_order_id)
    return fetch_page(session, statement, page, key=PaymentRequest.issued_at)


def checkout_by_provider_id(session: Session, provider: str, provider_id: str) -> Checkout | None:
    """The checkout that a provider calls by this name."""
    return session.scalar(
        select(Checkout).where(Checkout.provider == provider, Checkout.provider_id == provider_id)
    )


def unanswered_checkouts(session: Session, provider: str, since: datetime) -> Sequence[Checkout]:
    """Checkouts since then that may have been paid and not posted: what a poll has to ask about.

    A payment does not say which checkout it was of: all of a request are asked about while more were
    opened than payments were posted. Whoever opens two may pay the first.
    """
    other = aliased(Checkout)
    opened = (
        select(func.count())
        .where(other.provider == provider, other.request_id == Checkout.request_id)
        .scalar_subquery()
    )
    paid = (
        select(func.count())
        .where(
            LedgerTransaction.source == provider,
            LedgerTransaction.request_id == Checkout.request_id,
            LedgerTransaction.kind == TransactionKind.CARD_PAID,
        )
        .scalar_subquery()
    )
    return session.scalars(
        select(Checkout)
        .where(Checkout.provider == provider, Checkout.created_at >= since, opened > paid)
        .order_by(Checkout.id)
    ).all()


def waiting_event_ids(session: Session, providers: Collection[str], limit: int) -> Sequence[UUID]:
    """Messages of these providers that nobody has settled, oldest first."""
    return session.scalars(
        select(InboxEvent.id)
        .where(_is_waiting(), InboxEvent.provider.in_(providers))
        .order_by(InboxEvent.received_at, InboxEvent.id)
        .limit(limit)
    ).all()


def waiting_events(session: Session, event_ids: Collection[UUID]) -> Sequence[InboxEvent]:
    """Those of these messages that nobody has settled, in no order."""
    return session.scalars(select(InboxEvent).where(_is_waiting(), InboxEvent.id.in_(event_ids))).all()


def _is_waiting() -> ColumnElement[bool]:
    return ~exists().where(InboxOutcome.event_id == InboxEvent.id)


def tax_rates(session: Session) -> dict[UUID, PartTaxRate]:
    """The rate that counts for each part that has one of its own."""
    rows = session.scalars(select(PartTaxRate).order_by(PartTaxRate.set_at, PartTaxRate.id))
    return {row.part_id: row for row in rows}
