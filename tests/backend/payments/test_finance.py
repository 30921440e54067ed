"""What people of finance do, at their own door, and what the ledger's own checks find."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from backend.cli import main
from backend.payments import ledger, queries
from backend.payments.actions import (
    approve_refund,
    ask_refund,
    clear_bank_entry,
    confirm_refund,
    list_part_tax_rates,
    set_part_tax_rate,
    show_customer_statement,
    write_off_payment_request,
)
from backend.payments.actions.refunding import SeenRefund
from backend.payments.app import Rounds, create_payments_app
from backend.payments.checks import check_ledger, reconcile
from backend.payments.models import LedgerAudit, PaymentRequest, PersonSession
from backend.payments.providers.stub import Fault
from backend.payments.receipts import _story
from backend.payments.reconciling import reconcile_when_due
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import RefundTooLarge, SecondPersonNeeded, SourceKeyContradicted
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, Posting, Receipt, TransactionKind, received
from backend.payments.rules.refunding import left_of_payments, was_taken_away
from backend.payments.rules.standing import Standing
from backend.payments.views import show_bill
from schemas.payments import ClearTo, RefundState
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import bank_balance, take, waiting
from tests.backend.payments.test_providers import checkout_of, clearing, tell, work
from tests.backend.payments.world import Firm


def paid_by_card(firm: Firm, minor: int = 14_550) -> PaymentRequest:
    request = firm.asked(minor)
    tell(firm, firm.stub.pay(checkout_of(firm, request), firm.clock()))
    work(firm)
    return request


def ask(firm: Firm, request: PaymentRequest, minor: int, who: str = "Noor") -> SeenRefund:
    somebody = firm.somebody(who)
    with firm.payments.factory.begin() as uow:
        return ask_refund(
            uow,
            somebody,
            request.id,
            refund_id=uow.mint_id(),
            amount_minor=minor,
            currency=request.currency,
            reason="The pump was faulty.",
            alone_minor=5_000,
        )


def approve(firm: Firm, refund: SeenRefund, who: str) -> SeenRefund:
    somebody = firm.somebody(who)
    with firm.payments.factory.begin() as uow:
        return approve_refund(uow, somebody, refund.id)


def send(firm: Firm) -> int:
    return send_refunds(firm.payments.factory, firm.payments.providers)


def test_a_refund_above_the_limit_takes_two_persons_and_goes_once(firm: Firm) -> None:
    request = paid_by_card(firm)
    refund = ask(firm, request, 10_000)
    assert refund.needs_second_person
    assert send(firm) == 0
    with pytest.raises(SecondPersonNeeded):
        approve(firm, refund, "Noor")
    assert approve(firm, refund, "Emre").state is RefundState.APPROVED
    firm.stub.fault(Fault.TIMEOUT_AFTER_REFUNDING)
    assert send(firm) == 0  # F24: it went, and nobody knows
    assert send(firm) == 1
    assert send(firm) == 0
    assert clearing(firm) == firm.stub.balance("EUR")
    assert firm.standing(request).refundable == 4_550
    assert firm.standing(request).state == "paid"


def test_never_more_goes_back_than_came_in(firm: Firm) -> None:
    request = paid_by_card(firm)
    ask(firm, request, 5_000)
    second = ask(firm, request, 5_000)
    with pytest.raises(RefundTooLarge):
        ask(firm, request, 5_000)
    last = ask(firm, request, 4_550)
    for refund in (second, last):
        assert approve(firm, refund, "Emre").state is RefundState.APPROVED
    assert send(firm) == 3
    assert firm.standing(request).refundable == 0
    assert clearing(firm).minor == 0


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_two_refunds_asked_for_at_once_wait_for_each_other_and_only_one_fits(firm: Firm) -> None:
    request, somebody = paid_by_card(firm), firm.somebody()
    refused: list[RefundTooLarge] = []

    def ask_too() -> None:
        try:
            ask(firm, request, 10_000)
        except RefundTooLarge as error:
            refused.append(error)

    second = threading.Thread(target=ask_too)
    with firm.payments.factory.begin() as uow:
        ask_refund(
            uow,
            somebody,
            request.id,
            refund_id=uow.mint_id(),
            amount_minor=10_000,
            currency="EUR",
            reason="The pump was faulty.",
            alone_minor=0,
        )
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it judged by what the first had not written yet"
    second.join(30)
    assert len(refused) == 1
    assert firm.standing(request).refunding == 10_000


def test_the_bill_and_its_receipt_say_what_goes_back_what_went_and_what_failed(lite_firm: Firm) -> None:
    request, settings = paid_by_card(lite_firm, 5_000), lite_firm.payments.payments

    def said() -> list[tuple[str, str]]:
        page = browser.get(f"/p/{lite_firm.payments.terms.links.token_of(request.id)}").text
        with lite_firm.payments.factory.begin(write=False) as uow:
            bill = show_bill(uow, request, payments=settings, providers={})
        assert all(f"Refund of {each.amount}: {each.how}" in page for each in bill.refunds)
        assert ("Refunds" in str(_story(bill, "Doorstep"))) is bool(bill.refunds)
        goes_back = "on its way to you" in page or "sent back to you" in page
        assert ("Paid. Thank you!" in page, "Paid, and refunded" in page) == (not goes_back, goes_back)
        return [(each.how, each.amount) for each in bill.refunds]

    browser = Client(create_payments_app(lite_firm.payments))
    assert said() == []
    ask(lite_firm, request, 5_000)
    assert said() == [("on its way to you", "EUR 50.00")]
    lite_firm.stub.fault(Fault.REFUND_FAILS)
    send(lite_firm)
    assert said() == [("could not be sent back", "EUR 50.00")]
    lite_firm.clock.advance(seconds=1)
    ask(lite_firm, request, 5_000)
    send(lite_firm)
    assert said() == [("could not be sent back", "EUR 50.00"), ("sent back to you", "EUR 50.00")]


def test_the_statement_says_every_step_of_a_refund(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 5_000)
    ask(lite_firm, request, 5_000)
    lite_firm.clock.advance(seconds=1)
    send(lite_firm)
    somebody = lite_firm.somebody()
    with lite_firm.payments.factory.begin(write=False) as uow:
        rows = show_customer_statement(uow, somebody, request.customer_id)
    said = [(row["kind"], row["refund_minor"]) for row in rows if row["refund_minor"]]
    assert said[-1] == ("refund_step_done", 5_000)
    assert sorted(said[:-1]) == [("refund_step_approved", 5_000), ("refund_step_requested", 5_000)]
    assert rows[-1]["balance_minor"] == 0


def test_asking_in_parts_does_not_avoid_the_second_person(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm)
    assert not ask(lite_firm, request, 2_500).needs_second_person
    assert not ask(lite_firm, request, 2_500).needs_second_person
    assert ask(lite_firm, request, 1).needs_second_person
    assert ask(lite_firm, request, 1, who="Emre").needs_second_person
    approve(lite_firm, ask(lite_firm, request, 4_000), "Emre")
    lite_firm.stub.fault(Fault.REFUND_FAILS)
    assert send(lite_firm) == 3
    assert not ask(lite_firm, request, 2_500).needs_second_person, "one of the two did not go"


def test_what_one_person_gives_up_or_calls_a_fee_has_the_same_limit(lite_firm: Firm) -> None:
    request, somebody = lite_firm.asked(), lite_firm.somebody()

    def give_up(minor: int) -> None:
        with lite_firm.payments.factory.begin() as uow:
            write_off_payment_request(
                uow,
                somebody,
                request.id,
                decision_id=uow.mint_id(),
                amount_minor=minor,
                currency="EUR",
                reason="Bankrupt.",
                alone_minor=5_000,
            )

    give_up(3_000)
    with pytest.raises(SecondPersonNeeded, match="REFUND_ALONE_MINOR"):
        give_up(2_001)
    give_up(2_000)
    assert lite_firm.standing(request).owed == 9_550
    take(lite_firm, statement_file([Paid(5_001, text="Who am I?")]))
    with lite_firm.payments.factory.begin() as uow:
        (entry_id,) = queries.suspense(uow.session)
        for to, alone in ((ClearTo.FEES, 5_000), (ClearTo.FEES, 5_001)):
            with pytest.raises(SecondPersonNeeded) if alone == 5_000 else nullcontext():
                clear_bank_entry(uow, somebody, entry_id, to=to, reason="A fee.", alone_minor=alone)
    assert waiting(lite_firm) == []


def test_a_refund_that_fails_is_taken_back_and_can_be_asked_for_again(firm: Firm) -> None:
    request = paid_by_card(firm)
    ask(firm, request, 5_000)
    firm.stub.fault(Fault.REFUND_FAILS)
    assert send(firm) == 1
    assert firm.standing(request).refundable == 14_550
    with firm.payments.factory.begin(write=False) as uow:
        kinds = (AccountKind.REFUND_PAYABLE, AccountKind.RETURNS)
        left = [sum(queries.balances_of(uow.session, kind).values()) for kind in kinds]
    assert left == [0, 0], "nothing is to be paid any more, and nothing was returned"
    assert check_ledger(firm.payments.sides).figures["refunds"] == 1
    ask(firm, request, 5_000)
    assert send(firm) == 1
    assert clearing(firm).minor == 9_550


def test_what_was_paid_too_much_by_transfer_goes_back_by_transfer(firm: Firm) -> None:
    request = firm.asked(10_000)
    take(firm, statement_file([Paid(12_000, request.reference)]))
    refund = ask(firm, request, 2_000)
    assert send(firm) == 0
    assert firm.standing(request).credit == 0
    take(firm, statement_file([Paid(-2_000, text="refund")], statement_id="S-2"))
    somebody = firm.somebody()
    with firm.payments.factory.begin() as uow:
        (entry_id,) = queries.suspense(uow.session)
        done = confirm_refund(uow, somebody, refund.id, bank_entry_id=entry_id)
    assert done.state is RefundState.DONE
    assert waiting(firm) == []
    assert (firm.standing(request).state, bank_balance(firm)) == ("paid", 10_000)


def _way_of(firm: Firm, refund: SeenRefund) -> str:
    with firm.payments.factory.begin(write=False) as uow:
        return queries.refund_by_id(uow.session, refund.id).provider


def test_nothing_goes_back_by_a_transfer_that_the_bank_returned(lite_firm: Firm) -> None:
    request = lite_firm.asked(10_000)
    take(lite_firm, statement_file([Paid(10_000, request.reference)]))
    take(lite_firm, statement_file([Paid(-10_000, request.reference, returned=True)], statement_id="S-2"))
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    work(lite_firm)
    assert _way_of(lite_firm, ask(lite_firm, request, 4_000)) == "stub"


def test_nothing_goes_back_by_a_card_payment_that_was_disputed(lite_firm: Firm) -> None:
    request = lite_firm.asked(10_000)
    checkout = checkout_of(lite_firm, request)
    tell(lite_firm, lite_firm.stub.pay(checkout, lite_firm.clock()))
    work(lite_firm)
    tell(lite_firm, lite_firm.stub.dispute(checkout, lite_firm.clock()))
    work(lite_firm)
    take(lite_firm, statement_file([Paid(6_000, request.reference)]))
    assert _way_of(lite_firm, ask(lite_firm, request, 4_000)) == "bank"


def test_a_payment_gives_back_what_it_brought_less_refunds_returns_and_disputes() -> None:
    moved = [
        *(("stub", "payment:p1", 900), ("bank", "a", 500), ("suspense", "b", 300), ("bank", "c", -300)),
        *(("stub", "dispute:p1:d1", -900), ("stub", "payment:p2", 200)),
        *(("stub", "dispute:p2:d2", -200), ("stub", "dispute_won:p2:d2", 200)),
    ]
    left = {("stub", "p1"): 0, ("bank", "a"): 400, ("suspense", "b"): 0, ("stub", "p2"): 200}
    assert left_of_payments(moved, {"a": 100}) == left, "the return is of the transfer of its amount"
    moved[3] = ("bank", "c", -450)
    assert left_of_payments(moved, {"a": 100}) == {**left, ("bank", "a"): 0, ("suspense", "b"): 250}


def test_an_undone_match_takes_from_its_own_transfer_and_not_from_another_of_its_amount() -> None:
    moved = [("bank", "a", 500), ("bank", "b", 500), ("suspense", "c", 900), ("bank", "unmatched:b", -500)]
    left = {("bank", "a"): 500, ("bank", "b"): 0, ("suspense", "c"): 900}
    assert left_of_payments(moved, {}) == left
    moved.append(("suspense", "unmatched:c", -900))
    assert left_of_payments(moved, {}) == {**left, ("suspense", "c"): 0}
    moved.append(("bank", "r", -500))
    assert left_of_payments(moved, {}) == dict.fromkeys(left, 0), "a return is of one that still counts"


A, B, CARD = ("bank", "a", 500), ("suspense", "b", 500), ("stub", "payment:p1", 900)
UNDONE, RETURNED = ("suspense", "unmatched:b", -500), ("bank", "r", -500)


@pytest.mark.parametrize(
    ("moved", "minor", "is_away"),
    [
        ([B, UNDONE], 500, True),
        ([B, UNDONE, CARD], 500, True),
        ([A, B, UNDONE], 500, False),
        ([A, B, UNDONE], 501, True),
        ([A, B, UNDONE, RETURNED], 500, True),
        ([A, RETURNED], 500, False),
        ([A], 900, False),
        ([], 500, False),
    ],
)
def test_a_returned_transfer_was_taken_away_when_a_match_was_undone_and_too_little_is_left_of_transfers(
    moved: list[tuple[str, str, int]], minor: int, is_away: bool
) -> None:
    """Where nobody undid a match, a return of more than came in is the customer's to owe."""
    assert was_taken_away(moved, minor) is is_away


