"""The state machine of a visit and the status of a work order, as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.visits.rules import (
    ENDED,
    FIELD_WORK,
    OPEN,
    STAMPS,
    TRANSITIONS,
    Transition,
    TransitionRefused,
    TransitionTooEarly,
    comes_late,
    derive_status,
    next_status,
    refusal,
)
from backend.visits.rules.states import COMES_LATE, LAST_VISIT_MEANS, OPEN_VISIT_MEANS
from schemas.errors import ErrorKind
from schemas.visits import Confirmation, VisitStatus, WorkOrderStatus

statuses = st.sampled_from(VisitStatus)
transitions = st.sampled_from(Transition)
answers = st.sampled_from(Confirmation)

THE_DAY = (
    (Transition.OFFER_WINDOWS, VisitStatus.OFFERED),
    (Transition.CONFIRM, VisitStatus.CONFIRMED),
    (Transition.ASSIGN, VisitStatus.CONFIRMED),
    (Transition.DISPATCH, VisitStatus.DISPATCHED),
    (Transition.ACCEPT, VisitStatus.ACCEPTED),
    (Transition.DEPART, VisitStatus.EN_ROUTE),
    (Transition.ARRIVE, VisitStatus.ON_SITE),
    (Transition.START, VisitStatus.IN_PROGRESS),
    (Transition.COMPLETE, VisitStatus.COMPLETED),
)


def test_a_visit_goes_from_no_slot_to_completed_in_the_order_of_the_day() -> None:
    status = VisitStatus.REQUIRES_SLOT
    for transition, expected in THE_DAY:
        status = next_status(transition, status, Confirmation.CONFIRMED)
        assert status is expected


def test_every_transition_has_a_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Transition)
    assert all(TRANSITIONS[transition] for transition in Transition)


def test_nothing_leads_out_of_an_ended_visit() -> None:
    assert not [t for t in Transition if ENDED & TRANSITIONS[t].keys()]


@pytest.mark.parametrize("start", sorted(OPEN))
def test_every_open_visit_can_still_end(start: VisitStatus) -> None:
    reached, frontier = {start}, {start}
    while frontier:
        frontier = {t[s] for t in TRANSITIONS.values() for s in frontier if s in t} - reached
        reached |= frontier
    assert reached & ENDED


@pytest.mark.parametrize("end", sorted(VisitStatus))
def test_every_status_can_be_reached_from_a_new_visit(end: VisitStatus) -> None:
    reached = {VisitStatus.REQUIRES_SLOT}
    for _ in VisitStatus:
        reached |= {
            after for row in TRANSITIONS.values() for before, after in row.items() if before in reached
        }
    assert end in reached


@given(transitions, statuses, answers)
def test_a_step_that_is_not_in_the_table_is_refused_with_a_reason(
    transition: Transition, status: VisitStatus, confirmation: Confirmation
) -> None:
    if status in TRANSITIONS[transition]:
        assert next_status(transition, status, confirmation) in VisitStatus
        return
    with pytest.raises(TransitionRefused) as caught:
        next_status(transition, status, confirmation)
    assert caught.value.detail.endswith(".")
    assert caught.value.extensions == {"transition": transition.value, "status": status.value}


@given(st.lists(st.tuples(transitions, answers), max_size=30))
def test_no_history_calls_an_unconfirmed_window_confirmed(
    history: list[tuple[Transition, Confirmation]],
) -> None:
    status = VisitStatus.REQUIRES_SLOT
    for transition, confirmation in history:
        if status in TRANSITIONS[transition]:
            status = next_status(transition, status, confirmation)
            assert status is not VisitStatus.CONFIRMED or confirmation is Confirmation.CONFIRMED


@pytest.mark.parametrize(
    ("transition", "skipped"),
    [
        (Transition.DEPART, VisitStatus.DISPATCHED),
        (Transition.ARRIVE, VisitStatus.ACCEPTED),
        (Transition.ARRIVE, VisitStatus.DISPATCHED),
        (Transition.START, VisitStatus.EN_ROUTE),
        (Transition.COMPLETE, VisitStatus.ON_SITE),
        (Transition.REPORT_NO_ACCESS, VisitStatus.ACCEPTED),
    ],
)
def test_a_step_forgotten_in_the_field_does_not_block_the_next(
    transition: Transition, skipped: VisitStatus
) -> None:
    assert skipped in TRANSITIONS[transition]


def test_nobody_completes_a_visit_that_nobody_was_seen_to_reach() -> None:
    for status in (VisitStatus.DISPATCHED, VisitStatus.ACCEPTED, VisitStatus.EN_ROUTE):
        assert isinstance(refusal(Transition.COMPLETE, status), TransitionTooEarly)


@given(st.sampled_from(sorted(FIELD_WORK)), statuses)
def test_field_work_that_is_too_early_may_come_true_and_work_that_is_too_late_may_not(
    transition: Transition, status: VisitStatus
) -> None:
    if status in TRANSITIONS[transition] or comes_late(transition, status):
        return
    kind = refusal(transition, status).kind
    assert (kind is ErrorKind.UNMET) == (
        status in {VisitStatus.REQUIRES_SLOT, VisitStatus.OFFERED, VisitStatus.CONFIRMED}
        or (transition in {Transition.COMPLETE, Transition.COMPLETE_PARTIALLY} and status in OPEN)
    )


@given(transitions, statuses)
def test_a_late_report_never_is_a_step_that_would_move_the_visit(
    transition: Transition, status: VisitStatus
) -> None:
    assert not (comes_late(transition, status) and status in TRANSITIONS[transition])


def test_only_field_work_comes_late_and_all_of_it_leaves_a_time() -> None:
    assert set(COMES_LATE) == FIELD_WORK == set(STAMPS)


def test_a_report_said_twice_is_late_and_not_refused() -> None:
    for transition in FIELD_WORK:
        for target in set(TRANSITIONS[transition].values()):
            assert comes_late(transition, target)


# --- work orders -------------------------------------------------------------------------------

S, W = VisitStatus, WorkOrderStatus


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([], W.UNSCHEDULED),
        ([S.REQUIRES_SLOT], W.UNSCHEDULED),
        ([S.OFFERED], W.SCHEDULED),
        ([S.DISPATCHED], W.SCHEDULED),
        ([S.EN_ROUTE], W.IN_PROGRESS),
        ([S.COMPLETED], W.COMPLETED),
        ([S.CANNOT_COMPLETE], W.CANNOT_COMPLETE),
        ([S.NO_ACCESS], W.UNSCHEDULED),
        ([S.PARTIALLY_COMPLETED], W.UNSCHEDULED),
        ([S.PARTIALLY_COMPLETED, S.CONFIRMED], W.SCHEDULED),
        ([S.PARTIALLY_COMPLETED, S.COMPLETED], W.COMPLETED),
        ([S.COMPLETED, S.PARTIALLY_COMPLETED], W.UNSCHEDULED),
        ([S.CANNOT_COMPLETE, S.COMPLETED], W.COMPLETED),
        ([S.CANCELLED], W.CANCELLED),
        ([S.CANCELLED, S.CANCELLED], W.CANCELLED),
        ([S.COMPLETED, S.CANCELLED], W.COMPLETED),
        ([S.CANCELLED, S.REQUIRES_SLOT], W.UNSCHEDULED),
        ([S.COMPLETED, S.OFFERED], W.SCHEDULED),
    ],
)
def test_a_work_order_is_what_its_visits_make_of_it(
    visits: list[VisitStatus], expected: WorkOrderStatus
) -> None:
    assert derive_status(visits) is expected


def test_every_status_of_a_visit_means_something_to_its_work_order() -> None:
    assert set(OPEN_VISIT_MEANS) == OPEN
    assert set(LAST_VISIT_MEANS) == ENDED


@given(st.lists(statuses, max_size=6))
def test_a_cancelled_visit_changes_nothing_beside_another_one(visits: list[VisitStatus]) -> None:
    others = [status for status in visits if status is not S.CANCELLED]
    if others:
        assert derive_status(visits) is derive_status(others)


@given(st.lists(st.sampled_from(sorted(OPEN)), min_size=1, max_size=6), st.randoms())
def test_of_open_visits_the_most_advanced_speaks_whatever_their_order(
    visits: list[VisitStatus], random
) -> None:
    shuffled = random.sample(visits, len(visits))
    assert derive_status(visits) is derive_status(shuffled)
