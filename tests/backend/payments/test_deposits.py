"""Money before the work: asked for, held, used for the bill, left over, taken back, and never lost."""

from __future__ import annotations

import re
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from pypdfium2 import PdfDocument

from backend.access.permissions import SYSTEM
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.billing import bill_what_was_approved, end_deposits_of_done_work
from backend.payments.checks import check_ledger
from backend.payments.models import PaymentRequest
from backend.payments.providers.stub import Fault
from backend.payments.receiving import receive
from backend.payments.rules.deposits import Occasion, Placed, used
from backend.payments.rules.postings import (
    Account,
    AccountKind,
    Posting,
    Receipt,
    TransactionKind,
)
from backend.payments.rules.standing import Standing
from backend.visits.actions import arrive_visit, cancel_work_order, complete_visit, start_visit
from schemas.payments import RequestKind
from schemas.visits import PaymentBadgeState
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.test_finance import approve, ask, send
from tests.backend.payments.test_providers import checkout_of, tell, work
from tests.backend.payments.world import Firm, an_order

PAID = PaymentBadgeState.PAID
NONE = PaymentBadgeState.NONE


def balances(firm: Firm) -> dict[str, int]:
    """What the accounts say, credits positive where a customer has something with us; without the zeros."""
    kinds = (
        *(AccountKind.RECEIVABLE, AccountKind.DEPOSITS, AccountKind.CREDIT, AccountKind.BANK),
        *(AccountKind.REVENUE, AccountKind.RETURNS, AccountKind.REFUND_PAYABLE, AccountKind.CLEARING),
    )
    with firm.payments.factory.begin(write=False) as uow:
        sums = {kind.value: sum(queries.balances_of(uow.session, kind).values()) for kind in kinds}
    return {kind: total for kind, total in sums.items() if total}


_STATEMENTS = iter(range(1, 1_000_000))


def transfer(firm: Firm, request: PaymentRequest, minor: int, *, returned: bool = False) -> None:
    """The bank books a transfer with the reference of the request, or takes one back."""
    name = f"S-{next(_STATEMENTS)}"
    take(firm, statement_file([Paid(minor, request.reference, returned=returned)], statement_id=name))


def seen(firm: Firm, request: PaymentRequest) -> tuple[str, int, int, int, int]:
    """State, what is to be paid, what is held, what a deposit paid, and what is left as credit."""
    standing = firm.standing(request)
    return standing.state, standing.to_pay, standing.held, standing.deposited, standing.credit


def sound(firm: Firm) -> None:
    """The oracle finds nothing, badges included."""
    assert firm.faults() == []


def link_of(firm: Firm, request: PaymentRequest) -> str:
    return firm.payments.terms.links.address_of(request.id).partition("8001")[2]


def asking(**over: Any) -> dict[str, Any]:
    return {
        "deposit_id": str(uuid4()),
        "amount_minor": 5_000,
        "currency": "EUR",
        "words": "For the new pump.",
        "days_to_pay": 7,
        **over,
    }


def test_what_was_paid_before_the_work_is_taken_off_its_bill(firm: Firm, browser: Client) -> None:
    with firm.field.begin() as uow:
        order = an_order(uow)
    deposit = firm.deposit(5_000, work_order_id=order)
    assert balances(firm) == {}  # nobody owes a deposit
    firm.deliver()
    (mail,) = firm.mails()
    text = bytes(mail.get_payload(decode=True)).decode()  # type: ignore[arg-type]
    assert mail["Subject"] == f"Your deposit, work order {deposit.work_order_number}"
    assert "asks you for a deposit of EUR 50.00, by 2026-03-09" in text
    (link,) = re.findall(r"/p/\S+", text)
    page = browser.get(link).text
    assert "For the new pump." in page
    assert "data:image/svg+xml" in page
    assert "Pay EUR 50.00 now" in page
    transfer(firm, deposit, 5_000)
    firm.deliver()
    assert balances(firm) == {"bank": 5_000, "deposits": -5_000}
    assert seen(firm, deposit) == ("paid", 0, 5_000, 0, 0)
    assert firm.badge(deposit) is None
    assert "We take EUR 50.00 off your bill" in browser.get(link).text

    request = firm.billed(14_550, work_order_id=order)
    assert balances(firm) == {"bank": 5_000, "receivable": 9_550, "revenue": -14_550}
    assert seen(firm, request) == ("partly_paid", 9_550, 0, 5_000, 0)
    assert seen(firm, deposit) == ("paid", 0, 0, 5_000, 0)
    firm.deliver()
    text = bytes(firm.mails()[-1].get_payload(decode=True)).decode()  # type: ignore[arg-type]
    assert "Your deposit of EUR 50.00 was taken off the bill." in text
    assert "You owe Doorstep EUR 95.50" in text
    page = browser.get(link_of(firm, request)).text
    assert "Paid by your deposit" in page
    assert "Pay EUR 95.50 now" in page
    assert firm.badge(request) is None
    transfer(firm, request, 9_550)
    firm.deliver()
    assert seen(firm, request) == ("paid", 0, 0, 5_000, 0)
    assert firm.badge(request) is PAID
    assert check_ledger(firm.payments.sides).sound