def test_fees_and_payouts_leave_suspense(lite_firm: Firm) -> None:
    paid_by_card(lite_firm, 10_000)
    take(lite_firm, statement_file([Paid(-700, text="fee"), Paid(10_000, text="payout")]))
    somebody = lite_firm.somebody()
    with lite_firm.payments.factory.begin() as uow:
        for entry_id in list(queries.suspense(uow.session)):
            is_fee = queries.bank_entry_by_id(uow.session, entry_id).amount_minor < 0
            to = ClearTo.FEES if is_fee else ClearTo.STUB
            for _ in range(2):
                clear_bank_entry(uow, somebody, entry_id, to=to, reason="It says so.", alone_minor=0)
    assert waiting(lite_firm) == []
    assert clearing(lite_firm).minor == 0


def test_finance_signs_in_at_its_own_door_and_nobody_else_does(firm: Firm, app: Flask) -> None:
    door = firm.payments.authenticator
    password = door.create_person(firm.payments.factory, "noor@example.org", "Noor")
    assert password is not None
    assert door.create_person(firm.payments.factory, "noor@example.org", "Other") is None
    nobody = Client(app)
    assert nobody.get("/payment-requests").status_code == 401
    wrong = nobody.post("/sessions", {"email": "noor@example.org", "password": "wrong"})
    assert wrong.status_code == 401
    given = nobody.post("/sessions", {"email": "Noor@example.org", "password": password})
    assert given.status_code == 200
    noor = Client(app, None, given.json["access_token"])
    request = firm.asked(1_000)
    (seen,) = noor.get("/payment-requests").json["items"]
    assert (seen["id"], seen["owed_minor"], seen["state"]) == (str(request.id), 1_000, "open")
    gone = {"decision_id": str(uuid4()), "amount_minor": 1_000, "currency": "EUR", "reason": "Bankrupt."}
    for _ in range(2):
        assert noor.post(f"/payment-requests/{request.id}/write_off", gone).status_code == 204
    assert noor.get(f"/payment-requests/{request.id}").json["state"] == "nothing_due"
    more = {**gone, "decision_id": str(uuid4()), "amount_minor": 1}
    assert noor.post(f"/payment-requests/{request.id}/write_off", more).status_code == 409
    file = statement_file([Paid(900, text="Who am I?")])
    done = noor.send("POST", "/bank-statements?name=a.xml", data=file)
    assert (done.status_code, done.json["new"]) == (200, 1)
    assert noor.send("POST", "/bank-statements", data=b"<a/>").status_code == 422
    (entry,) = noor.get("/bank-entries/waiting").json
    assert (entry["waiting_minor"], entry["remittance"]) == (900, "Who am I?")
    firm.clock.advance(minutes=31)
    assert noor.get("/payment-requests").status_code == 401


