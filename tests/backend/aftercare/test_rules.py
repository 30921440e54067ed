"""When a callback is due and what may become of it."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.aftercare.rules import (
    CALLS_BEFORE_UNREACHABLE,
    TRANSITIONS,
    CallbackOutcomeImpossible,
    callback_due,
    check_outcome,
    verb_of_attempt,
)
from schemas.aftercare import CallbackOutcome, CallbackStatus
from schemas.visits import VisitStatus

FINISHED = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
DELAY = timedelta(days=3)


def test_a_customer_whose_thing_still_does_not_work_is_called_sooner() -> None:
    whole = callback_due(VisitStatus.COMPLETED, FINISHED, DELAY)
    partly = callback_due(VisitStatus.PARTIALLY_COMPLETED, FINISHED, DELAY)
    assert whole == FINISHED + DELAY
    assert (
        partly == callback_due(VisitStatus.CANNOT_COMPLETE, FINISHED, DELAY) == FINISHED + timedelta(days=1)
    )


def test_a_customer_who_saw_no_work_is_not_called() -> None:
    assert callback_due(VisitStatus.NO_ACCESS, FINISHED, DELAY) is None
    assert callback_due(VisitStatus.CANCELLED, FINISHED, DELAY) is None


def test_three_calls_in_vain_make_a_customer_unreachable() -> None:
    verbs = [verb_of_attempt(reached=False, attempts=n) for n in range(1, CALLS_BEFORE_UNREACHABLE + 1)]
    assert verbs == ["miss", "miss", "give-up"]
    assert verb_of_attempt(reached=True, attempts=9) == "reach"


def test_a_closed_callback_stays_closed() -> None:
    assert not [before for before, _ in TRANSITIONS if before is CallbackStatus.CLOSED]


def test_nobody_answers_for_a_customer_who_was_not_reached() -> None:
    check_outcome(CallbackStatus.REACHED, CallbackOutcome.DISSATISFIED)
    check_outcome(CallbackStatus.UNREACHABLE, CallbackOutcome.NO_ANSWER)
    with pytest.raises(CallbackOutcomeImpossible):
        check_outcome(CallbackStatus.UNREACHABLE, CallbackOutcome.SATISFIED)
    with pytest.raises(CallbackOutcomeImpossible):
        check_outcome(CallbackStatus.REACHED, CallbackOutcome.NO_ANSWER)