def test_a_deposit_that_pays_the_whole_bill_makes_the_badge_say_paid_and_its_rest_goes_back(
    firm: Firm, browser: Client
) -> None:
    deposit = firm.deposit(20_000)
    tell(firm, firm.stub.pay(checkout_of(firm, deposit), firm.clock()))
    work(firm)
    assert firm.standing(deposit).held == 20_000
    request = firm.billed(14_550, work_order_id=deposit.work_order_id)
    firm.deliver()
    assert (seen(firm, request), firm.badge(request)) == (("paid", 0, 0, 14_550, 0), PAID)
    assert seen(firm, deposit) == ("overpaid", 0, 0, 14_550, 5_450)
    text = bytes(firm.mails()[-1].get_payload(decode=True)).decode()  # type: ignore[arg-type]
    assert "It is paid. Thank you!" in text
    ask(firm, deposit, 5_000)
    assert send(firm) == 1
    approve(firm, ask(firm, deposit, 450), "Emre")
    assert send(firm) == 1
    assert seen(firm, deposit) == ("paid", 0, 0, 14_550, 0)
    assert balances(firm) == {"clearing": 14_550, "revenue": -14_550}
    assert firm.stub.balance("EUR").minor == 14_550
    firm.deliver()
    assert check_ledger(firm.payments.sides).sound
    said = [
        "".join(page.get_textpage().get_text_bounded() for page in PdfDocument(pdf.data))
        for pdf in (browser.get(f"{link_of(firm, each)}/receipt.pdf") for each in (request, deposit))
    ]
    assert "out of your deposit" in said[0]
    assert "Still to be paid: EUR 0.00" in said[0]
    assert f"Receipt for deposit {deposit.number}" in said[1]
    assert "for your bill" in said[1]
    assert "EUR -145.50" in said[1]
    assert "the tax is stated on the bill" in said[1]


def test_a_deposit_paid_in_parts_and_too_much_is_what_it_is(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    transfer(lite_firm, deposit, 2_000)
    assert seen(lite_firm, deposit) == ("partly_paid", 3_000, 2_000, 0, 0)
    transfer(lite_firm, deposit, 4_000)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 5_000, 0, 1_000)
    request = lite_firm.asked(5_700, work_order_id=deposit.work_order_id)
    assert seen(lite_firm, request) == ("paid", 0, 0, 5_700, 0)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 0, 5_700, 300)
    sound(lite_firm)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_deposit_paid_after_the_bill_is_taken_off_it_all_the_same(firm: Firm, browser: Client) -> None:
    deposit = firm.deposit(5_000)
    checkout = checkout_of(firm, deposit)
    request = firm.billed(4_000, work_order_id=deposit.work_order_id)
    assert seen(firm, deposit) == ("nothing_due", 0, 0, 0, 0)
    assert "no longer asked for" in browser.get(link_of(firm, deposit)).text
    assert browser.send("POST", f"{link_of(firm, deposit)}/pay/stub", data={}).status_code == 409
    paid = firm.stub.pay(checkout, firm.clock())
    for _ in range(2):
        tell(firm, paid)
        work(firm)
        firm.deliver()
    assert (seen(firm, request), firm.badge(request)) == (("paid", 0, 0, 4_000, 0), PAID)
    assert seen(firm, deposit) == ("overpaid", 0, 0, 4_000, 1_000)
    assert check_ledger(firm.payments.sides).sound


