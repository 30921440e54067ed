"""All that the payments process knows of the field: the approved charges it reads, the badge it writes.

These tables belong to other rooms, which are not imported: only the columns named here are granted to it
(`backend.payments.roles`), so a change over there that matters here breaks a test and not a bill.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    LargeBinary,
    String,
    TableClause,
    Uuid,
    column,
    exists,
    insert,
    select,
    table,
    update,
)
from sqlalchemy.orm import Session

from backend.db.types import Instant
from backend.db.unit_of_work import UnitOfWork
from backend.payments.models import EndedDeposit, PaymentRequest, RequestLine
from backend.payments.queries.ledger import lock_subject
from backend.payments.rules.billing import ApprovedCharge, Cover
from backend.payments.rules.errors import OrderedWorkNotFound
from backend.payments.rules.money import Money
from backend.payments.rules.telling import Contact
from schemas.payments import RequestKind
from schemas.visits import PaymentBadgeState, WorkOrderStatus
from sync.hook import record_changes

FIELD = "field"
"""The schema of the field's tables; on SQLite the name under which its file is attached, for reading."""
BADGES = "payment_badges"

_TYPES: Mapping[str, Any] = {
    "id": Uuid(),
    "quantity": BigInteger(),
    "unit_minor": BigInteger(),
    "price_minor": BigInteger(),
    "approved": Boolean(),
    "withdrawn_at": Instant(),
    "closed_at": Instant(),
    "archived_at": Instant(),
    "expires_at": Instant(),
    "revoked_at": Instant(),
    "token_sha256": LargeBinary(),
    "starts_on": Date(),
    "ends_on": Date(),
}
READ: Mapping[str, Sequence[str]] = {
    "report_charges": (
        "id",
        "report_id",
        "description",
        "part_id",
        "quantity",
        "unit_minor",
        "currency",
        "approved",
        "withdrawn_at",
    ),
    "parts": ("id", "price_minor", "currency"),
    "service_reports": ("id", "visit_id", "closed_at"),
    "visits": ("id", "work_order_id"),
    "work_orders": ("id", "number", "customer_id", "asset_id", "summary", "status"),
    "customers": ("id", "name", "email", "phone"),
    "confirmation_links": ("visit_id", "token_sha256", "expires_at", "revoked_at"),
    "entitlements": ("asset_id", "kind", "starts_on", "ends_on", "covers", "archived_at"),
    BADGES: ("id", "revision", "work_order_id", "state"),
    "sync_changes": ("id",),
}
"""What it may read, table by table: the grants on PostgreSQL are made from this."""


def _type_of(name: str) -> Any:
    return _TYPES.get(name) or (Uuid() if name.endswith("_id") else String())


def _seen(name: str) -> TableClause:
    return table(name, *(column(each, _type_of(each)) for each in READ[name]), schema=FIELD)


_CHARGES, _REPORTS, _VISITS = _seen("report_charges"), _seen("service_reports"), _seen("visits")
_PARTS = _seen("parts")
_ORDERS, _CUSTOMERS, _COVERS = _seen("work_orders"), _seen("customers"), _seen("entitlements")
_BADGES_READ, _LINKS = _seen(BADGES), _seen("confirmation_links")

OVER = frozenset({WorkOrderStatus.CANCELLED.value, WorkOrderStatus.COMPLETED.value})
"""Work orders of which nothing more will come."""


@dataclass(frozen=True)
class Whom:
    """Whom to ask for the money of a work order, what it is about, and where it is (`WorkOrderStatus`)."""

    work_order_id: UUID
    work_order_number: str
    customer_id: UUID
    customer_name: str
    contact: Contact
    summary: str
    status: str


@dataclass(frozen=True)
class BillableReport:
    """A signed report with charges that nobody was asked to pay yet, and whom to ask."""

    report_id: UUID
    whom: Whom
    signed_on: date
    charges: Sequence[ApprovedCharge]
    covers: Sequence[Cover]


