"""What cannot be done yet is tried after growing pauses, is said once, and keeps nothing else waiting."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

from structlog.testing import capture_logs

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.payments.billing import bill_what_was_approved, end_deposits_of_done_work
from backend.payments.deposits import end_deposits
from backend.payments.inbox import LONGEST_PAUSE as MESSAGES
from backend.payments.inbox import work_inbox
from backend.payments.providers import PaymentSeen
from backend.payments.providers.stub import Fault
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import (
    AmountUnusable,
    PaymentNotOurs,
    ProviderUnavailable,
    RefundPending,
)
from backend.payments.rules.money import Money
from backend.payments.turns import LONGEST_PAUSE, Turns
from backend.visits.actions import cancel_work_order
from tests.backend.payments.test_finance import ask, paid_by_card
from tests.backend.payments.test_providers import checkout_of, few_at_once, tell
from tests.backend.payments.world import Firm


def tell_of_payment(firm: Firm) -> str:
    """The name of the checkout that was paid and told of."""
    checkout_id = checkout_of(firm, firm.asked(1_000))
    tell(firm, firm.stub.pay(checkout_id, firm.clock()))
    return checkout_id


def events(logs: list[Any]) -> list[str]:
    return [each["event"] for each in logs]


def test_a_provider_that_is_away_is_asked_for_one_of_its_refunds_in_a_round_each_time_another(
    lite_firm: Firm,
) -> None:
    for _ in range(3):
        ask(lite_firm, paid_by_card(lite_firm), 1_000)
    send = partial(
        send_refunds, lite_firm.payments.factory, lite_firm.payments.providers, Turns(LONGEST_PAUSE)
    )
    away = patch.object(lite_firm.stub, "refund", side_effect=ProviderUnavailable("It hangs."))
    with away as asked:
        for each in (1, 2, 3):
            assert (send(), asked.call_count) == (0, each)
        assert len({call.kwargs["key"] for call in asked.call_args_list}) == 3
    lite_firm.clock.advance(minutes=10)
    assert send() == 3


def test_a_refund_for_which_alone_there_is_no_answer_keeps_no_other_waiting(lite_firm: Firm) -> None:
    refunds = [ask(lite_firm, paid_by_card(lite_firm), 1_000) for _ in range(3)]
    send = partial(
        send_refunds, lite_firm.payments.factory, lite_firm.payments.providers, Turns(LONGEST_PAUSE)
    )
    sent, stuck = lite_firm.stub.refund, str(refunds[0].id)

    def refund(payment_id: str, money: Money, *, key: str) -> bool:
        if key == stuck:
            raise ProviderUnavailable("It fails on this one.")
        return sent(payment_id, money, key=key)

    with patch.object(lite_firm.stub, "refund", side_effect=refund):
        assert [send(), send()] == [0, 2]
    lite_firm.clock.advance(minutes=10)
    assert send() == 1


def test_a_message_for_which_alone_there_is_no_answer_keeps_no_other_waiting(lite_firm: Firm) -> None:
    stuck, *_ = [tell_of_payment(lite_firm) for _ in range(3)]
    work = partial(work_inbox, lite_firm.payments.factory, lite_firm.payments.providers, Turns(MESSAGES))
    look_at = lite_firm.stub.look_at

    def look(checkout_id: str) -> PaymentSeen:
        if checkout_id == stuck:
            raise ProviderUnavailable("It fails on this one.")
        return look_at(checkout_id)

    with patch.object(lite_firm.stub, "look_at", side_effect=look):
        assert [work(), work()] == [0, 2]
    lite_firm.clock.advance(minutes=1)
    assert work() == 1


def test_a_message_of_another_shop_is_asked_about_once_a_minute(lite_firm: Firm) -> None:
    tell_of_payment(lite_firm)
    work = partial(work_inbox, lite_firm.payments.factory, lite_firm.payments.providers, Turns(MESSAGES))
    with patch.object(lite_firm.stub, "look_at", side_effect=PaymentNotOurs("It is another's.")) as asked:
        for _ in range(1_830):
            work()
            lite_firm.clock.advance(seconds=2)
    assert asked.call_count < 70, "it was settled after an hour, or is asked about too often"
    assert work() == 0


def test_a_clock_that_was_ahead_and_is_put_back_keeps_nothing_waiting(lite_firm: Firm) -> None:
    ask(lite_firm, paid_by_card(lite_firm), 1_000)
    turns = Turns(LONGEST_PAUSE)
    send = partial(send_refunds, lite_firm.payments.factory, lite_firm.payments.providers, turns)
    lite_firm.clock.advance(days=2)
    with patch.object(lite_firm.stub, "refund", side_effect=RefundPending("It thinks.")):
        assert send() == 0
        lite_firm.clock.advance(days=-2)
        with capture_logs() as logs:
            assert send() == 0
    assert events(logs) == ["refund.unknown"], "what was said in two days is not said yet"
    lite_firm.clock.advance(minutes=10)
    assert send() == 1


def test_a_work_order_that_is_opened_again_meanwhile_keeps_its_deposit(lite_firm: Firm) -> None:
    deposit = lite_firm.deposit(5_000)
    rounds = partial(end_deposits_of_done_work, lite_firm.payments.factory, Turns(LONGEST_PAUSE))
    was_over = patch(
        "backend.payments.billing.field_side.over_with_deposits", side_effect=[[deposit.work_order_id], []]
    )
    with was_over, capture_logs() as logs:
        rounds()
        lite_firm.clock.advance(minutes=10)
        assert rounds() == 0
    assert events(logs) == []
    assert lite_firm.standing(deposit).asked == 5_000


def test_a_refund_that_is_pending_keeps_no_other_and_is_asked_after_growing_pauses(lite_firm: Firm) -> None:
    for _ in range(2):
        ask(lite_firm, paid_by_card(lite_firm), 1_000)
    send = partial(
        send_refunds, lite_firm.payments.factory, lite_firm.payments.providers, Turns(LONGEST_PAUSE)
    )
    lite_firm.stub.fault(Fault.REFUND_PENDS)
    with capture_logs() as logs:
        assert send() == 1, "the other one"
        with patch.object(lite_firm.stub, "refund", side_effect=RefundPending("It thinks.")) as asked:
            for _ in range(60):
                lite_firm.clock.advance(seconds=2)
                send()
    assert asked.call_count == 5, "after 2, 4, 8, 16 and 32 seconds"
    assert events(logs) == ["refund.unknown"]
    lite_firm.clock.advance(minutes=10)
    assert send() == 1


def test_a_report_that_cannot_be_billed_is_said_once_an_hour_and_when_the_reason_changes(
    lite_firm: Firm,
) -> None:
    lite_firm.signed_report(("Labour", 500))
    bill = partial(
        bill_what_was_approved, lite_firm.payments.factory, lite_firm.payments.terms, Turns(LONGEST_PAUSE)
    )

    def said(failure: Exception, minutes: int) -> tuple[list[str], int]:
        """What is logged while it is looked at every ten seconds, and how often it is tried."""
        with capture_logs() as logs, patch("backend.payments.billing.bill", side_effect=failure) as tried:
            for _ in range(6 * minutes):
                bill()
                lite_firm.clock.advance(seconds=10)
        return events(logs), tried.call_count

    lines, tries = said(AmountUnusable("Nobody owes this much."), 59)
    assert lines == ["billing.refused"]
    assert tries < 20, tries
    assert said(AmountUnusable("Nobody owes this much."), 11)[0] == ["billing.refused"]
    assert said(AmountUnusable("This is below nothing."), 11)[0] == ["billing.refused"]
    assert said(KeyError("nobody foresaw"), 11)[0] == ["billing.stalled"]
    lite_firm.clock.advance(minutes=10)
    assert bill() == 1


def test_deposits_that_cannot_be_ended_keep_no_later_one_from_being_the_customers(lite_firm: Firm) -> None:
    """With room for two a round, and two in the way."""
    deposits = sorted((lite_firm.deposit(5_000) for _ in range(3)), key=lambda each: each.work_order_id)
    with lite_firm.field.begin() as uow:
        for each in deposits:
            cancel_work_order(uow, SYSTEM, each.work_order_id, reason="Moved away.")
    stuck = {each.work_order_id for each in deposits[:2]}

    def end(uow: UnitOfWork, work_order_id: UUID, *rest: Any) -> None:
        if work_order_id in stuck:
            raise KeyError("nobody foresaw")
        end_deposits(uow, work_order_id, *rest)

    rounds = partial(end_deposits_of_done_work, lite_firm.payments.factory, Turns(LONGEST_PAUSE))
    with few_at_once(2, again=1), capture_logs() as logs:
        with patch("backend.payments.billing.end_deposits", end):
            assert [rounds(), rounds()] == [0, 1]
        assert lite_firm.standing(deposits[2]).asked == 0
        assert events(logs) == ["deposits.stalled"] * 2
        lite_firm.clock.advance(minutes=10)
        assert [rounds(), rounds(), rounds()] == [1, 1, 0]