def test_somebody_who_is_disabled_is_out_at_once_and_stays_out(firm: Firm, app: Flask, noor: Client) -> None:
    door = firm.payments.authenticator
    given = {
        "email": "emre@example.org",
        "password": door.create_person(firm.payments.factory, "emre@example.org", "Emre"),
    }
    emre = Client(app, None, Client(app).post("/sessions", given).json["access_token"])
    people = {each["email"]: each for each in emre.get("/people").json}
    assert emre.post(f"/people/{people['emre@example.org']['id']}/disable").status_code == 409, "not oneself"
    for _ in range(2):
        out = noor.post(f"/people/{people['emre@example.org']['id']}/disable")
        assert (out.status_code, out.json["disabled_at"] is None) == (200, False)
    assert emre.get("/payment-requests").status_code == 401
    assert Client(app).post("/sessions", given).status_code == 401
    with firm.payments.factory.begin(write=False) as uow:
        assert uow.session.scalars(select(PersonSession.person_id)).all() == [
            UUID(people["noor@example.org"]["id"])
        ]
        done = select(LedgerAudit.subject_id).where(LedgerAudit.action == "person.disable")
        assert set(uow.session.scalars(done)) == {UUID(people["emre@example.org"]["id"])}
    assert noor.post(f"/people/{uuid4()}/disable").status_code == 404


