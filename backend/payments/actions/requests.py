"""What people of finance see of what customers were asked for, and what they give up of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.models import CashComplaint, PaymentRequest, RequestLine
from backend.payments.permissions import requires
from backend.payments.rules import postings
from backend.payments.rules.errors import CurrenciesMixed, NothingOwed, SecondPersonNeeded
from backend.payments.rules.money import Money
from backend.payments.rules.postings import ByPerson
from backend.payments.rules.refunding import TOO_MUCH_FOR_ONE
from backend.payments.rules.standing import Standing
from backend.payments.telling import SeenNotice, seen_notices
from schemas.payments import RequestKind


@dataclass(frozen=True)
class SeenRequest:
    """A payment request and where it stands, as finance sees it."""

    request: PaymentRequest
    standing: Standing
    notice: SeenNotice

    def as_fields(self) -> dict[str, object]:
        """The fields of `schemas.payments.PaymentRequestBody`."""
        asked, standing = self.request, self.standing
        names = ("id", "kind", "number", "reference", "work_order_id", "work_order_number", "customer_id")
        more = ("customer_name", "currency", "gross_minor", "covered_minor", "issued_at", "due_on")
        return {
            **{name: getattr(asked, name) for name in (*names, *more)},
            "owed_minor": standing.owed,
            "to_pay_minor": standing.to_pay,
            "held_minor": standing.held,
            "deposited_minor": standing.deposited,
            "credit_minor": standing.credit,
            "received_minor": standing.received,
            "refundable_minor": standing.refundable,
            "state": standing.state,
            "notice": self.notice,
        }


def seen_request(uow: UnitOfWork, request: PaymentRequest) -> SeenRequest:
    """That request with where it stands and what became of its notice."""
    notice = seen_notices(uow.session, [request.id])[request.id]
    return SeenRequest(request, queries.standing_of(uow.session, request.id), notice)


@requires("payment_request:read")
def list_payment_requests(
    uow: UnitOfWork,
    person: Actor,
    page: PageRequest,
    *,
    customer_id: UUID | None = None,
    work_order_id: UUID | None = None,
    kind: RequestKind | None = None,
    off_list: bool | None = None,
) -> Page[dict[str, object]]:
    """Payment requests with where they stand; `off_list`: with a line off the price list, or without."""
    found = queries.list_requests(
        uow.session, page, customer_id=customer_id, work_order_id=work_order_id, kind=kind, off_list=off_list
    )
    ids = [request.id for request in found.items]
    standings, notices = queries.standings(uow.session, ids), seen_notices(uow.session, ids)
    seen = [SeenRequest(each, standings[each.id], notices[each.id]) for each in found.items]
    return Page([each.as_fields() for each in seen], found.next)


@requires("payment_request:read")
def show_payment_request(uow: UnitOfWork, person: Actor, request_id: UUID) -> dict[str, object]:
    """One payment request with its lines. Raises PaymentRequestNotFound."""
    request = queries.request_by_id(uow.session, request_id)
    seen = seen_request(uow, request).as_fields()
    lines = queries.lines_of(uow.session, request_id)
    return {**seen, "lines": [_line_as_fields(line, request.currency) for line in lines]}


def _line_as_fields(line: RequestLine, currency: str) -> dict[str, object]:
    """The fields of `schemas.payments.RequestLineBody`."""
    names = ("description", "quantity", "unit_minor", "gross_minor", "covered_minor", "covered_by")
    more = ("tax_basis_points", "tax_minor", "list_minor", "list_currency")
    listed = (line.list_minor, line.list_currency)
    return {
        **{name: getattr(line, name) for name in (*names, *more)},
        "off_list": line.list_minor is not None and listed != (line.unit_minor, currency),
    }


@requires("payment_request:write_off")
def write_off_payment_request(
    uow: UnitOfWork,
    person: Actor,
    request_id: UUID,
    *,
    decision_id: UUID,
    amount_minor: int,
    currency: str,
    reason: str,
    alone_minor: int,
) -> None:
    """Give up a debt, or a part of it, of one request no more than `alone_minor` in all.

    The same decision again changes nothing. Raises PaymentRequestNotFound, CurrenciesMixed, NothingOwed,
    SecondPersonNeeded, SourceKeyContradicted.
    """
    request = queries.request_by_id(uow.session, request_id)
    queries.lock_subject(uow.session, request_id)
    money = Money(amount_minor, currency)
    if currency != request.currency:
        raise CurrenciesMixed(f"This request is in {request.currency}.")
    by = ByPerson(person.user_id, uow.now, reason)
    posting = postings.written_off(decision_id, request_id, money, by)
    known = queries.transaction_keys(uow.session, posting.source, [posting.source_key])
    owed = queries.standing_of(uow.session, request_id).owed
    if not known and money.minor > owed:
        raise NothingOwed(f"No more than {Money(owed, currency)} is owed.")
    if not known and queries.written_off(uow.session, request_id) + money.minor > alone_minor:
        raise SecondPersonNeeded(TOO_MUCH_FOR_ONE)
    if ledger.post(uow, posting):
        ask_for_badge(uow, request.work_order_id, f"{posting.source}:{posting.source_key}")


@requires("cash_complaint:read")
def list_cash_complaints(uow: UnitOfWork, person: Actor) -> Sequence[CashComplaint]:
    """Who was asked for cash."""
    return queries.complaints(uow.session)
