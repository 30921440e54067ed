"""Turns what customers approved by signing into payment requests: pulled, each charge once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

import structlog

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.deposits import end_deposits, hold_work_order
from backend.payments.models import PaymentRequest, RequestLine
from backend.payments.queries import field_side
from backend.payments.requesting import Asking, Terms, write_request
from backend.payments.rules.billing import BilledLine, bill, taxes_of
from backend.payments.rules.postings import issued
from backend.payments.telling import tell_customer
from backend.payments.turns import Turns
from schemas.errors import DomainError
from schemas.payments import DepositEnd

log = structlog.get_logger(__name__)


def bill_what_was_approved(factory: UnitOfWorkFactory, terms: Terms, turns: Turns | None = None) -> int:
    """Make payment requests for approved charges that have none; how many were made.

    Each report is a transaction of its own: one that cannot be billed keeps no other from it, and is tried
    again. `turns` is what earlier rounds learned.
    """
    turns = turns or Turns()
    with factory.begin(write=False) as uow:
        report_ids = turns.next_of(partial(field_side.billable_report_ids, uow.session), uow.now)
    made = 0
    for report_id in report_ids:
        try:
            with factory.begin() as uow:
                made += bill_report(uow, terms, report_id) is not None
        except DomainError as error:
            if turns.in_vain(report_id, factory.clock(), f"{error.code}: {error.detail}"):
                log.error("billing.refused", report=str(report_id), code=error.code)
        except Exception as error:
            if turns.in_vain(report_id, factory.clock(), type(error).__name__):
                log.exception("billing.stalled", report=str(report_id))
        else:
            turns.over(report_id)
    return made


def bill_report(uow: UnitOfWork, terms: Terms, report_id: UUID) -> PaymentRequest | None:
    """The payment request for one report's charges; None when another process was faster."""
    queries.lock_subject(uow.session, report_id)
    report = field_side.billable_report(uow.session, report_id)
    if report is None:
        return None
    lines = _lines(uow, terms, report)
    hold_work_order(uow, report.whom.work_order_id)
    request = _write_request(uow, terms, report, lines)
    issue(uow, request, taxes_of(lines))
    if not tell_customer(uow, terms, request, report.whom.contact, notice_id=uow.mint_id()):
        log.warning("billing.nobody_to_tell", request=str(request.id))
    return request


def why_not_billed(uow: UnitOfWork, terms: Terms, report_id: UUID) -> str:
    """What keeps charges from being billed, in words; it is tried, and nothing is written."""
    report = field_side.billable_report(uow.session, report_id)
    if report is None:
        return "They have just been billed."
    try:
        _lines(uow, terms, report)
    except DomainError as error:
        return f"{error.title} {error.detail}"
    except Exception:  # the desk shows what else waits, whatever is wrong with one report
        log.exception("billing.stalled", report=str(report_id))
        return "Nobody foresaw what is wrong with it; the trace stands in the log (billing.stalled)."
    return "They can be billed now; what stopped it stands in the log (billing.refused, billing.stalled)."


def _lines(uow: UnitOfWork, terms: Terms, report: field_side.BillableReport) -> list[BilledLine]:
    return bill(
        report.charges,
        report.covers,
        report.signed_on,
        tax_of={part: rate.basis_points for part, rate in queries.tax_rates(uow.session).items()},
        usual_tax=terms.usual_tax_basis_points,
    )


def issue(uow: UnitOfWork, request: PaymentRequest, taxes: Mapping[int, tuple[int, int]]) -> None:
    """Post that a bill is owed, by tax rate, and use for it what was paid before; its work order is held.

    Where an earlier bill was paid, the badge is not `paid` any more.
    """
    posting = issued(request.id, request.currency, taxes, uow.now)
    if posting is not None and ledger.post(uow, posting):
        ask_for_badge(uow, request.work_order_id, f"request:{request.id}")
    end_deposits(uow, request.work_order_id, DepositEnd.BILLED, f"request:{request.id}")


def end_deposits_of_done_work(factory: UnitOfWorkFactory, turns: Turns | None = None) -> int:
    """Ask for no deposit of a work order that was cancelled or completed; of how many there were some.

    One that is completed without charges would hold the customer's money for ever. As credit it shows as
    something to refund, and a bill that comes late after all uses it first. `turns` is what earlier rounds
    learned.
    """
    turns = turns or Turns()
    with factory.begin(write=False) as uow:
        due = turns.next_of(partial(field_side.over_with_deposits, uow.session), uow.now)
    ended = 0
    for work_order_id in due:
        try:
            with factory.begin() as uow:
                hold_work_order(uow, work_order_id)
                status = field_side.whom_to_ask(uow.session, work_order_id).status
                if status in field_side.OVER:  # else it was opened again
                    end_deposits(uow, work_order_id, DepositEnd(status), f"{status}:{work_order_id}")
        except Exception as error:
            if turns.in_vain(work_order_id, factory.clock(), type(error).__name__):
                log.exception("deposits.stalled", work_order_id=str(work_order_id))
        else:
            turns.over(work_order_id)
            ended += 1
    return ended


def _write_request(
    uow: UnitOfWork, terms: Terms, report: field_side.BillableReport, lines: Sequence[BilledLine]
) -> PaymentRequest:
    asking = Asking(
        words=report.whom.summary,
        currency=lines[0].charge.currency,
        gross_minor=sum(line.gross_minor for line in lines),
        covered_minor=sum(line.covered_minor for line in lines),
        days_to_pay=terms.days_to_pay,
        report_id=report.report_id,
    )
    request = write_request(uow, terms.links, uow.mint_id(), report.whom, asking)
    uow.add_all(
        RequestLine(
            id=uow.mint_id(),
            request_id=request.id,
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