def test_somebody_is_disabled_at_the_machine_as_well(lite_firm: Firm) -> None:
    door, factory = lite_firm.payments.authenticator, lite_firm.payments.factory
    password = door.create_person(factory, "noor@example.org", "Noor")
    assert password is not None
    token = door.sign_in(factory, "noor@example.org", password).access_token
    settings = lite_firm.payments.payments
    at = [
        "--database",
        settings.database_url,
        "--field-database",
        lite_firm.url,
        "--data",
        str(settings.data_dir),
    ]
    for exit_code in (0, 2):
        done = CliRunner().invoke(main, ["payments", "disable-person", *at, "Noor@example.org"])
        assert done.exit_code == exit_code, done.output
    noor = Client(create_payments_app(lite_firm.payments), None, token)
    assert noor.get("/payment-requests").status_code == 401


def test_somebody_who_keeps_guessing_a_password_is_kept_out(lite_firm: Firm) -> None:
    door = lite_firm.payments.authenticator
    password = door.create_person(lite_firm.payments.factory, "noor@example.org", "Noor")
    assert password is not None
    browser = Client(create_payments_app(lite_firm.payments))
    for _ in range(10):
        browser.post("/sessions", {"email": "noor@example.org", "password": "wrong"})
    right = {"email": "noor@example.org", "password": password}
    assert browser.post("/sessions", right).status_code == 401
    lite_firm.clock.advance(minutes=16)
    assert browser.post("/sessions", right).status_code == 200


