"""From a signed report to the word `paid` on the phone: by bank file and by the stub's card."""

from __future__ import annotations

import io
import re

from backend.payments.bank.statements import import_statements
from schemas.visits import PaymentBadgeState
from tests.api import Client
from tests.backend.payments.bank_files import IBAN, Paid, statement_file
from tests.backend.payments.world import Firm


def test_what_a_customer_approved_is_billed_once_and_paid_by_transfer(firm: Firm) -> None:
    firm.signed_report(("Labour", 9_500), ("Pump", 5_050))
    (request,) = firm.bill()
    assert [again.id for again in firm.bill()] == [request.id]
    assert (request.gross_minor, request.covered_minor, request.currency) == (14_550, 0, "EUR")
    assert firm.standing(request).state == "open"
    firm.deliver()
    (mail,) = firm.mails()
    assert "EUR 145.50" in str(mail.get_payload())
    assert firm.badge(request) is None

    file = statement_file([Paid(14_550, reference=request.reference)])
    for _ in range(2):
        with firm.payments.factory.begin() as uow:
            import_statements(uow, io.BytesIO(file), name="a.xml", person_id=None, own_iban=IBAN)
        firm.deliver()
    assert firm.standing(request).state == "paid"
    assert firm.badge(request) is PaymentBadgeState.PAID


def test_a_customer_pays_by_card_on_the_page_behind_the_mailed_link(firm: Firm, browser: Client) -> None:
    request = firm.billed()
    firm.deliver()
    (link,) = re.findall(r"/p/\S+", str(firm.mails()[0].get_payload()))
    page = browser.get(link)
    assert page.status_code == 200
    assert "EUR 145.50" in page.text
    assert "data:image/svg+xml" in page.text
    on = browser.send("POST", f"{link}/pay/stub", data={})
    assert on.status_code == 303
    again = browser.send("POST", f"{link}/pay/stub", data={})
    assert again.location == on.location
    paid = browser.send("POST", on.location.partition("8001")[2], data={})
    assert paid.status_code == 303
    firm.deliver()
    assert firm.standing(request).state == "paid"
    assert "Paid. Thank you!" in browser.get(link).text
    assert firm.badge(request) is PaymentBadgeState.PAID


def test_who_was_asked_for_cash_tells_it_where_the_field_cannot_look(firm: Firm, browser: Client) -> None:
    request = firm.billed()
    link = firm.payments.terms.links.address_of(request.id).partition("8001")[2]
    answer = browser.send("POST", f"{link}/asked-for-cash", data={"words": "He wanted 50."})
    assert answer.status_code == 303
    assert "Thank you for telling us" in browser.get(answer.location).text


def test_a_wrong_link_opens_nothing(firm: Firm, browser: Client) -> None:
    assert browser.get("/p/" + "x" * 43).status_code == 404
    assert browser.send("POST", "/p/wrong/pay/stub", data={}).status_code == 404
