"""The customer's page about money behind a link: what for, how much, how to pay, whom to tell about cash."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from jinja2 import StrictUndefined
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.checkouts import open_checkout
from backend.payments.inbox import provider_named
from backend.payments.letters import complaint_letter
from backend.payments.links import link_hash
from backend.payments.models import CashComplaint
from backend.payments.receipts import kept_receipt
from backend.payments.telling import tell_again
from backend.payments.views import ShownBill, show_bill
from backend.payments.wiring import payments_wiring
from backend.web.problems import RETRY_AFTER_SECONDS, InvalidFields, domain_error_of, status_of
from backend.web.reading import read_form
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.payments import CashForm, NoForm

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self' https://checkout.stripe.com; base-uri 'none'; frame-ancestors 'none'"
)

pages = Blueprint(
    "payment_pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)


@pages.get("/p/<token>")
def payment_page(token: str) -> Response:
    """The bill behind a link."""
    with payments_wiring().factory.begin(write=False) as uow:
        bill = _shown(uow, token)
    thanked = request.args.get("said") == "cash"
    response = _page("payments/bill.html", bill=bill, token=token, thanked=thanked)
    # A browser also holds where a form is redirected to against `form-action`.
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@pages.get("/p/<token>/receipt.pdf")
def receipt(token: str) -> Response:
    """What was paid so far, as a PDF; kept in this process's own folder."""
    wiring = payments_wiring()
    with wiring.factory.begin(write=False) as uow:
        bill = _shown(uow, token)
    content = kept_receipt(wiring.payments.receipt_folder, bill, wiring.settings.firm_name)
    response = make_response(content)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'inline; filename="{bill.number}.pdf"'
    return response


def _shown(uow: UnitOfWork, token: str) -> ShownBill:
    wiring = payments_wiring()
    asked = queries.request_by_link(uow.session, link_hash(token))
    return show_bill(uow, asked, payments=wiring.payments, providers=wiring.providers)


@pages.get("/visits/<token>")
def bill_of_visit(token: str) -> Response:
    """The door beside a visit's page: a button, so that whoever merely follows links sets nothing off."""
    return _page("payments/visit.html", token=token, sent=request.args.get("said") == "sent")


@pages.post("/visits/<token>")
def send_bill_of_visit(token: str) -> AnyResponse:
    """The link to the bill goes where it went before; the answer is the same whatever there is."""
    read_form(request, NoForm)
    wiring = payments_wiring()
    with wiring.factory.begin() as uow:
        tell_again(uow, wiring.terms, token)
    return redirect(url_for("payment_pages.bill_of_visit", token=token, said="sent"), code=303)


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
        # Somebody must act: finance hears that there is something, once a day for a bill, and not what.
        for address in queries.addresses_of_finance(uow.session):
            key = f"complaint:{asked.id}:{uow.now.date()}:{address}"
            uow.post("mail", {"to": address, **complaint_letter()}, key=key)
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
    if fact.kind is ErrorKind.UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


@pages.record_once
def _refuse_names_that_do_not_exist(state: BlueprintSetupState) -> None:
    state.app.jinja_env.undefined = StrictUndefined


def _page(template: str, **values: object) -> Response:
    return make_response(render_template(template, firm=payments_wiring().settings.firm_name, **values))