def test_the_database_refuses_what_does_not_balance_and_every_change(firm: Firm) -> None:
    paid_by_card(firm)
    for statement in (
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "UPDATE transactions SET note = 'x'",
        "DELETE FROM inbox",
        "INSERT INTO entries SELECT transaction_id, (SELECT id FROM accounts WHERE kind = 'fees'), 1 "
        "FROM entries WHERE amount > 100",
    ):
        with firm.payments.factory.begin() as uow:
            ledger.post(uow, _fee(firm))
        with pytest.raises(DBAPIError), firm.payments.factory.begin() as uow:
            uow.session.execute(text(statement))
    lone = (
        "INSERT INTO transactions (id, source, source_key, kind, effective_at, posted_at) "
        "SELECT {id}, 'x', 'x', 'fee', effective_at, posted_at FROM transactions LIMIT 1"
    )
    new_id = "gen_random_uuid()" if firm.is_postgresql else "'" + uuid4().hex + "'"
    with pytest.raises(DBAPIError), firm.payments.factory.begin() as uow:
        uow.session.execute(text(lone.format(id=new_id)))
    orphan = f"INSERT INTO entries SELECT {new_id}, account_id, 5 FROM entries LIMIT 1"
    with pytest.raises(DBAPIError), firm.payments.factory.begin() as uow:
        uow.session.execute(text(orphan))
    with firm.payments.factory.begin(write=False) as uow:
        assert queries.unbalanced(uow.session) == []
        assert queries.empty_transactions(uow.session) == []


