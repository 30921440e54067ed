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
from backend.payments.providers.stub import Fault
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import AmountUnusable, ProviderUnavailable, RefundPending
from backend.payments.turns import LONGEST_PAUSE, Turns
from backend.visits.actions import cancel_work_order
from tests.backend.payments.test_finance import ask, paid_by_card
from tests.backend.payments.test_providers import few_at_once
from tests.backend.payments.world import Firm


def events(logs: list[Any]) -> list[str]:
    return [each["event"] for each in logs]


def test_a_provider_that_is_away_is_asked_for_one_of_its_refunds_in_a_round(lite_firm: Firm) -> None:
    for _ in range(3):
        ask(lite_firm, paid_by_card(lite_firm), 1_000)
    send = partial(
        send_refunds, lite_firm.payments.factory, lite_firm.payments.providers, Turns(LONGEST_PAUSE)
    )
    away = patch.object(lite_firm.stub, "refund", side_effect=ProviderUnavailable("It hangs."))
    with away as asked:
        for each in (1, 2):
            assert (send(), asked.call_count) == (0, each)
            lite_firm.clock.advance(seconds=2)
    lite_firm.clock.advance(minutes=10)
    assert send() == 3


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
