"""The customer's page about money behind a link: what for, how much, how to pay, whom to tell about cash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import segno
import segno.helpers
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from jinja2 import StrictUndefined
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.checkouts import open_checkout
from backend.payments.inbox import provider_named
from backend.payments.links import link_hash
from backend.payments.models import CashComplaint, PaymentRequest, RequestLine
from backend.payments.rules.billing import ALL_OF_IT
from backend.payments.rules.money import Money
from backend.payments.rules.references import spaced
from backend.payments.wiring import payments_wiring
from backend.web.problems import InvalidFields, domain_error_of, status_of
from backend.web.reading import read_form
from schemas.errors import DomainError, RecordNotFound
from schemas.payments import CashForm, NoForm

EPC_LARGEST = 99_999_999_999
"""The largest amount of an EPC code, in cents."""

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self' https://checkout.stripe.com; base-uri 'none'; frame-ancestors 'none'"
)

pages = Blueprint(
    "payment_pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)


@dataclass(frozen=True)
class ShownLine:
    """A line of the bill, in words."""

    description: str
    price: str
    covered_by: str | None
    due: str


@dataclass(frozen=True)
class ShownTransfer:
    """How to pay by bank transfer; `code` is an SVG image as a data address, None outside the euro."""

    name: str
    iban: str
    bic: str | None
    reference: str
    code: str | None


@dataclass(frozen=True)
class ShownBill:
    """All that the template needs, in words."""

    number: str
    work_order: str
    summary: str
    lines: tuple[ShownLine, ...]
    taxes: tuple[str, ...]
    state: str
    due: str
    owed: str
    due_on: str
    received: str | None
    credit: str | None
    is_owed: bool
    transfer: ShownTransfer | None
    cards: tuple[str, ...]


@pages.get("/p/<token>")
def payment_page(token: str) -> Response:
    """The bill behind a link."""
    with payments_wiring().factory.begin(write=False) as uow:
        bill = _bill(uow, queries.request_by_link(uow.session, link_hash(token)))
    thanked = request.args.get("said") == "cash"
    response = _page("payments/bill.html", bill=bill, token=token, thanked=thanked)
    # A browser also holds where a form is redirected to against `form-action`.
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@pages.post("/p/<token>/pay/<provider>")
def pay_by_card(token: str, provider: str) -> AnyResponse:
    """On to the provider's own page: no card number ever comes near us."""
    read_form(request, NoForm)
    wiring = payments_wiring()
    with wiring.factory.begin(write=False) as uow:
        request_id = queries.request_by_link(uow.session, link_hash(token)).id
    address = open_checkout(
        wiring.factory,
        provider_named(wiring.providers, provider),
        request_id,
        firm=wiring.settings.firm_name,
        back=wiring.terms.links.address_of(request_id),
    )
    return redirect(address, code=303)


@pages.post("/p/<token>/asked-for-cash")
def complain_about_cash(token: str) -> AnyResponse:
    """Kept where nobody of the field can look."""
    form = read_form(request, CashForm)
    with payments_wiring().factory.begin() as uow:
        asked = queries.request_by_link(uow.session, link_hash(token))
        uow.add(CashComplaint(id=uow.mint_id(), request_id=asked.id, words=form["words"], said_at=uow.now))
    return redirect(url_for("payment_pages.payment_page", token=token, said="cash"), code=303)


@pages.errorhandler(DomainError)
@pages.errorhandler(ValidationError)
def explain(error: DomainError | ValidationError) -> Response:
    """What went wrong, as a page; with the way back unless the link itself is wrong."""
    fact = domain_error_of(error) or InvalidFields()
    token = (request.view_args or {}).get("token")
    is_lost = isinstance(fact, RecordNotFound) and request.method == "GET"
    back = None if token is None or is_lost else url_for("payment_pages.payment_page", token=token)
    response = _page("payments/problem.html", problem=fact, back=back)
    response.status_code = status_of(fact)
    return response


@pages.record_once
def _refuse_names_that_do_not_exist(state: BlueprintSetupState) -> None:
    state.app.jinja_env.undefined = StrictUndefined


def _bill(uow: UnitOfWork, asked: PaymentRequest) -> ShownBill:
    standing = queries.standing_of(uow.session, asked.id)
    lines = queries.lines_of(uow.session, asked.id)
    currency = asked.currency
    owed = Money(standing.owed, currency)
    providers = payments_wiring().providers
    is_owed = standing.owed > 0
    return ShownBill(
        number=asked.number,
        work_order=asked.work_order_number,
        summary=asked.summary,
        lines=tuple(_line(line, currency) for line in lines),
        taxes=taxes_shown(lines, currency),
        state=standing.state,
        due=str(Money(asked.gross_minor - asked.covered_minor, currency)),
        owed=str(owed),
        due_on=asked.due_on.isoformat(),
        received=str(Money(standing.received, currency)) if standing.received else None,
        credit=str(Money(standing.credit, currency)) if standing.credit else None,
        is_owed=is_owed,
        transfer=_transfer(asked, owed) if is_owed else None,
        cards=tuple(name for name, each in sorted(providers.items()) if is_owed and each.takes(owed)),
    )


def _line(line: RequestLine, currency: str) -> ShownLine:
    words = f"{line.quantity} × {line.description}" if line.quantity > 1 else line.description
    return ShownLine(
        description=words,
        price=str(Money(line.gross_minor, currency)),
        covered_by=line.covered_by,
        due=str(Money(line.gross_minor - line.covered_minor, currency)),
    )


def taxes_shown(lines: Iterable[RequestLine], currency: str) -> tuple[str, ...]:
    """The tax contained in what is due, one text per rate."""
    sums: dict[int, int] = {}
    for line in lines:
        if line.tax_minor:
            sums[line.tax_basis_points] = sums.get(line.tax_basis_points, 0) + line.tax_minor
    return tuple(
        f"{rate * 100 / ALL_OF_IT:g} %: {Money(minor, currency)}" for rate, minor in sorted(sums.items())
    )


def _transfer(asked: PaymentRequest, owed: Money) -> ShownTransfer | None:
    settings = payments_wiring().payments
    if settings.iban is None:
        return None
    return ShownTransfer(
        name=settings.firm_name,
        iban=spaced(settings.iban),
        bic=settings.bic,
        reference=spaced(asked.reference),
        code=epc_code(settings.firm_name, settings.iban, settings.bic, asked.reference, owed),
    )


def epc_code(name: str, iban: str, bic: str | None, reference: str, owed: Money) -> str | None:
    """The EPC code (EPC069-12) of a transfer as an SVG data address; None outside the euro."""
    if owed.currency != "EUR" or not 0 < owed.minor <= EPC_LARGEST:
        return None
    code: segno.QRCode = segno.helpers.make_epc_qr(
        name=name[:70], iban=iban, amount=Decimal(owed.decimal), reference=reference, bic=bic
    )
    return str(code.svg_data_uri(scale=4))


def _page(template: str, **values: object) -> Response:
    return make_response(render_template(template, firm=payments_wiring().settings.firm_name, **values))
