"""What finance takes back: a refund that is declined, a deposit that is withdrawn, a match that was wrong."""

from __future__ import annotations

from uuid import UUID

import pytest

from backend.payments import queries
from backend.payments.actions import (
    confirm_refund,
    decline_refund,
    list_matched_entries,
    match_bank_entry,
    unmatch_bank_entry,
    withdraw_deposit,
)
from backend.payments.actions.refunding import SeenRefund
from backend.payments.billing import end_deposits_of_done_work
from backend.payments.models import PaymentRequest
from backend.payments.rules.errors import (
    DepositOver,
    MatchRefunded,
    PaymentRequestNotFound,
    RefundStepRefused,
)
from backend.visits.actions import arrive_visit, complete_visit, start_visit
from schemas.payments import RefundState
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take, waiting
from tests.backend.payments.test_deposits import transfer
from tests.backend.payments.test_finance import approve, ask, paid_by_card, send
from tests.backend.payments.world import Firm


def decline(firm: Firm, refund: SeenRefund, who: str = "Emre") -> SeenRefund:
    somebody = firm.somebody(who)
    with firm.payments.factory.begin() as uow:
        return decline_refund(uow, somebody, refund.id, reason="The pump is fine.")


def sound(firm: Firm) -> None:
    assert firm.faults() == []


def test_a_transfer_that_comes_back_after_its_match_was_undone_is_owed_once(lite_firm: Firm) -> None:
    request = lite_firm.asked(10_000)
    take(lite_firm, statement_file([Paid(10_000, request.reference)]))
    unmatch(lite_firm, request)
    back = Paid(-10_000, request.reference, returned=True, bank_reference="back")
    take(lite_firm, statement_file([back], day="2026-03-04"))
    assert lite_firm.standing(request).owed == 10_000
    assert waiting(lite_firm) == [-10_000, 10_000]
    sound(lite_firm)


def test_the_second_person_may_say_no_and_then_nothing_goes_back(firm: Firm) -> None:
    request = paid_by_card(firm)
    refund = ask(firm, request, 10_000)
    for _ in range(2):
        assert decline(firm, refund).state is RefundState.DECLINED
    with pytest.raises(RefundStepRefused):
        approve(firm, refund, "Emre")
    assert send(firm) == 0
    assert (firm.standing(request).refundable, firm.standing(request).refunding) == (14_550, 0)
    approve(firm, ask(firm, request, 14_550), "Emre")
    assert send(firm) == 1, "what was declined may be asked for again"
    sound(firm)


def test_what_a_provider_may_be_sending_cannot_be_declined_and_an_unsent_transfer_can(
    lite_firm: Firm,
) -> None:
    by_card = ask(lite_firm, paid_by_card(lite_firm), 1_000)
    with pytest.raises(RefundStepRefused):
        decline(lite_firm, by_card)
    request = lite_firm.asked(10_000)
    take(lite_firm, statement_file([Paid(12_000, request.reference)]))
    by_bank = ask(lite_firm, request, 2_000)
    assert by_bank.state is RefundState.APPROVED
    decline(lite_firm, by_bank, "Noor")
    assert lite_firm.standing(request).credit == 2_000
    take(lite_firm, statement_file([Paid(-2_000, text="refund")], statement_id="S-2"))
    somebody = lite_firm.somebody()
    with lite_firm.payments.factory.begin(write=False) as uow:
        (entry_id,) = queries.suspense(uow.session)
    with pytest.raises(RefundStepRefused), lite_firm.payments.factory.begin() as uow:
        confirm_refund(uow, somebody, by_bank.id, bank_entry_id=entry_id)
    send(lite_firm)
    sound(lite_firm)


def withdraw(firm: Firm, deposit: PaymentRequest) -> None:
    somebody = firm.somebody()
    with firm.payments.factory.begin() as uow:
        withdraw_deposit(uow, somebody, deposit.id)


def test_a_deposit_that_is_withdrawn_is_not_asked_for_and_what_came_of_it_may_be_refunded(firm: Firm) -> None:
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 3_000)
    assert firm.standing(deposit).to_pay == 2_000
    for _ in range(2):
        withdraw(firm, deposit)
    standing = firm.standing(deposit)
    assert (standing.to_pay, standing.held, standing.credit, standing.refundable) == (0, 0, 3_000, 3_000)
    transfer(firm, deposit, 500)
    assert firm.standing(deposit).credit == 3_500, "what comes late is the customer's as well"
    bill = firm.asked(1_000, work_order_id=deposit.work_order_id)
    assert (firm.standing(bill).owed, firm.standing(deposit).credit) == (0, 2_500)
    sound(firm)