def _is_billable() -> Any:
    return (
        _CHARGES.c.approved.is_(True)
        & _CHARGES.c.withdrawn_at.is_(None)
        & ~exists().where(RequestLine.charge_id == _CHARGES.c.id)
    )


def billable_report_ids(session: Session, limit: int) -> Sequence[UUID]:
    """Reports with charges to be billed: an anti-join on the charge's id, so that none is ever missed.

    A cursor over times or numbers would pass over a charge whose transaction committed late.
    """
    return session.scalars(
        select(_CHARGES.c.report_id)
        .where(_is_billable())
        .distinct()
        .order_by(_CHARGES.c.report_id)
        .limit(limit)
    ).all()


def reports_unbilled_since(session: Session, moment: datetime, limit: int) -> Sequence[tuple[UUID, datetime]]:
    """Reports that were signed before then and have charges that are not billed, the oldest first."""
    rows = session.execute(
        select(_REPORTS.c.id, _REPORTS.c.closed_at)
        .join(_CHARGES, _CHARGES.c.report_id == _REPORTS.c.id)
        .where(_is_billable(), _REPORTS.c.closed_at < moment)
        .distinct()
        .order_by(_REPORTS.c.closed_at, _REPORTS.c.id)
        .limit(limit)
    )
    return [(report_id, closed_at) for report_id, closed_at in rows]


def billable_report(session: Session, report_id: UUID) -> BillableReport | None:
    """What is to be billed of a report; None when it was billed meanwhile."""
    charges = _billable_charges(session, report_id)
    if not charges:
        return None
    signed = session.execute(
        select(_REPORTS.c.closed_at, _VISITS.c.work_order_id, _ORDERS.c.asset_id)
        .join(_VISITS, _VISITS.c.id == _REPORTS.c.visit_id)
        .join(_ORDERS, _ORDERS.c.id == _VISITS.c.work_order_id)
        .where(_REPORTS.c.id == report_id)
    ).one()
    covers = [
        Cover(row.kind, row.starts_on, row.ends_on, row.covers)
        for row in session.execute(
            select(_COVERS)
            .where(_COVERS.c.asset_id == signed.asset_id, _COVERS.c.archived_at.is_(None))
            .order_by(_COVERS.c.ends_on)
        )
    ]
    return BillableReport(
        report_id=report_id,
        whom=whom_to_ask(session, signed.work_order_id),
        signed_on=signed.closed_at.date(),
        charges=charges,
        covers=covers,
    )


def _billable_charges(session: Session, report_id: UUID) -> list[ApprovedCharge]:
    rows = session.execute(
        select(_CHARGES, _PARTS.c.price_minor, _PARTS.c.currency.label("list_currency"))
        .outerjoin(_PARTS, _PARTS.c.id == _CHARGES.c.part_id)
        .where(_CHARGES.c.report_id == report_id, _is_billable())
        .order_by(_CHARGES.c.id)
    )
    return [
        ApprovedCharge(
            row.id,
            row.description,
            row.part_id,
            row.quantity,
            row.unit_minor,
            row.currency,
            None if row.price_minor is None else Money(row.price_minor, row.list_currency),
        )
        for row in rows
    ]


def whom_to_ask(session: Session, work_order_id: UUID) -> Whom:
    """Whom to ask for the money of a work order; raises OrderedWorkNotFound."""
    row = session.execute(
        select(_ORDERS, _CUSTOMERS.c.name, _CUSTOMERS.c.email, _CUSTOMERS.c.phone)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _ORDERS.c.customer_id)
        .where(_ORDERS.c.id == work_order_id)
    ).one_or_none()
    if row is None:
        raise OrderedWorkNotFound("Check the id.")
    contact = Contact(row.email, row.phone)
    return Whom(row.id, row.number, row.customer_id, row.name, contact, row.summary, row.status)


