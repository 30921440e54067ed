"""The customer's bill in a real Chromium: paid by card, with its code, and found from the visit's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.app import connect, unwired_app, wire
from backend.payments.app import create_payments_app
from backend.payments.models import CashComplaint
from backend.visits.actions import arrive_visit, complete_visit, start_visit
from backend.visits.models import ConfirmationLink
from backend.visits.queries import token_digest
from tests.backend.payments.world import Firm, firm_on
from tests.clock import SettableClock
from tests.databases import Databases
from tests.evidence.browser import Browser, served
from tests.journeys.server import free_port
from tests.settings import cheap_settings


@pytest.fixture
def open_firm(databases: Databases, clock: SettableClock, tmp_path: Path) -> Iterator[Firm]:
    """A firm whose payments process a browser can reach at the address that its links name."""
    port = free_port()
    over = {"public_url": f"http://127.0.0.1:{port}"}
    with (
        firm_on(databases, "sqlite", clock, tmp_path, **over) as firm,
        served(create_payments_app(firm.payments), port),
    ):
        yield firm


def text_of(browser: Browser, selector: str = "main") -> str:
    return str(browser.run(f"document.querySelector({selector!r}).innerText"))


def press(browser: Browser, words: str) -> None:
    """Press the button or follow the link with these words, and wait for the page it leads to."""
    browser.run("window.isBefore = true")
    found = f"[...document.querySelectorAll('button, a')].find(each => each.innerText.includes({words!r}))"
    browser.run(f"{found}.click()")
    browser.wait_for("window.isBefore === undefined && document.readyState === 'complete'")


def links_in(firm: Firm) -> list[str]:
    texts = [bytes(mail.get_payload(decode=True)).decode() for mail in firm.mails()]
    return [found for text in texts for found in re.findall(r"http://\S+/p/\S+", text)]


def test_a_customer_finds_the_bill_pays_by_card_and_tells_of_cash(
    open_firm: Firm, chromium: Browser, tmp_path: Path
) -> None:
    request = open_firm.billed()
    open_firm.deliver()
    (link,) = links_in(open_firm)
    chromium.open(link)
    page = text_of(chromium)
    assert "EUR 145.50" in page
    reference = text_of(chromium, "#reference")
    assert reference.replace(" ", "") == request.reference
    assert chromium.run("document.querySelector('img.code').naturalWidth") > 50, "the code for the bank's app"
    press(chromium, "Pay EUR 145.50 now")
    assert "No money moves" in text_of(chromium)
    press(chromium, "Pay")
    open_firm.deliver()
    chromium.open(link)
    assert "Paid. Thank you!" in text_of(chromium)
    chromium.run("document.getElementById('words').value = 'He wanted 50, and no paper.'")
    press(chromium, "I was asked for cash")
    assert "Thank you for telling us" in text_of(chromium)
    with open_firm.payments.factory.begin(write=False) as uow:
        assert uow.session.scalars(select(CashComplaint.words)).all() == ["He wanted 50, and no paper."]


def test_the_page_of_a_visit_that_is_done_has_the_bill_sent_and_never_shows_it(
    open_firm: Firm, chromium: Browser, clock: SettableClock, tmp_path: Path
) -> None:
    work = open_firm.signed_report(("Labour", 4_711))
    (request,) = open_firm.bill()
    open_firm.deliver()
    settings = cheap_settings(
        open_firm.url, tmp_path / "field", bills_url=open_firm.payments.payments.public_url
    )
    app, api = unwired_app(settings)
    connect(app, api, wire(open_firm.field.engine, settings, clock=clock))
    token = "t" * 43
    with open_firm.field.begin() as uow:
        for step in (arrive_visit, start_visit, complete_visit):
            step(uow, work.actor, work.visit_id)
        uow.add(
            ConfirmationLink(
                id=uow.mint_id(),
                visit_id=work.visit_id,
                token_sha256=token_digest(token),
                expires_at=uow.now + timedelta(days=9),
            )
        )
    with served(app) as field:
        clock.advance(hours=2)
        chromium.open(f"{field}/v/{token}")
        assert "47.11" not in chromium.run("document.documentElement.innerHTML")
        press(chromium, "Send me my bill")
        press(chromium, "Send me my bill")
    assert "Look into your messages" in text_of(chromium)
    open_firm.deliver()
    assert links_in(open_firm) == [open_firm.payments.terms.links.address_of(request.id)] * 2