def test_neither_a_bill_nor_a_deposit_that_was_billed_is_withdrawn(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    bill = lite_firm.asked(1_000, work_order_id=deposit.work_order_id)
    with pytest.raises(DepositOver):
        withdraw(lite_firm, deposit)
    with pytest.raises(PaymentRequestNotFound):
        withdraw(lite_firm, bill)


def unmatch(firm: Firm, request: PaymentRequest) -> None:
    somebody = firm.somebody()
    with firm.payments.factory.begin() as uow:
        for entry in list_matched_entries(uow, somebody, request.id):
            unmatch_bank_entry(uow, somebody, UUID(str(entry["id"])), request_id=request.id, reason="Oops.")


def match(firm: Firm, request: PaymentRequest) -> None:
    somebody = firm.somebody()
    with firm.payments.factory.begin() as uow:
        ((entry_id, minor),) = queries.suspense(uow.session).items()
        share = {"request_id": request.id, "amount_minor": minor}
        match_bank_entry(uow, somebody, entry_id, decision_id=uow.mint_id(), shares=[share], reason="Ada's.")  # type: ignore[list-item]


def test_a_wrong_match_is_undone_and_the_money_goes_to_whom_it_belongs(firm: Firm) -> None:
    wrong, right = firm.asked(10_000), firm.asked(10_000)
    take(firm, statement_file([Paid(10_000, text="for Ada")]))
    match(firm, wrong)
    assert firm.standing(wrong).state == "paid"
    for _ in range(2):
        unmatch(firm, wrong)
    assert (firm.standing(wrong).owed, firm.standing(wrong).refundable) == (10_000, 0)
    assert waiting(firm) == [10_000]
    match(firm, right)
    assert (firm.standing(right).state, waiting(firm)) == ("paid", [])
    match_again = firm.asked(10_000)
    unmatch(firm, right)
    match(firm, match_again)
    unmatch(firm, match_again)
    match(firm, match_again)
    assert firm.standing(match_again).refundable == 10_000
    sound(firm)


def test_a_transfer_under_somebody_elses_reference_is_moved_as_well(lite_firm: Firm) -> None:
    request, other = lite_firm.asked(10_000), lite_firm.asked(10_000)
    take(lite_firm, statement_file([Paid(10_000, request.reference)]))
    unmatch(lite_firm, request)
    match(lite_firm, other)
    assert (lite_firm.standing(request).owed, lite_firm.standing(other).owed) == (10_000, 0)
    take(lite_firm, statement_file([Paid(10_000, request.reference)]))  # the same file again
    assert lite_firm.standing(request).owed == 10_000


def test_money_that_was_refunded_cannot_be_taken_to_somebody_else(lite_firm: Firm) -> None:
    request = lite_firm.asked(10_000)
    take(lite_firm, statement_file([Paid(12_000, request.reference)]))
    refund = ask(lite_firm, request, 2_000)
    with pytest.raises(MatchRefunded):
        unmatch(lite_firm, request)
    decline(lite_firm, refund)
    unmatch(lite_firm, request)
    assert lite_firm.standing(request).owed == 10_000


def test_a_deposit_of_work_that_ends_without_charges_is_not_held_for_ever(firm: Firm) -> None:
    deposit = firm.deposit(5_000)
    transfer(firm, deposit, 5_000)
    work = firm.signed_report(work_order_id=deposit.work_order_id)
    with firm.field.begin() as uow:
        for step in (arrive_visit, start_visit, complete_visit):
            step(uow, work.actor, work.visit_id)
    firm.bill()
    assert end_deposits_of_done_work(firm.payments.factory) == 1
    assert end_deposits_of_done_work(firm.payments.factory) == 0
    assert (firm.standing(deposit).held, firm.standing(deposit).credit) == (0, 5_000)
    late = firm.asked(2_000, work_order_id=deposit.work_order_id)
    assert (firm.standing(late).owed, firm.standing(deposit).credit) == (0, 3_000)
    sound(firm)
