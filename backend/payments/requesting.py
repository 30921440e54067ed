"""Writes down what a customer is asked to pay, bill or deposit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.links import PaymentLinks, link_hash
from backend.payments.models import PaymentRequest
from backend.payments.queries.field_side import Whom
from backend.payments.rules.references import make_reference
from backend.payments.rules.telling import Texting
from schemas.payments import RequestKind


@dataclass(frozen=True)
class Terms:
    """On what terms the firm bills, and how it reaches its customers."""

    firm: str
    links: PaymentLinks
    days_to_pay: int
    usual_tax_basis_points: int
    texting: Texting


@dataclass(frozen=True)
class Asking:
    """What is asked for: minor units, of which `covered_minor` nobody has to pay. No report: a deposit."""

    words: str
    currency: str
    gross_minor: int
    days_to_pay: int
    covered_minor: int = 0
    report_id: UUID | None = None

    @property
    def kind(self) -> RequestKind:
        """A bill is of a report; a deposit comes before there is one."""
        return RequestKind.DEPOSIT if self.report_id is None else RequestKind.BILL


def write_request(
    uow: UnitOfWork, links: PaymentLinks, request_id: UUID, whom: Whom, asking: Asking
) -> PaymentRequest:
    """A new payment request, with a number, a reference and a link of its own; its work order is held.

    What is asked for a work order is asked one after the other, as the lock lets in: never at a moment before
    what is there, whatever the clocks of two processes say. Which bills a deposit is for hangs on that order.
    """
    letter = "P" if asking.kind is RequestKind.BILL else "D"
    before = queries.last_asked_at(uow.session, whom.work_order_id)
    asked_at = uow.now if before is None else max(uow.now, before + timedelta(microseconds=1))
    return uow.add(
        PaymentRequest(
            id=request_id,
            kind=asking.kind,
            number=f"{letter}-{asked_at:%y%m}-{request_id.hex[-8:].upper()}",
            reference=make_reference(hashlib.sha256(request_id.bytes).digest()),
            link_sha256=link_hash(links.token_of(request_id)),
            work_order_id=whom.work_order_id,
            work_order_number=whom.work_order_number,
            report_id=asking.report_id,
            customer_id=whom.customer_id,
            customer_name=whom.customer_name,
            customer_email=whom.contact.email,
            summary=asking.words,
            currency=asking.currency,
            gross_minor=asking.gross_minor,
            covered_minor=asking.covered_minor,
            issued_at=asked_at,
            due_on=(asked_at + timedelta(days=asking.days_to_pay)).date(),
        )
    )
