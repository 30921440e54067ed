"""A card payment that its holder's bank disputes: asked about, taken, won or lost, from event to journal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.payments import queries
from backend.payments.actions import list_disputes
from backend.payments.app import create_payments_app
from backend.payments.checks import reconcile
from backend.payments.inbox import poll
from backend.payments.models import PaymentRequest
from backend.payments.providers import DisputeMove
from backend.payments.receiving import take_back
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, TakenBack, TransactionKind
from schemas.payments import DisputeState
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.test_finance import ask, paid_by_card, send
from tests.backend.payments.test_providers import checkout_of, clearing, tell, work
from tests.backend.payments.world import Firm

OPENED, WITHDRAWN, WON, LOST = DisputeState


def checkout(firm: Firm) -> str:
    """The one there is."""
    (name,) = firm.stub._payments
    return name


def hear(firm: Firm, *states: DisputeState) -> None:
    """The bank of the card does this, one after the other, and the provider tells each twice."""
    for state in states:
        firm.clock.advance(seconds=1)
        told = firm.stub.dispute(checkout(firm), firm.clock(), state)
        for _ in range(2):
            tell(firm, told)
            work(firm)


def listed(firm: Firm) -> list[dict[str, object]]:
    somebody = firm.somebody()
    with firm.payments.factory.begin(write=False) as uow:
        return list(list_disputes(uow, somebody))


def journal(firm: Firm) -> list[tuple[str, dict[str, int]]]:
    with firm.payments.factory.begin(write=False) as uow:
        booked = list(queries.journal(uow.session, None, None))
    return [(each.kind.value, {line.kind.value: line.minor for line in each.lines}) for each in booked]


def sound(firm: Firm) -> None:
    """Whatever happened, the provider holds what the ledger says, and the oracle is content."""
    assert firm.faults() == []
    assert reconcile(firm.payments.sides, firm.payments.providers) == []


def test_a_dispute_that_is_won_brings_the_money_back(firm: Firm) -> None:
    request = paid_by_card(firm, 10_000)
    hear(firm, OPENED)
    assert (firm.standing(request).state, listed(firm)[0]["state"]) == ("paid", OPENED)
    hear(firm, WITHDRAWN)
    assert (firm.standing(request).owed, clearing(firm).minor) == (10_000, 0)
    assert listed(firm)[0]["state"] is WITHDRAWN
    hear(firm, WON)
    assert (firm.standing(request).state, clearing(firm).minor) == ("paid", 10_000)
    assert journal(firm)[1:] == [
        ("card_paid", {"clearing": 10_000, "receivable": -10_000}),
        ("disputed", {"clearing": -10_000, "receivable": 10_000}),
        ("dispute_won", {"clearing": 10_000, "receivable": -10_000}),
    ]
    (seen,) = listed(firm)
    assert (seen["state"], seen["number"], seen["amount_minor"]) == (WON, request.number, 10_000)
    assert not ask(firm, request, 5_000).needs_second_person, "what came back may be refunded"
    assert send(firm) == 1
    sound(firm)


def test_a_dispute_that_is_lost_is_written_off(firm: Firm) -> None:
    request = paid_by_card(firm, 10_000)
    hear(firm, WITHDRAWN, LOST)
    assert journal(firm)[2:] == [
        ("disputed", {"clearing": -10_000, "receivable": 10_000}),
        ("dispute_lost", {"receivable": -10_000, "written_off": 10_000}),
    ]
    assert (firm.standing(request).owed, firm.standing(request).refundable) == (0, 0)
    assert listed(firm)[0]["state"] is LOST
    sound(firm)


def test_a_dispute_heard_of_when_it_is_over_is_posted_from_its_beginning(lite_firm: Firm) -> None:
    paid_by_card(lite_firm, 10_000)
    lite_firm.stub.dispute(checkout(lite_firm), lite_firm.clock(), WITHDRAWN)
    hear(lite_firm, WON)
    assert [kind for kind, _ in journal(lite_firm)[2:]] == ["disputed", "dispute_won"]
    sound(lite_firm)


def test_a_question_that_is_dropped_moves_nothing(lite_firm: Firm) -> None:
    paid_by_card(lite_firm, 10_000)
    hear(lite_firm, OPENED, WON)
    assert len(journal(lite_firm)) == 2
    assert listed(lite_firm)[0]["state"] is WON
    sound(lite_firm)


def test_of_a_lost_dispute_only_what_is_still_owed_is_written_off(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 10_000)
    hear(lite_firm, WITHDRAWN)
    take(lite_firm, statement_file([Paid(7_000, request.reference)]))
    hear(lite_firm, LOST)
    assert journal(lite_firm)[-1] == ("dispute_lost", {"receivable": -3_000, "written_off": 3_000})
    assert lite_firm.standing(request).state == "paid"
    sound(lite_firm)


def test_what_is_owed_again_after_a_dispute_was_lost_is_owed(lite_firm: Firm) -> None:
    """Nothing was owed when it was lost; then the transfer that settled it comes back, and we look again."""
    request = paid_by_card(lite_firm, 10_000)
    hear(lite_firm, WITHDRAWN)
    take(lite_firm, statement_file([Paid(10_000, request.reference)], opening=0))
    hear(lite_firm, LOST)
    assert lite_firm.standing(request).state == "paid"
    back = [Paid(-10_000, request.reference, returned=True)]
    take(lite_firm, statement_file(back, statement_id="S-2", sequence=2, opening=10_000))
    poll(lite_firm.payments.factory, lite_firm.stub, lite_firm.clock())
    tell(lite_firm, lite_firm.stub.message("payment.updated", checkout(lite_firm), lite_firm.clock()))
    work(lite_firm)
    assert lite_firm.standing(request).owed == 10_000
    assert "dispute_lost" not in [kind for kind, _ in journal(lite_firm)]
    sound(lite_firm)


def test_a_decision_that_nobody_told_is_asked_for(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 10_000)
    hear(lite_firm, WITHDRAWN)
    lite_firm.stub.dispute(checkout(lite_firm), lite_firm.clock(), WON)
    lite_firm.clock.advance(days=60)
    assert poll(lite_firm.payments.factory, lite_firm.stub, lite_firm.clock()) == 1
    assert lite_firm.standing(request).state == "paid"
    assert poll(lite_firm.payments.factory, lite_firm.stub, lite_firm.clock()) == 0


def test_money_that_moves_again_is_posted_again(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 10_000)
    hear(lite_firm, WITHDRAWN, WON)
    dispute = lite_firm.stub._payments[checkout(lite_firm)].dispute
    assert dispute is not None
    again = DisputeMove("mv_again", Money(-10_000, "EUR"), Money(1_500, "EUR"))
    lite_firm.stub._payments[checkout(lite_firm)].dispute = replace(dispute, moves=(*dispute.moves, again))
    assert poll(lite_firm.payments.factory, lite_firm.stub, lite_firm.clock()) == 1
    assert lite_firm.standing(request).owed == 10_000
    assert journal(lite_firm)[-2:] == [
        ("fee", {"clearing": -1_500, "fees": 1_500}),
        ("disputed", {"clearing": -10_000, "receivable": 10_000}),
    ]


def test_nothing_is_given_up_before_it_was_taken(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 10_000)
    hear(lite_firm, OPENED)
    payment = lite_firm.stub._payments[checkout(lite_firm)]
    assert payment.dispute is not None
    payment.dispute = replace(payment.dispute, state=LOST)
    poll(lite_firm.payments.factory, lite_firm.stub, lite_firm.clock())
    assert len(journal(lite_firm)) == 2
    lite_firm.clock.advance(days=2)
    hear(lite_firm, LOST)
    assert [kind for kind, _ in journal(lite_firm)[2:]] == ["disputed", "dispute_lost"]
    assert lite_firm.standing(request).owed == 0


def test_what_was_posted_before_disputes_were_followed_is_not_posted_again(lite_firm: Firm) -> None:
    request = paid_by_card(lite_firm, 10_000)
    payment_id = lite_firm.stub._payments[checkout(lite_firm)].payment_id
    clearing_account = Account(AccountKind.CLEARING, "EUR", detail="stub")
    kind, at = TransactionKind.DISPUTED, lite_firm.clock()
    with lite_firm.payments.factory.begin() as uow:
        old = TakenBack(clearing_account, 10_000, "stub", f"dispute:{payment_id}", kind, at)
        assert take_back(uow, request.id, old)
    hear(lite_firm, WITHDRAWN)
    assert lite_firm.standing(request).owed == 10_000
    hear(lite_firm, WON)
    assert lite_firm.standing(request).state == "paid"
    sound(lite_firm)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((WITHDRAWN,), "please do not pay it again meanwhile"),
        ((WITHDRAWN, WON), "decided that the payment stands"),
        ((WITHDRAWN, LOST), "we do not ask for it again"),
    ],
)
def test_the_bill_says_where_a_dispute_is(
    lite_firm: Firm, states: tuple[DisputeState, ...], words: str
) -> None:
    request: PaymentRequest = paid_by_card(lite_firm)
    hear(lite_firm, *states)
    browser = Client(create_payments_app(lite_firm.payments))
    assert words in browser.get(f"/p/{lite_firm.payments.terms.links.token_of(request.id)}").text


def test_a_dispute_of_what_a_deposit_paid_is_owed_on_the_bill_again(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, deposit), lite_firm.clock()))
    work(lite_firm)
    bill = lite_firm.asked(5_000, work_order_id=deposit.work_order_id)
    assert lite_firm.standing(bill).state == "paid"
    hear(lite_firm, WITHDRAWN)
    assert lite_firm.standing(bill).owed == 5_000
    hear(lite_firm, WON)
    assert lite_firm.standing(bill).owed == 0
    sound(lite_firm)
    with lite_firm.payments.factory.begin(write=False) as uow:
        assert queries.balances_of(uow.session, AccountKind.WRITTEN_OFF) == {}