def test_a_deposit_that_the_bank_takes_back_is_owed_on_the_bill_again(firm: Firm) -> None:
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 5_000)
    request = firm.billed(4_000, work_order_id=deposit.work_order_id)
    firm.deliver()
    assert firm.badge(request) is PAID
    transfer(firm, deposit, -5_000, returned=True)
    firm.deliver()
    assert (seen(firm, request), firm.badge(request)) == (("open", 4_000, 0, 0, 0), NONE)
    assert seen(firm, deposit) == ("nothing_due", 0, 0, 0, 0)
    assert balances(firm) == {"receivable": 4_000, "revenue": -4_000}
    assert check_ledger(firm.payments.sides).sound


def test_what_was_asked_first_is_first_whatever_the_clocks_say(firm: Firm) -> None:
    """A process that took its time before the lock, or whose clock is behind, turns nothing round."""
    with firm.field.begin() as uow:
        order = an_order(uow)
    bill = firm.asked(4_000, work_order_id=order)
    firm.clock.advance(minutes=-5)
    late = firm.deposit(5_000, work_order_id=order)
    transfer(firm, late, 5_000)
    with firm.field.begin() as uow:
        cancel_work_order(uow, SYSTEM, order, reason="Moved away.")
    end_deposits_of_done_work(firm.payments.factory)
    assert firm.standing(bill).owed == 4_000, "a deposit is not for a bill that was there before it"
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 5_000)
    firm.clock.advance(minutes=-5)
    assert firm.standing(firm.asked(4_000, work_order_id=deposit.work_order_id)).owed == 0


def test_a_deposit_paid_twice_and_disputed_once_still_pays_its_bill(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    checkout = checkout_of(lite_firm, deposit)
    tell(lite_firm, lite_firm.stub.pay(checkout, lite_firm.clock()))
    work(lite_firm)
    transfer(lite_firm, deposit, 5_000)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 5_000, 0, 5_000)
    request = lite_firm.asked(7_000, work_order_id=deposit.work_order_id)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 0, 7_000, 3_000)
    disputed = lite_firm.stub.dispute(checkout, lite_firm.clock())
    for _ in range(2):
        tell(lite_firm, disputed)
        work(lite_firm)
    assert seen(lite_firm, request) == ("partly_paid", 2_000, 0, 5_000, 0)
    assert seen(lite_firm, deposit) == ("paid", 0, 0, 5_000, 0)
    sound(lite_firm)


def test_what_is_left_of_another_deposit_pays_what_one_that_went_back_no_longer_does(lite_firm: Firm) -> None:
    one = lite_firm.deposit(5_000)
    other = lite_firm.deposit(3_000, work_order_id=one.work_order_id)
    transfer(lite_firm, one, 5_000)
    transfer(lite_firm, other, 3_000)
    request = lite_firm.asked(6_000, work_order_id=one.work_order_id)
    assert [seen(lite_firm, each)[3:] for each in (one, other)] == [(5_000, 0), (1_000, 2_000)]
    transfer(lite_firm, one, -5_000, returned=True)
    assert seen(lite_firm, request) == ("partly_paid", 3_000, 0, 3_000, 0)
    assert [seen(lite_firm, each)[3:] for each in (one, other)] == [(0, 0), (3_000, 0)]
    sound(lite_firm)


def test_a_deposit_is_for_the_bills_that_came_after_it_and_every_one_of_them(lite_firm: Firm) -> None:
    before = lite_firm.asked(1_000)
    lite_firm.clock.advance(minutes=1)
    with lite_firm.field.begin() as uow:
        work_order_id = an_order(uow)
    deposit = lite_firm.deposit(5_000, work_order_id=work_order_id)
    elsewhere = lite_firm.asked(1_000)
    transfer(lite_firm, deposit, 5_000)
    first = lite_firm.asked(3_000, work_order_id=work_order_id)
    abroad = lite_firm.asked(3_000, "USD", work_order_id=work_order_id)
    assert seen(lite_firm, deposit)[3:] == (3_000, 2_000)
    second = lite_firm.asked(1_500, work_order_id=work_order_id)
    states = [lite_firm.standing(each).state for each in (before, elsewhere, abroad, first, second)]
    assert states == ["open", "open", "open", "paid", "paid"]
    assert seen(lite_firm, deposit)[3:] == (4_500, 500)
    sound(lite_firm)


