"""Turns what customers approved by signing into payment requests: pulled, each charge once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import ledger, queries
from backend.payments.letters import request_letter
from backend.payments.links import PaymentLinks, link_hash
from backend.payments.models import PaymentRequest, RequestLine
from backend.payments.queries import field_side
from backend.payments.rules.billing import BilledLine, bill, taxes_of
from backend.payments.rules.money import Money
from backend.payments.rules.postings import issued
from backend.payments.rules.references import make_reference
from schemas.errors import DomainError

log = structlog.get_logger(__name__)

AT_ONCE = 200


@dataclass(frozen=True)
class Terms:
    """On what terms the firm bills."""

    firm: str
    links: PaymentLinks
    days_to_pay: int
    usual_tax_basis_points: int


def bill_what_was_approved(factory: UnitOfWorkFactory, terms: Terms) -> int:
    """Make payment requests for all approved charges that have none; how many were made.

    Each report is a transaction of its own: one that cannot be billed keeps no other from it, and is tried
    again next time.
    """
    with factory.begin(write=False) as uow:
        report_ids = field_side.billable_report_ids(uow.session, AT_ONCE)
    made = 0
    for report_id in report_ids:
        try:
            with factory.begin() as uow:
                made += bill_report(uow, terms, report_id) is not None
        except DomainError as error:
            log.error("billing.refused", report=str(report_id), code=error.code)
    return made


def bill_report(uow: UnitOfWork, terms: Terms, report_id: UUID) -> PaymentRequest | None:
    """The payment request for one report's charges; None when another process was faster."""
    queries.lock_subject(uow.session, report_id)
    report = field_side.billable_report(uow.session, report_id)
    if report is None:
        return None
    lines = bill(
        report.charges,
        report.covers,
        report.signed_on,
        tax_of={part: rate.basis_points for part, rate in queries.tax_rates(uow.session).items()},
        usual_tax=terms.usual_tax_basis_points,
    )
    request = _write_request(uow, terms, report, lines)
    posting = issued(request.id, request.currency, taxes_of(lines), uow.now)
    if posting is not None:
        ledger.post(uow, posting)
    _mail(uow, terms, request, key=f"request:{request.id}")
    return request


def mail_bills_again(uow: UnitOfWork, terms: Terms, link_token: str) -> None:
    """Send whoever holds the link to a visit the bills of its work order, to the address they went to before.

    At most once an hour each; nobody learns here whether there are any. The link itself opens no bill: the
    field's process sees it, and must not see what is owed (decision 100).
    """
    token_sha256 = hashlib.sha256(link_token.encode("utf-8", "surrogatepass")).digest()
    work_order_id = field_side.work_order_behind_link(uow.session, token_sha256, uow.now)
    if work_order_id is None:
        return
    for request_id in queries.requests_of_work_order(uow.session, work_order_id):
        request = queries.request_by_id(uow.session, request_id)
        _mail(uow, terms, request, key=f"request:{request_id}:{uow.now:%Y-%m-%dT%H}")


def _mail(uow: UnitOfWork, terms: Terms, request: PaymentRequest, *, key: str) -> None:
    if request.customer_email is None:
        return
    due = Money(request.gross_minor - request.covered_minor, request.currency)
    letter = request_letter(request, due, terms.links.address_of(request.id), terms.firm)
    uow.post("mail", {"to": request.customer_email, **letter}, key=key)


def _write_request(
    uow: UnitOfWork, terms: Terms, report: field_side.BillableReport, lines: Sequence[BilledLine]
) -> PaymentRequest:
    request_id = uow.mint_id()
    request = uow.add(
        PaymentRequest(
            id=request_id,
            number=f"P-{uow.now:%y%m}-{request_id.hex[-8:].upper()}",
            reference=make_reference(hashlib.sha256(request_id.bytes).digest()),
            link_sha256=link_hash(terms.links.token_of(request_id)),
            work_order_id=report.work_order_id,
            work_order_number=report.work_order_number,
            report_id=report.report_id,
            customer_id=report.customer_id,
            customer_name=report.customer_name,
            customer_email=report.customer_email,
            summary=report.summary,
            currency=lines[0].charge.currency,
            gross_minor=sum(line.gross_minor for line in lines),
            covered_minor=sum(line.covered_minor for line in lines),
            issued_at=uow.now,
            due_on=(uow.now + timedelta(days=terms.days_to_pay)).date(),
        )
    )
    uow.add_all(
        RequestLine(
            id=uow.mint_id(),
            request_id=request_id,
            charge_id=line.charge.id,
            position=position,
            description=line.charge.description,
            quantity=line.charge.quantity,
            unit_minor=line.charge.unit_minor,
            gross_minor=line.gross_minor,
            covered_minor=line.covered_minor,
            covered_by=line.covered_by,
            tax_basis_points=line.tax_basis_points,
            tax_minor=line.tax_minor,
            list_minor=listed.minor if (listed := line.charge.list_price) else None,
            list_currency=listed.currency if listed else None,
        )
        for position, line in enumerate(lines, 1)
    )
    return request