def _fee(firm: Firm) -> Posting:
    entries = {Account(AccountKind.FEES, "EUR"): 5, Account(AccountKind.CLEARING, "EUR"): -5}
    return Posting("test", "fee", TransactionKind.FEE, firm.clock(), entries)


def test_two_stories_about_the_same_money_are_an_error_and_the_same_story_twice_is_one(firm: Firm) -> None:
    request = firm.asked(1_000)
    bank = Account(AccountKind.BANK, "EUR")

    def receipt(minor: int) -> Posting:
        came = Receipt(bank, minor, "bank", "k", TransactionKind.TRANSFER_MATCHED, firm.clock())
        return received(request.id, came, Standing("EUR", owed=1_000))

    with firm.payments.factory.begin() as uow:
        assert ledger.post(uow, receipt(1_000))
        assert not ledger.post(uow, receipt(1_000))
    with pytest.raises(SourceKeyContradicted), firm.payments.factory.begin() as uow:
        ledger.post(uow, receipt(999))


def test_the_check_finds_a_badge_that_lies_and_what_waits_too_long(firm: Firm) -> None:
    request = firm.billed()
    assert check_ledger(firm.payments.sides).sound
    take(firm, statement_file([Paid(14_550, request.reference), Paid(5)]))
    (lie,) = check_ledger(firm.payments.sides).faults
    assert lie == f"work order {request.work_order_id}: the badge says none, the ledger paid"
    firm.deliver()
    assert check_ledger(firm.payments.sides).sound
    firm.clock.advance(days=9)
    (late,) = check_ledger(firm.payments.sides).faults
    assert "in suspense since 2026-03-03" in late


def test_reconciling_finds_gaps_and_money_that_is_not_where_the_ledger_says(lite_firm: Firm) -> None:
    paid_by_card(lite_firm)
    sides, providers = lite_firm.payments.sides, lite_firm.payments.providers
    take(lite_firm, statement_file([Paid(100)], sequence=1, opening=0))
    assert reconcile(sides, providers) == []
    take(lite_firm, statement_file([Paid(50)], statement_id="S-3", sequence=3, opening=200))
    assert reconcile(sides, providers) == [
        "account …3000: statements 2 to 2 are missing",
        "account …3000: by the ledger 150 moved, by the bank 250",
    ]
    take(lite_firm, statement_file([Paid(100)], statement_id="S-2", sequence=2, opening=100))
    assert reconcile(sides, providers) == []
    lite_firm.stub.pay(checkout_of(lite_firm, lite_firm.asked(70)), lite_firm.clock())
    assert reconcile(sides, providers) == ["stub: by the ledger it holds EUR 145.50, by itself EUR 146.20"]


def test_the_numbers_of_statements_may_begin_anew_every_year(lite_firm: Firm) -> None:
    def told(sequence: int, opening: int, day: str) -> list[str]:
        name = f"S-{day}"
        file = statement_file(
            [Paid(100, day=day)], statement_id=name, sequence=sequence, opening=opening, day=day
        )
        take(lite_firm, file)
        return reconcile(lite_firm.payments.sides, lite_firm.payments.providers)

    assert told(364, 0, "2025-12-30") == []
    assert told(1, 200, "2026-01-02") == [
        "account …3000: statement 1 does not begin where 364 ended",
        "account …3000: by the ledger 200 moved, by the bank 300",
    ]
    assert told(365, 100, "2025-12-31") == []
    assert told(3, 400, "2026-01-04")[0] == "account …3000: statements 2 to 2 are missing"
    assert told(2, 300, "2026-01-03") == []