def test_a_deposit_asked_after_a_bill_is_not_for_that_bill(lite_firm: Firm) -> None:
    request = lite_firm.billed(4_000)
    lite_firm.clock.advance(minutes=1)
    deposit = lite_firm.deposit(5_000, work_order_id=request.work_order_id)
    transfer(lite_firm, deposit, 5_000)
    lite_firm.deliver()
    assert seen(lite_firm, request) == ("open", 4_000, 0, 0, 0)
    assert seen(lite_firm, deposit) == ("paid", 0, 5_000, 0, 0)
    assert check_ledger(lite_firm.payments.sides).sound
    lite_firm.asked(1_000, work_order_id=request.work_order_id)
    assert seen(lite_firm, request) == ("open", 4_000, 0, 0, 0)
    assert seen(lite_firm, deposit)[3:] == (1_000, 4_000)


def test_a_deposit_of_a_work_order_that_is_cancelled_is_the_customers_to_have_back(firm: Firm) -> None:
    deposit, unpaid = firm.deposit(5_000), firm.deposit(700)
    transfer(firm, deposit, 5_000)
    with firm.field.begin() as uow:
        for each in (deposit, unpaid):
            cancel_work_order(uow, SYSTEM, each.work_order_id, reason="Moved away.")
    for _ in range(2):
        firm.round()
    assert seen(firm, deposit) == ("overpaid", 0, 0, 0, 5_000)
    assert seen(firm, unpaid) == ("nothing_due", 0, 0, 0, 0)
    assert firm.badge(deposit) is None
    ask(firm, deposit, 5_000)
    assert balances(firm) == {"bank": 5_000, "refund_payable": -5_000}
    assert seen(firm, deposit)[:2] == ("paid", 0)
    transfer(firm, unpaid, 700)  # late, after the cancelling
    assert seen(firm, unpaid) == ("overpaid", 0, 0, 0, 700)
    assert check_ledger(firm.payments.sides).sound


def test_a_refund_of_a_deposit_that_fails_leaves_the_money_to_the_bill(
    lite_firm: Firm,
) -> None:
    deposit = lite_firm.deposit(5_000)
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, deposit), lite_firm.clock()))
    work(lite_firm)
    ask(lite_firm, deposit, 5_000)
    assert seen(lite_firm, deposit) == ("paid", 0, 0, 0, 0)
    request = lite_firm.asked(4_000, work_order_id=deposit.work_order_id)
    assert seen(lite_firm, request) == ("open", 4_000, 0, 0, 0)
    lite_firm.stub.fault(Fault.REFUND_FAILS)
    assert send(lite_firm) == 1
    assert seen(lite_firm, request) == ("paid", 0, 0, 4_000, 0)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 0, 4_000, 1_000)
    sound(lite_firm)


def test_what_went_back_twice_is_owed(lite_firm: Firm) -> None:
    """The customer has the refund, and then the bank takes the transfer back: a debt, not a deposit."""
    deposit = lite_firm.deposit(5_000)
    transfer(lite_firm, deposit, 5_000)
    ask(lite_firm, deposit, 5_000)
    transfer(lite_firm, deposit, -5_000, returned=True)
    assert (lite_firm.standing(deposit).owed, lite_firm.standing(deposit).to_pay) == (5_000, 5_000)
    transfer(lite_firm, deposit, 5_000)
    assert seen(lite_firm, deposit) == ("paid", 0, 0, 0, 0)
    sound(lite_firm)


