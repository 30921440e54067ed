"""What waits for somebody of finance is seen in one place, with what to do next, until it is dealt with."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.outbox.rules import PermanentFailure
from backend.outbox.sending import send_due
from backend.outbox.transports import Outgoing
from backend.payments import billing
from backend.payments.app import Rounds, create_payments_app
from backend.payments.checks import check_ledger
from backend.payments.models import PaymentRequest
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import AmountUnusable
from backend.payments.rules.money import Money
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.test_deposits import transfer
from tests.backend.payments.test_disputes import WITHDRAWN, WON, hear
from tests.backend.payments.test_finance import approve, ask, paid_by_card
from tests.backend.payments.test_providers import checkout_of, few_at_once, tell, work
from tests.backend.payments.test_second_thoughts import withdraw
from tests.backend.payments.world import Firm


def seen(noor: Client) -> list[dict[str, Any]]:
    matters: list[dict[str, Any]] = noor.get("/matters").json
    assert all(each["next"] for each in matters)
    return matters


def kinds(noor: Client) -> list[str]:
    return [each["kind"] for each in seen(noor)]


def settle(noor: Client, matter: dict[str, Any]) -> int:
    said = {"kind": matter["kind"], "words": "Talked to Ada."}
    return noor.post(f"/matters/{matter['subject_id']}/settle", said).status_code


def test_somebody_hears_of_a_cash_complaint_and_it_stays_until_they_looked_into_it(
    firm: Firm, noor: Client, browser: Client
) -> None:
    paid_by_card(firm)
    request = firm.asked()
    link = f"/p/{firm.payments.terms.links.token_of(request.id)}"
    for _ in range(2):
        browser.send("POST", f"{link}/asked-for-cash", data={"words": "He asked for 50."})
    firm.deliver()
    (mail,) = firm.mails()
    assert (mail["To"], "50" in str(mail.get_payload())) == ("noor@example.org", False)
    first, second = seen(noor)
    assert (first["kind"], first["words"]) == ("cash_complaint", "He asked for 50.")
    assert first["request_id"] == str(request.id)
    firm.clock.advance(days=6)
    assert "nobody looked into it" in str(check_ledger(firm.payments.sides).faults)
    noor = signed_in_again(noor, firm)
    for matter in (first, second, first):
        assert settle(noor, matter) == 204
    assert kinds(noor) == []
    assert "nobody looked into it" not in str(check_ledger(firm.payments.sides).faults)


def signed_in_again(noor: Client, firm: Firm) -> Client:
    """Sessions are short, and waits are long."""
    password = firm.payments.authenticator.create_person(firm.payments.factory, "emre@example.org", "Emre")
    given = noor.post("/sessions", {"email": "emre@example.org", "password": password})
    return Client(noor.app, None, given.json["access_token"])


def test_charges_that_cannot_be_billed_are_seen_with_the_reason_and_keep_no_other(
    firm: Firm, noor: Client
) -> None:
    firm.signed_report(("Labour", 500))
    firm.signed_report(("Pump", 700))
    with patch("backend.payments.billing.bill", side_effect=_refused(500)):
        assert [request.gross_minor for request in firm.bill()] == [700]
        assert kinds(noor) == [], "it is tried for an hour before anybody has to look"
        firm.clock.advance(hours=2)
        noor = signed_in_again(noor, firm)
        (matter,) = seen(noor)
    assert (matter["kind"], "Nobody owes this much" in matter["words"]) == ("charges_unbilled", True)
    (fault,) = check_ledger(firm.payments.sides).faults
    assert fault == f"report {matter['subject_id']}: charges that were approved on 2026-03-02 are not billed"
    assert settle(noor, matter) == 404, "nothing but a bill ends it"
    firm.bill()
    assert kinds(noor) == []


@pytest.mark.parametrize("failure", [AmountUnusable("Check the amount."), KeyError("nobody foresaw")])
def test_reports_that_cannot_be_billed_do_not_keep_later_ones_waiting_and_are_all_tried_again(
    lite_firm: Firm, failure: Exception
) -> None:
    """With room for two a round, and three in the way: a round bills what is new, and tries one again."""
    rounds = Rounds(lite_firm.payments)
    stuck = [lite_firm.signed_report(("Labour", 500)).report_id for _ in range(3)]
    with capture_logs(), few_at_once(2, again=1):  # a trace takes long to print
        with patch("backend.payments.billing.bill", side_effect=failure):
            assert [rounds.once() for _ in range(2)] == [[], []]
            lite_firm.clock.advance(hours=2)
            assert kinds(desk_of(lite_firm)) == ["charges_unbilled"] * 3
        lite_firm.signed_report(("Pump", 700))
        with patch("backend.payments.billing.bill", side_effect=_refused(500)) as tried:
            assert rounds.once() == []
            assert billed(lite_firm) == [700]
            rounds.once(), rounds.once()
            assert len(tried.mock_calls) == 4, "one that is new, and one again in each round"
        lite_firm.clock.advance(minutes=10)
        for _ in stuck:
            rounds.once()
    assert billed(lite_firm) == [500, 500, 500, 700]


def billed(firm: Firm) -> list[int]:
    with firm.payments.factory.begin(write=False) as uow:
        return sorted(uow.session.scalars(select(PaymentRequest.gross_minor)))


def _refused(minor: int) -> Any:
    from_before = billing.bill

    def bill(charges: Any, *args: Any, **more: Any) -> Any:
        if any(charge.unit_minor == minor for charge in charges):
            raise AmountUnusable("Nobody owes this much; check the amount.")
        return from_before(charges, *args, **more)

    return bill


def test_a_message_that_was_refused_is_seen_until_somebody_looked_into_it(firm: Firm, noor: Client) -> None:
    checkout = checkout_of(firm, firm.asked())
    firm.stub.charge_other(checkout, Money(1, "EUR"))
    tell(firm, firm.stub.pay(checkout, firm.clock()))
    work(firm)
    (matter,) = seen(noor)
    assert matter["kind"] == "message_refused"
    assert "not what was agreed" in matter["words"]
    assert settle(noor, matter) == 204
    assert kinds(noor) == []


def test_a_message_that_was_given_up_is_tried_again_by_whoever_put_it_right(firm: Firm, noor: Client) -> None:
    firm.billed()
    with firm.payments.factory.begin() as uow:
        message = uow.session.query(OutboxMessage).filter_by(kind="mail").one()
        message.state, message.last_error = OutboxState.DEAD, "PermanentFailure: refused for good"
    (matter,) = seen(noor)
    assert (matter["kind"], matter["words"]) == ("message_unsent", "mail: PermanentFailure: refused for good")
    assert "(mail): given up" in str(check_ledger(firm.payments.sides).faults)
    assert noor.post(f"/unsent-messages/{matter['subject_id']}/retry").status_code == 204
    firm.deliver()
    assert (kinds(noor), len(firm.mails())) == ([], 1)
    assert noor.post(f"/unsent-messages/{matter['subject_id']}/retry").status_code == 404


def test_a_message_that_is_given_up_again_after_it_was_settled_is_seen_again(
    firm: Firm, noor: Client
) -> None:
    firm.billed()
    refusing = {"mail": _refuse}
    for _ in range(2):
        assert send_due(firm.payments.factory, refusing) == 0
        (matter,) = seen(noor)
        assert matter["kind"] == "message_unsent"
        for _ in range(2):
            assert settle(noor, matter) == 204
            assert kinds(noor) == [], "somebody dealt with it, and it is still unsent"
        assert noor.post(f"/unsent-messages/{matter['subject_id']}/retry").status_code == 204
        assert settle(noor, matter) == 204, "said a second time while it is tried again"
    firm.deliver()
    assert (kinds(noor), len(firm.mails())) == ([], 1)


def _refuse(_: Outgoing) -> None:
    raise PermanentFailure("no such mailbox")


def test_money_that_is_the_customers_and_refunds_in_hand_are_seen(firm: Firm, noor: Client) -> None:
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 5_000)
    assert kinds(noor) == [], "it waits for its bill"
    withdraw(firm, deposit)
    (matter,) = seen(noor)
    assert (matter["kind"], matter["words"]) == ("money_to_refund", "EUR 50.00 of the customer's")
    assert matter["request_id"] == str(deposit.id)
    refund = ask(firm, deposit, 5_000)
    assert kinds(noor) == ["refund_to_transfer"]
    take(firm, statement_file([Paid(-5_000, text="refund")], statement_id="S-9"))
    (entry,) = (each for each in seen(noor) if each["kind"] == "bank_entry")
    said = {"bank_entry_id": entry["subject_id"]}
    assert noor.post(f"/refunds/{refund.id}/confirm", said).status_code == 200
    assert kinds(noor) == []


def test_a_refund_of_which_nobody_hears_what_became_is_seen_after_an_hour(lite_firm: Firm) -> None:
    refund = ask(lite_firm, paid_by_card(lite_firm), 1_000)
    lite_firm.clock.advance(minutes=59)
    noor = desk_of(lite_firm)
    assert kinds(noor) == []
    lite_firm.clock.advance(minutes=1)
    (matter,) = seen(noor)
    assert (matter["kind"], matter["subject_id"]) == ("refund_without_outcome", str(refund.id))
    assert send_refunds(lite_firm.payments.factory, lite_firm.payments.providers) == 1
    assert kinds(noor) == []


def test_what_waits_for_a_second_person_and_for_evidence_is_seen(lite_firm: Firm) -> None:
    noor = desk_of(lite_firm)
    refund = ask(lite_firm, paid_by_card(lite_firm), 10_000)
    assert kinds(noor) == ["refund_to_approve"]
    approve(lite_firm, refund, "Emre")
    assert kinds(noor) == []
    hear(lite_firm, WITHDRAWN)
    (matter,) = seen(noor)
    assert (matter["kind"], matter["words"]) == ("dispute", "EUR 145.50, withdrawn: fraudulent")
    hear(lite_firm, WON)
    assert kinds(noor) == []
    nothing = {"kind": "cash_complaint", "subject_id": str(uuid4())}
    assert settle(noor, nothing) == 404


def desk_of(firm: Firm) -> Client:
    app: Flask = create_payments_app(firm.payments)
    password = firm.payments.authenticator.create_person(firm.payments.factory, "zoe@example.org", "Zoe")
    given = Client(app).post("/sessions", {"email": "zoe@example.org", "password": password})
    return Client(app, None, given.json["access_token"])