def over_with_deposits(session: Session, limit: int) -> Sequence[UUID]:
    """Work orders that were cancelled or completed and for which a deposit is still asked."""
    return session.scalars(
        select(PaymentRequest.work_order_id)
        .join(_ORDERS, _ORDERS.c.id == PaymentRequest.work_order_id)
        .where(
            PaymentRequest.kind == RequestKind.DEPOSIT,
            ~exists().where(EndedDeposit.request_id == PaymentRequest.id),
            _ORDERS.c.status.in_(OVER),
        )
        .distinct()
        .order_by(PaymentRequest.work_order_id)
        .limit(limit)
    ).all()


def contact_of(session: Session, customer_id: UUID) -> Contact:
    """Where this customer can be reached now."""
    statement = select(_CUSTOMERS.c.email, _CUSTOMERS.c.phone).where(_CUSTOMERS.c.id == customer_id)
    row = session.execute(statement).one_or_none()
    return Contact() if row is None else Contact(row.email, row.phone)


def work_order_behind_link(session: Session, token_sha256: bytes, now: datetime) -> UUID | None:
    """The work order whose customer holds the link to a visit with this hash, while the link is good."""
    statement = (
        select(_VISITS.c.work_order_id)
        .join(_LINKS, _LINKS.c.visit_id == _VISITS.c.id)
        .where(
            _LINKS.c.token_sha256 == token_sha256,
            _LINKS.c.expires_at > now,
            _LINKS.c.revoked_at.is_(None),
        )
    )
    return session.scalar(statement)


def badges_shown(session: Session, after: UUID | None, limit: int) -> Sequence[tuple[UUID, str]]:
    """Work orders with a badge, and what it says, in the order of their ids: read from the ledger's side."""
    statement = select(_BADGES_READ.c.work_order_id, _BADGES_READ.c.state)
    if after is not None:
        statement = statement.where(_BADGES_READ.c.work_order_id > after)
    rows = session.execute(statement.order_by(_BADGES_READ.c.work_order_id).limit(limit))
    return [(work_order_id, state) for work_order_id, state in rows]


# Writing: on a connection to the field's database that may do this and nothing else.

_BADGE = table(
    BADGES,
    column("id", Uuid()),
    column("revision", BigInteger()),
    column("created_at", Instant()),
    column("work_order_id", Uuid()),
    column("state", String()),
)
BADGE_RIGHTS: Mapping[str, Collection[int]] = {
    BADGES: {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE},
    "sync_changes": {sqlite3.SQLITE_INSERT},
}
"""What its connection to the field's SQLite file may write; PostgreSQL's grants say the same."""


@dataclass(frozen=True)
class HeldBadge:
    """The badge of a work order, held until the transaction ends; without an id there is none yet."""

    work_order_id: UUID
    id: UUID | None = None
    revision: int = 0
    state: PaymentBadgeState = PaymentBadgeState.NONE


def badge_held(uow: UnitOfWork, work_order_id: UUID) -> HeldBadge:
    """The badge of a work order, so held that two who project at once wait for each other here.

    By a lock and not by a row: a row that says `none` where there was none would tell that money moved.
    """
    lock_subject(uow.session, uuid5(work_order_id, BADGES))
    row = uow.session.execute(
        select(_BADGE.c.id, _BADGE.c.revision, _BADGE.c.state).where(_BADGE.c.work_order_id == work_order_id)
    ).one_or_none()
    if row is None:
        return HeldBadge(work_order_id)
    return HeldBadge(work_order_id, row.id, row.revision, PaymentBadgeState(row.state))


def show_badge(uow: UnitOfWork, held: HeldBadge, state: PaymentBadgeState) -> None:
    """Write what a held badge says, and leave the change that carries it to phones."""
    badge_id, revision = held.id or uow.mint_id(), held.revision + 1
    if held.id is None:
        values = {
            "id": badge_id,
            "revision": revision,
            "created_at": uow.now,
            "work_order_id": held.work_order_id,
            "state": state.value,
        }
        uow.session.connection().execute(insert(_BADGE).values(values))
    else:
        uow.session.connection().execute(
            update(_BADGE).where(_BADGE.c.id == badge_id).values(state=state.value, revision=revision)
        )
    record_changes(uow.session, BADGES, {badge_id: revision})