def test_finance_asks_once_and_sees_what_it_is(firm: Firm, noor: Client) -> None:
    with firm.field.begin() as uow:
        order = an_order(uow)
    path = f"/work-orders/{order}/deposits"
    wanted = asking()
    first, again = noor.post(path, wanted), noor.post(path, wanted)
    assert (first.status_code, first.json) == (200, again.json)
    assert first.json["number"].startswith("D-")
    names = ("kind", "state", "to_pay_minor", "owed_minor", "gross_minor")
    assert [first.json[name] for name in names] == ["deposit", "open", 5_000, 0, 5_000]
    for other in ({"amount_minor": 5_001}, {"words": "Other"}, {"currency": "USD"}, {"days_to_pay": 8}):
        assert noor.post(path, {**wanted, **other}).status_code == 409
    bill = firm.billed(10_000, work_order_id=order)
    assert noor.post(path, asking(deposit_id=str(bill.id))).status_code == 409
    for wrong in ({"amount_minor": 0}, {"amount_minor": 1.5}, {"currency": "XXX"}, {"words": " "}):
        assert noor.post(path, asking(**wrong)).status_code == 422
    assert noor.post(f"/work-orders/{uuid4()}/deposits", asking()).json["type"].endswith("not-found")
    assert [each["id"] for each in noor.get("/payment-requests?kind=deposit").json["items"]] == [
        wanted["deposit_id"]
    ]
    assert [each["id"] for each in noor.get("/payment-requests?kind=bill").json["items"]] == [str(bill.id)]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_no_deposit_is_asked_for_work_that_will_not_come(firm: Firm, noor: Client) -> None:
    done = firm.signed_report(("Labour", 100))
    with firm.field.begin() as uow:
        cancelled = an_order(uow)
        cancel_work_order(uow, SYSTEM, cancelled, reason="Moved away.")
        for step in (arrive_visit, start_visit, complete_visit):
            step(uow, done.actor, done.visit_id)
    (bill,) = firm.bill()
    for order, why in ((cancelled, "cancelled"), (bill.work_order_id, "completed")):
        answer = noor.post(f"/work-orders/{order}/deposits", asking())
        assert (answer.status_code, answer.json["type"].rpartition(":")[2]) == (409, "no-work-to-come")
        assert why in answer.json["detail"]


def test_books_show_a_deposit_as_what_it_is(firm: Firm, noor: Client) -> None:
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 2_000)
    (aged,) = noor.get("/ageing").json
    assert (aged["missing_minor"], sum(aged["owed"].values())) == (3_000, 0)
    transfer(firm, deposit, 4_000)
    assert noor.get("/ageing").json == []
    firm.clock.advance(minutes=1)
    request = firm.billed(4_500, work_order_id=deposit.work_order_id)
    rows = noor.get(f"/customers/{deposit.customer_id}/statement").json
    said = [(row["number"], row["kind"], row["asked_minor"], row["amount_minor"]) for row in rows]
    assert said == [
        (deposit.number, "deposit_requested", 5_000, 0),
        (deposit.number, "transfer_matched", 0, -2_000),
        (deposit.number, "transfer_matched", 0, -4_000),
        (request.number, "issued", 0, 4_500),
        (deposit.number, "deposit_used", 0, 4_500),
        (request.number, "deposit_used", 0, -4_500),
    ]
    assert rows[-1]["balance_minor"] == -1_500
    journal = noor.get("/journal.beancount").text
    moved = re.findall(r"  Liabilities:Deposits  (\S+) EUR", journal)
    assert moved == ["-20.00", "-30.00", "45.00", "5.00"]


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_deposit_that_comes_while_the_bill_is_written_is_not_forgotten(firm: Firm) -> None:
    deposit = firm.deposit(5_000)
    firm.signed_report(("Labour", 4_000), work_order_id=deposit.work_order_id)
    bank = Account(AccountKind.BANK, "EUR", detail="x")
    billing = threading.Thread(
        target=bill_what_was_approved, args=(firm.payments.factory, firm.payments.terms)
    )
    with firm.payments.factory.begin() as uow:
        receipt = Receipt(bank, 5_000, "bank", "k", TransactionKind.TRANSFER_MATCHED, uow.now)
        assert receive(uow, deposit.id, receipt)
        billing.start()
        billing.join(0.5)
        assert billing.is_alive(), "it did not wait for the deposit that is being posted"
    billing.join(30)
    (request,) = (each for each in firm.bill() if each.kind is RequestKind.BILL)
    assert seen(firm, request) == ("paid", 0, 0, 4_000, 0)


