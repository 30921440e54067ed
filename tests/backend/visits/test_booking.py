"""Booking visits, and what changes when the promise does."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.parts.queries import unpacked_required
from backend.visits import actions, queries
from backend.visits.rules import (
    PlanOutsideWindow,
    TransitionRefused,
    WindowChanged,
    WindowInvalid,
    WorkOrderNotFound,
)
from schemas.errors import IdAlreadyUsed
from schemas.visits import Confirmation, VisitStatus, WorkOrderStatus
from tests.given import customers, dispatch, parts, visits
from tests.given.visits import MORNING, TWO_HOURS

TOMORROW = MORNING + timedelta(days=1)


def test_a_visit_with_a_window_is_offered_and_asks_for_confirmation(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    assert (visit.status, visit.confirmation, visit.window_version) == (
        VisitStatus.OFFERED,
        Confirmation.REQUESTED,
        1,
    )
    assert (visit.arrival_window_start, visit.arrival_window_end) == (MORNING, MORNING + TWO_HOURS)
    assert (visit.scheduled_start, visit.scheduled_end) == (MORNING, MORNING + timedelta(hours=1))
    assert visit.time_zone == "Europe/Berlin"


def test_a_visit_without_a_window_requires_a_slot(uow: UnitOfWork) -> None:
    visit = visits.a_visit_without_slot(uow)
    assert (visit.status, visit.confirmation, visit.window_version) == (
        VisitStatus.REQUIRES_SLOT,
        Confirmation.NONE,
        0,
    )
    assert visit.arrival_window_start is None
    assert visit.scheduled_start is None


def test_booking_schedules_the_work_order(uow: UnitOfWork) -> None:
    work_order = visits.a_work_order(uow)
    assert work_order.status is WorkOrderStatus.UNSCHEDULED
    visits.a_visit(uow, work_order_id=work_order.id)
    assert work_order.status is WorkOrderStatus.SCHEDULED


def test_a_visit_brings_the_checklist_of_its_kit(uow: UnitOfWork) -> None:
    work_type = visits.a_work_type(uow, kit_id=parts.a_kit(uow).id)
    visit = visits.a_visit(uow, work_order_id=visits.a_work_order(uow, work_type_id=work_type.id).id)
    assert {item.name for item in unpacked_required(uow.session, visit.id)} == {"Gasket 40 mm", "Pipe wrench"}


def test_the_visits_of_a_work_order_are_numbered(uow: UnitOfWork) -> None:
    work_order = visits.a_work_order(uow)
    numbers = [visits.a_visit_without_slot(uow, work_order_id=work_order.id).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_booking_twice_with_one_id_books_once(uow: UnitOfWork) -> None:
    visit_id, work_order = uow.mint_id(), visits.a_work_order(uow)
    first = visits.a_visit(uow, id=visit_id, work_order_id=work_order.id)
    assert visits.a_visit(uow, id=visit_id, work_order_id=work_order.id) is first
    assert queries.visit_statuses_of(uow.session, work_order.id) == [VisitStatus.OFFERED]


def test_booking_again_finds_the_visit_also_after_it_was_rescheduled(uow: UnitOfWork) -> None:
    visit_id, work_order = uow.mint_id(), visits.a_work_order(uow)
    visit = visits.a_visit(uow, id=visit_id, work_order_id=work_order.id)
    actions.reschedule_visit(uow, SYSTEM, visit_id, starts_at=TOMORROW, ends_at=TOMORROW + TWO_HOURS)
    assert visits.a_visit(uow, id=visit_id, work_order_id=work_order.id) is visit


def test_one_id_never_stands_for_two_bookings(uow: UnitOfWork) -> None:
    visit_id, work_order = uow.mint_id(), visits.a_work_order(uow)
    visits.a_visit(uow, id=visit_id, work_order_id=work_order.id)
    with pytest.raises(IdAlreadyUsed):
        visits.a_visit(
            uow, id=visit_id, work_order_id=work_order.id, starts_at=TOMORROW, ends_at=TOMORROW + TWO_HOURS
        )
    with pytest.raises(IdAlreadyUsed):
        visits.a_visit(uow, id=visit_id)


def test_a_visit_needs_a_work_order(uow: UnitOfWork) -> None:
    with pytest.raises(WorkOrderNotFound):
        visits.a_visit(uow, work_order_id=uow.mint_id())


def test_a_local_window_is_that_of_the_site_and_not_of_the_dispatcher(uow: UnitOfWork) -> None:
    site = customers.a_site(uow, latitude=27.7172, longitude=85.324, city="Kathmandu")
    work_order = visits.a_work_order(uow, site_id=site.id)
    visit = visits.a_visit(
        uow,
        work_order_id=work_order.id,
        local_date=date(2026, 3, 3),
        local_start=time(9),
        local_end=time(11),
    )
    assert visit.time_zone == "Asia/Kathmandu"
    assert visit.arrival_window_start == datetime(2026, 3, 3, 3, 15, tzinfo=UTC)


def test_a_local_time_that_the_sites_clock_skips_is_refused(uow: UnitOfWork) -> None:
    site = customers.a_site(uow, latitude=40.7128, longitude=-74.006, city="New York")
    with pytest.raises(WindowInvalid, match="America/New_York"):
        visits.a_visit(
            uow,
            work_order_id=visits.a_work_order(uow, site_id=site.id).id,
            local_date=date(2026, 3, 8),
            local_start=time(2, 30),
            local_end=time(5),
        )


def test_a_plan_lies_inside_the_promise(uow: UnitOfWork) -> None:
    late = MORNING + timedelta(minutes=90)
    assert visits.a_visit(uow, scheduled_start=late).scheduled_end == late + timedelta(hours=1)
    with pytest.raises(PlanOutsideWindow):
        visits.a_visit(uow, scheduled_start=MORNING - timedelta(minutes=1))


# --- another window ----------------------------------------------------------------------------


def test_another_window_is_another_version_that_nobody_has_confirmed(uow: UnitOfWork) -> None:
    visit = visits.a_confirmed_visit(uow)
    actions.reschedule_visit(uow, SYSTEM, visit.id, starts_at=TOMORROW, ends_at=TOMORROW + TWO_HOURS)
    assert (visit.window_version, visit.confirmation, visit.status) == (
        2,
        Confirmation.REQUESTED,
        VisitStatus.OFFERED,
    )
    assert visit.confirmed_window_version == 1
    with pytest.raises(WindowChanged):
        actions.confirm_visit(uow, SYSTEM, visit.id, window_version=1)
    actions.confirm_visit(uow, SYSTEM, visit.id, window_version=2)
    assert visit.status is VisitStatus.CONFIRMED


def test_the_same_window_again_disturbs_nobody(uow: UnitOfWork) -> None:
    visit = visits.a_confirmed_visit(uow)
    actions.reschedule_visit(uow, SYSTEM, visit.id, starts_at=MORNING, ends_at=MORNING + TWO_HOURS)
    assert (visit.window_version, visit.confirmation) == (1, Confirmation.CONFIRMED)


def test_of_two_dispatchers_the_second_learns_that_the_window_changed(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    window = {"starts_at": TOMORROW, "ends_at": TOMORROW + TWO_HOURS}
    actions.reschedule_visit(uow, SYSTEM, visit.id, **window, window_version=1)
    other = {"starts_at": TOMORROW + TWO_HOURS, "ends_at": TOMORROW + 2 * TWO_HOURS}
    with pytest.raises(WindowChanged):
        actions.reschedule_visit(uow, SYSTEM, visit.id, **other, window_version=1)


def test_a_visit_under_way_is_not_rescheduled(uow: UnitOfWork) -> None:
    technician = dispatch.a_technician(uow)
    visit = dispatch.a_dispatched_visit(uow, technician)
    actions.depart_visit(uow, dispatch.as_actor(technician), visit.id)
    with pytest.raises(TransitionRefused, match="at work on it"):
        actions.reschedule_visit(uow, SYSTEM, visit.id, starts_at=TOMORROW, ends_at=TOMORROW + TWO_HOURS)


# --- cancelling --------------------------------------------------------------------------------


def test_a_cancelled_visit_says_why_and_cancels_its_work_order(uow: UnitOfWork) -> None:
    visit = visits.a_visit(uow)
    actions.cancel_visit(uow, SYSTEM, visit.id, reason="The customer moved away.")
    assert (visit.status, visit.reason) == (VisitStatus.CANCELLED, "The customer moved away.")
    assert queries.work_order_by_id(uow.session, visit.work_order_id).status is WorkOrderStatus.CANCELLED
    actions.cancel_visit(uow, SYSTEM, visit.id, reason="Again.")
    assert visit.reason == "The customer moved away."


def test_a_finished_visit_is_not_cancelled(uow: UnitOfWork) -> None:
    technician = dispatch.a_technician(uow)
    visit = dispatch.a_dispatched_visit(uow, technician)
    actions.report_no_access(uow, dispatch.as_actor(technician), visit.id)
    with pytest.raises(TransitionRefused, match="it is over"):
        actions.cancel_visit(uow, SYSTEM, visit.id, reason="Too late.")


def test_a_cancelled_work_order_has_no_open_visit(uow: UnitOfWork) -> None:
    work_order = visits.a_work_order(uow)
    booked = [visits.a_visit(uow, work_order_id=work_order.id) for _ in range(2)]
    actions.cancel_work_order(uow, SYSTEM, work_order.id, reason="Replaced instead.")
    assert {visit.status for visit in booked} == {VisitStatus.CANCELLED}
    assert work_order.status is WorkOrderStatus.CANCELLED


def test_a_work_order_without_visits_can_be_cancelled_too(uow: UnitOfWork) -> None:
    work_order = visits.a_work_order(uow)
    actions.cancel_work_order(uow, SYSTEM, work_order.id, reason="A mistake.")
    assert work_order.status is WorkOrderStatus.CANCELLED
    assert queries.work_orders_that_contradict_their_visits(uow.session) == []
