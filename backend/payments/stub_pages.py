"""Where customers of the stub pay: a page with one button, for development and demos."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from backend.payments.inbox import take_message
from backend.payments.providers.stub import StubProvider
from backend.payments.wiring import payments_wiring
from backend.web.reading import read_form
from schemas.payments import NoForm

stub_pages = Blueprint("stub", __name__, template_folder="templates")


def _stub() -> StubProvider:
    stub = payments_wiring().providers[StubProvider.name]
    assert isinstance(stub, StubProvider)
    return stub


@stub_pages.get("/stub/<checkout_id>")
def stub_page(checkout_id: str) -> Response:
    """What a provider's page would show."""
    seen = _stub().look_at(checkout_id)
    page = render_template(
        "payments/stub.html",
        firm=payments_wiring().settings.firm_name,
        money=str(seen.money),
        state=seen.state.value,
        checkout_id=checkout_id,
    )
    return make_response(page)


@stub_pages.post("/stub/<checkout_id>")
def pay_at_stub(checkout_id: str) -> AnyResponse:
    """Pay, have the stub tell us as a provider would, and go back to the bill."""
    read_form(request, NoForm)
    wiring, stub = payments_wiring(), _stub()
    told = stub.pay(checkout_id, wiring.clock())
    headers = {name.lower(): value for name, value in told.headers.items()}
    take_message(wiring.factory, stub, told.raw, headers)
    request_id = stub.look_at(checkout_id).request_id
    assert request_id is not None
    return redirect(wiring.terms.links.address_of(request_id), code=303)