def test_a_process_that_dies_while_it_bills_leaves_neither_bill_nor_use(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    transfer(lite_firm, deposit, 5_000)
    lite_firm.signed_report(("Labour", 4_000), work_order_id=deposit.work_order_id)
    posted = ledger.post_all
    with pytest.MonkeyPatch.context() as patch:

        def dies(uow: Any, postings: Any) -> int:
            posted(uow, postings)
            raise SystemExit

        patch.setattr(ledger, "post_all", dies)
        with pytest.raises(SystemExit):
            bill_what_was_approved(lite_firm.payments.factory, lite_firm.payments.terms)
    assert seen(lite_firm, deposit) == ("paid", 0, 5_000, 0, 0)
    request = lite_firm.bill()[-1]
    assert seen(lite_firm, request) == ("paid", 0, 0, 4_000, 0)
    assert seen(lite_firm, deposit) == ("overpaid", 0, 0, 4_000, 1_000)


def _wrong(firm: Firm, deposit: UUID, bill: UUID, *, kind: AccountKind = AccountKind.DEPOSITS) -> Posting:
    entries = {Account(kind, "EUR", deposit): 300, Account(AccountKind.RECEIVABLE, "EUR", bill): -300}
    return Posting(
        "deposit", f"{bill}:{kind}", TransactionKind.DEPOSIT_USED, firm.clock(), entries, request_id=bill
    )


def test_the_check_finds_a_deposit_that_is_forgotten_used_twice_or_astray(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    transfer(lite_firm, deposit, 5_000)
    request = lite_firm.asked(5_000, work_order_id=deposit.work_order_id)
    stranger = lite_firm.asked(400)
    sound(lite_firm)
    bank = Account(AccountKind.BANK, "EUR")
    forgotten = {bank: 500, Account(AccountKind.DEPOSITS, "EUR", deposit.id): -500}
    owed_again = {
        bank: 27,
        Account(AccountKind.CREDIT, "EUR", deposit.id): -77,
        Account(AccountKind.RECEIVABLE, "EUR", request.id): 50,
    }
    nobodys = {bank: 9, Account(AccountKind.DEPOSITS, "EUR", stranger.id): -9}
    steps = [
        (
            Posting("t", "0", TransactionKind.TRANSFER_MATCHED, lite_firm.clock(), owed_again),
            [f"it has money left, and request {request.id} is owed"],
        ),
        (_wrong(lite_firm, deposit.id, request.id), ["300 more was used or paid back than came in"]),
        (
            Posting("t", "1", TransactionKind.TRANSFER_MATCHED, lite_firm.clock(), forgotten),
            ["200 is held, and it is no longer asked for"],
        ),
        (
            _wrong(lite_firm, deposit.id, stranger.id, kind=AccountKind.CREDIT),
            ["does not go between a deposit and a bill of its work order", "200 is held"],
        ),
        (
            Posting("t", "2", TransactionKind.TRANSFER_MATCHED, lite_firm.clock(), nobodys),
            ["9 is held, and it is of no deposit", "does not go between", "200 is held"],
        ),
    ]
    for posting, found in steps:
        with lite_firm.payments.factory.begin() as uow:
            ledger.post(uow, posting)
            ask_for_badge(uow, deposit.work_order_id, posting.source_key)
            ask_for_badge(uow, stranger.work_order_id, posting.source_key)
        faults = lite_firm.faults()
        assert len(faults) == len(found), faults
        for words, fault in zip(found, faults, strict=True):
            assert words in fault


def placed(at: Firm, **standing: Any) -> Placed:
    return Placed(uuid4(), at.clock(), Standing("EUR", **standing))


def test_no_more_is_used_than_is_there_and_no_more_than_is_owed(lite_firm: Firm) -> None:
    on = Occasion("x", lite_firm.clock())
    deposits = [placed(lite_firm, held=300, credit=200), placed(lite_firm, held=700)]
    bills = [placed(lite_firm, owed=400), placed(lite_firm, owed=350), placed(lite_firm)]
    made = list(used(deposits, bills, on))
    assert [sorted(posting.entries.values()) for posting in made] == [
        [-400, 100, 300],
        [-100, 100],
        [-250, 250],
        [-450, 450],
    ]
    assert len({posting.source_key for posting in made}) == 4