def test_a_payout_on_its_way_to_the_bank_is_no_alarm(lite_firm: Firm) -> None:
    paid_by_card(lite_firm, 10_000)
    sides, providers = lite_firm.payments.sides, lite_firm.payments.providers
    for minor in (3_000, 2_000):
        lite_firm.stub.pay_out(Money(minor, "EUR"))
        assert reconcile(sides, providers) == []
    take(lite_firm, statement_file([Paid(3_000, text="payout")]))
    somebody = lite_firm.somebody()
    with lite_firm.payments.factory.begin() as uow:
        (entry_id,) = queries.suspense(uow.session)
        clear_bank_entry(uow, somebody, entry_id, to=ClearTo.STUB, reason="It says so.", alone_minor=0)
    assert reconcile(sides, providers) == [], "the later one is still on its way"
    lite_firm.stub._payments.clear()
    assert reconcile(sides, providers) != []


def test_every_day_what_does_not_agree_is_written_down_and_mailed_to_finance(firm: Firm) -> None:
    firm.somebody("Noor")
    firm.round()
    take(firm, statement_file([Paid(100)], sequence=1, opening=0))
    take(firm, statement_file([Paid(50)], statement_id="S-3", sequence=3, opening=100))
    firm.clock.advance(hours=23)
    firm.round()
    assert firm.mails() == []
    firm.clock.advance(hours=2)
    for _ in range(2):
        assert Rounds(firm.payments).once() == []  # a process that starts again does not begin anew
    firm.deliver()
    with firm.payments.factory.begin(write=False) as uow:
        told = [done.alarms for done in queries.reconciliations(uow.session)]
    assert told == [["account …3000: statements 2 to 2 are missing"], []]
    (mail,) = firm.mails()
    assert mail["To"] == "noor@example.org"
    assert "statements 2 to 2 are missing" in str(mail.get_payload())


def test_two_processes_that_reconcile_at_once_mail_what_they_found_once(firm: Firm) -> None:
    firm.somebody("Noor")
    take(firm, statement_file([Paid(100)], sequence=1, opening=0))
    take(firm, statement_file([Paid(50)], statement_id="S-3", sequence=3, opening=100))
    sides, providers, now = firm.payments.sides, firm.payments.providers, firm.clock()
    with patch.object(queries, "last_reconciled", return_value=None):  # neither sees the other's yet
        assert [reconcile_when_due(sides, providers, now) for _ in range(2)] == [True, True]
    firm.deliver()
    assert [mail["To"] for mail in firm.mails()] == ["noor@example.org"]
    firm.clock.advance(days=1)
    assert reconcile_when_due(sides, providers, firm.clock())
    firm.deliver()
    assert len(firm.mails()) == 2


def test_a_part_has_a_tax_rate_of_its_own_from_when_finance_says_so(firm: Firm) -> None:
    part_id, somebody = uuid4(), firm.somebody()
    for basis_points in (1_900, 700):
        with firm.payments.factory.begin() as uow:
            set_part_tax_rate(uow, somebody, part_id, basis_points=basis_points)
        firm.clock.advance(minutes=1)
    with firm.payments.factory.begin() as uow:
        (rate,) = list_part_tax_rates(uow, somebody)
        assert (rate.part_id, rate.basis_points) == (part_id, 700)


def test_doorstep_check_looks_at_the_ledger_too(lite_firm: Firm, tmp_path: Path) -> None:
    lite_firm.billed()
    arguments = ["check", "--database", lite_firm.url, "--data", str(tmp_path), "--json"]
    sound = CliRunner().invoke(main, arguments)
    assert (sound.exit_code, json.loads(sound.stdout)["figures"]["payments: requests"]) == (0, 1)
    forger = sqlite3.connect(lite_firm.url.removeprefix("sqlite:///"))
    with forger:
        forger.execute(
            "INSERT INTO payment_badges (id, revision, created_at, work_order_id, state) "
            "SELECT id, 1, created_at, id, 'paid' FROM work_orders"
        )
    forger.close()
    forged = CliRunner().invoke(main, arguments)
    assert forged.exit_code == 1
    assert "the badge says paid, the ledger none" in str(json.loads(forged.stdout)["faults"])
