"""What technicians report from the field, in order, late, twice, or on visits that are no longer theirs."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.models import Technician
from backend.requests.models import CaseTouch
from backend.visits import actions, queries
from backend.visits.models import Visit, VisitEvent, VisitNote
from backend.visits.rules import (
    ReasonMissing,
    TransitionRefused,
    TransitionTooEarly,
    VisitNotFound,
    WorkAfterRevocation,
)
from schemas.access import Role
from schemas.errors import PermissionRefused
from schemas.requests import Touch
from schemas.visits import VisitStatus, WorkOrderStatus
from sync.inbox import take_notes
from tests.given import access, dispatch, requests, visits

AT_NINE = datetime(2026, 3, 2, 9, 4, tzinfo=UTC)


@pytest.fixture
def technician(uow: UnitOfWork) -> Technician:
    return dispatch.a_technician(uow)


@pytest.fixture
def tove(technician: Technician) -> Actor:
    return dispatch.as_actor(technician)


@pytest.fixture
def visit(uow: UnitOfWork, technician: Technician) -> Visit:
    return dispatch.a_dispatched_visit(uow, technician)


def names_of_events(uow: UnitOfWork, visit: Visit) -> list[str]:
    statement = select(VisitEvent).where(VisitEvent.visit_id == visit.id)
    return [row.name for row in uow.session.scalars(statement.order_by(VisitEvent.created_at, VisitEvent.id))]


def test_a_day_in_the_field_leaves_every_time_and_every_event(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    steps = (actions.accept_visit, actions.depart_visit, actions.arrive_visit, actions.start_visit)
    for minutes, step in enumerate(steps):
        step(uow, tove, visit.id, occurred_at=AT_NINE + timedelta(minutes=minutes))
    actions.cannot_complete_visit(uow, tove, visit.id, reason="The part is wrong.")
    assert visit.status is VisitStatus.CANNOT_COMPLETE
    assert visit.accepted_at == AT_NINE
    assert visit.arrived_at == AT_NINE + timedelta(minutes=2)
    assert (visit.finished_at, visit.reason) == (uow.now, "The part is wrong.")
    assert set(names_of_events(uow, visit)) == {
        *("book", "confirm", "assign", "dispatch", "accept", "depart", "arrive", "start", "cannot_complete"),
    }


def test_an_event_keeps_both_clocks_the_place_and_the_hands(
    uow: UnitOfWork, visit: Visit, tove: Actor, technician: Technician
) -> None:
    actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE, latitude=52.5286, longitude=13.4105)
    event = uow.session.scalars(select(VisitEvent).where(VisitEvent.name == "arrive")).one()
    assert (event.occurred_at, event.created_at) == (AT_NINE, uow.now)
    assert (event.latitude, event.longitude) == (52.5286, 13.4105)
    assert (event.actor_id, event.technician_id) == (technician.id, technician.id)
    assert (event.from_status, event.to_status) == (VisitStatus.DISPATCHED, VisitStatus.ON_SITE)


def test_a_skipped_step_leaves_no_made_up_time(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE)
    assert (visit.accepted_at, visit.en_route_at, visit.arrived_at) == (None, None, AT_NINE)


def test_a_forgotten_step_that_comes_late_is_kept_and_moves_nothing(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE)
    actions.depart_visit(uow, tove, visit.id, occurred_at=AT_NINE - timedelta(minutes=20))
    assert (visit.status, visit.en_route_at) == (VisitStatus.ON_SITE, AT_NINE - timedelta(minutes=20))
    assert "depart" in names_of_events(uow, visit)


def test_a_second_phone_that_says_the_same_does_not_change_the_first_time(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE)
    actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE + timedelta(minutes=3))
    assert visit.arrived_at == AT_NINE
    assert names_of_events(uow, visit).count("arrive") == 2


def test_completing_before_arriving_is_too_early(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    with pytest.raises(TransitionTooEarly, match="report the arrival first"):
        actions.complete_visit(uow, tove, visit.id)


def test_a_visit_that_is_over_is_not_finished_in_another_way(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.report_no_access(uow, tove, visit.id)
    with pytest.raises(TransitionRefused):
        actions.cannot_complete_visit(uow, tove, visit.id, reason="After all.")


def test_no_access_wants_another_visit(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    actions.report_no_access(uow, tove, visit.id)
    work_order = queries.work_order_by_id(uow.session, visit.work_order_id)
    assert work_order.status is WorkOrderStatus.UNSCHEDULED
    visits.a_visit(uow, work_order_id=work_order.id)
    assert work_order.status is WorkOrderStatus.SCHEDULED


def test_work_that_is_left_undone_says_why(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    with pytest.raises(ReasonMissing):
        actions.cannot_complete_visit(uow, tove, visit.id)
    assert visit.status is VisitStatus.DISPATCHED


def test_a_visit_that_was_not_dispatched_is_not_accepted_yet(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    with pytest.raises(TransitionTooEarly, match="a dispatcher has to dispatch it first"):
        actions.accept_visit(uow, dispatch.as_actor(technician), visit.id)


# --- not his (any more) ------------------------------------------------------------------------


def test_a_visit_that_never_was_his_does_not_exist_for_a_technician(uow: UnitOfWork, visit: Visit) -> None:
    stranger = dispatch.as_actor(dispatch.a_technician(uow))
    for step in (actions.accept_visit, actions.arrive_visit, actions.report_no_access):
        with pytest.raises(VisitNotFound):
            step(uow, stranger, visit.id)
    with pytest.raises(VisitNotFound):
        queries.visit_for(uow.session, stranger, visit.id)
    with pytest.raises(VisitNotFound):
        actions.add_visit_note(uow, stranger, visit_id=visit.id, text="I was there.")


def test_work_on_a_visit_that_was_given_away_is_work_after_revocation(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    other = dispatch.a_technician(uow)
    dispatch.actions.move_visit(uow, SYSTEM, visit.id, technician_id=other.id)
    with pytest.raises(WorkAfterRevocation, match="given to somebody else"):
        actions.arrive_visit(uow, tove, visit.id, occurred_at=AT_NINE)
    assert visit.arrived_at is None
    with pytest.raises(VisitNotFound):
        queries.visit_for(uow.session, tove, visit.id)


def test_work_on_a_cancelled_visit_is_work_after_revocation(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.cancel_visit(uow, SYSTEM, visit.id, reason="Double.")
    with pytest.raises(WorkAfterRevocation, match="was cancelled"):
        actions.start_visit(uow, tove, visit.id)


def test_a_note_by_whoever_once_had_the_visit_is_kept_and_flagged(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.add_visit_note(uow, tove, visit_id=visit.id, text="The dog bites.")
    assert take_notes(uow) == []
    dispatch.actions.move_visit(uow, SYSTEM, visit.id, technician_id=dispatch.a_technician(uow).id)
    actions.add_visit_note(uow, tove, visit_id=visit.id, text="I have replaced the valve.")
    assert [note.code for note in take_notes(uow)] == ["work-after-revocation"]
    assert uow.session.scalar(select(func.count()).select_from(VisitNote)) == 2


def test_a_note_about_a_cancelled_visit_is_kept_and_flagged(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.cancel_visit(uow, SYSTEM, visit.id, reason="Double.")
    actions.add_visit_note(uow, tove, visit_id=visit.id, text="I was there at nine.")
    assert [note.code for note in take_notes(uow)] == ["work-after-revocation"]


def test_a_note_is_written_once_however_often_it_is_sent(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    note_id = uow.mint_id()
    for _ in range(2):
        actions.add_visit_note(uow, tove, note_id, visit_id=visit.id, text="Ring twice.")
    assert uow.session.scalar(select(func.count()).select_from(VisitNote)) == 1


# --- others ------------------------------------------------------------------------------------


def test_a_dispatcher_reports_for_a_technician_whose_phone_is_dead(uow: UnitOfWork, visit: Visit) -> None:
    dispatcher = access.an_actor(uow, Role.DISPATCHER)
    actions.arrive_visit(uow, dispatcher, visit.id)
    assert visit.status is VisitStatus.ON_SITE


@pytest.mark.parametrize("role", [Role.FINANCE, Role.CUSTOMER])
def test_nobody_else_reports_from_the_field(uow: UnitOfWork, visit: Visit, role: Role) -> None:
    with pytest.raises(PermissionRefused):
        actions.arrive_visit(uow, Actor(uow.mint_id(), role, PERMISSIONS[role]), visit.id)


def test_whoever_dispatches_or_works_has_touched_the_case(uow: UnitOfWork, technician: Technician) -> None:
    request = requests.a_service_request(uow)
    work_order = visits.a_work_order(uow, request_id=request.id, site_id=request.site_id)
    dispatcher = access.an_actor(uow, Role.DISPATCHER)
    visit = visits.a_visit(uow, work_order_id=work_order.id)
    dispatch.actions.assign_visit(uow, dispatcher, visit.id, technician_id=technician.id)
    dispatch.actions.dispatch_visit(uow, dispatcher, visit.id, override_reason="Urgent.")
    actions.accept_visit(uow, dispatch.as_actor(technician), visit.id)
    touches = uow.session.scalars(select(CaseTouch).where(CaseTouch.case_id == request.id))
    assert {(touch.user_id, touch.how) for touch in touches} >= {
        (dispatcher.user_id, Touch.DISPATCH),
        (technician.id, Touch.VISIT),
    }


def test_a_blocked_transition_says_why_it_is_blocked(uow: UnitOfWork, visit: Visit, tove: Actor) -> None:
    asked = {answer.name: answer for answer in actions.list_transitions(uow, tove, visit.id)}
    assert asked["accept"].allowed
    assert not asked["complete"].allowed
    assert "report the arrival first" in str(asked["complete"].reason)
    assert "assign" not in asked


def test_what_the_rooms_below_demand_is_told_before_it_is_tried(
    uow: UnitOfWork, visit: Visit, tove: Actor
) -> None:
    actions.arrive_visit(uow, tove, visit.id)
    asked = {answer.name: answer for answer in actions.list_transitions(uow, tove, visit.id)}
    assert not asked["complete"].allowed
    assert "report" in str(asked["complete"].reason)
    assert asked["cannot_complete"].allowed


def test_events_are_never_rewritten(uow: UnitOfWork, visit: Visit) -> None:
    event = queries.first_event_of(uow.session, visit.id)
    event.reason = "Something else"
    with pytest.raises(Exception, match=r"append_only_visit_events|never changed"):
        uow.flush()
