"""Putting visits into technicians' hands: who may have one, who may not, and why."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from backend.access.actions import disable_user
from backend.access.permissions import SYSTEM
from backend.db.integrity import constraint_name
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions
from backend.dispatch.models import Technician
from backend.dispatch.rules import TechnicianNotFound, TechnicianUnfit, VisitHeldByAnother, VisitUnassigned
from backend.parts.actions import tick_checklist_item
from backend.parts.queries import unpacked_required
from backend.visits import queries
from backend.visits.actions import (
    cancel_visit,
    depart_visit,
    list_transitions,
    report_no_access,
    reschedule_visit,
    start_visit,
)
from backend.visits.models import Visit
from backend.visits.rules import (
    DispatchRefused,
    PlanOutsideWindow,
    TransitionRefused,
    VisitWindowTaken,
)
from schemas.dispatch import ShiftKind
from schemas.visits import VisitStatus
from tests.given import dispatch, parts, visits
from tests.given.visits import MORNING, TWO_HOURS

HOUR = timedelta(hours=1)


@pytest.fixture
def technician(uow: UnitOfWork) -> Technician:
    return dispatch.a_technician(uow)


def a_visit_with_kit(uow: UnitOfWork) -> Visit:
    work_type = visits.a_work_type(uow, kit_id=parts.a_kit(uow).id)
    return visits.a_confirmed_visit(uow, work_order_id=visits.a_work_order(uow, work_type_id=work_type.id).id)


def pack(uow: UnitOfWork, visit: Visit) -> None:
    for item in unpacked_required(uow.session, visit.id):
        tick_checklist_item(uow, SYSTEM, item.id, packed=True)


def test_an_assigned_visit_is_in_one_pair_of_hands(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    assert (visit.technician_id, visit.status) == (technician.id, VisitStatus.CONFIRMED)
    (assignment,) = queries.assignments_of(uow.session, visit.id)
    assert (assignment.technician_id, assignment.assigned_from, assignment.assigned_until) == (
        technician.id,
        uow.now,
        None,
    )


def test_assigning_twice_is_assigning_once(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    revision = visit.revision
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    assert visit.revision == revision


def test_a_visit_that_somebody_has_is_moved_and_not_assigned(uow: UnitOfWork) -> None:
    visit = dispatch.an_assigned_visit(uow)
    with pytest.raises(VisitHeldByAnother, match="move it"):
        actions.assign_visit(uow, SYSTEM, visit.id, technician_id=dispatch.a_technician(uow).id)


def test_a_visit_without_a_slot_is_not_assigned(uow: UnitOfWork, technician: Technician) -> None:
    visit = visits.a_visit_without_slot(uow)
    with pytest.raises(PlanOutsideWindow, match="no arrival window yet"):
        actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)


def test_nobody_is_assigned_who_does_not_exist(uow: UnitOfWork) -> None:
    with pytest.raises(TechnicianNotFound):
        actions.assign_visit(uow, SYSTEM, visits.a_confirmed_visit(uow).id, technician_id=uow.mint_id())


@pytest.mark.parametrize(("level", "fit"), [(3, True), (2, True), (1, False), (0, False)])
def test_a_technician_needs_every_skill_at_its_level(uow: UnitOfWork, level: int, fit: bool) -> None:
    gas, other = visits.a_skill(uow), visits.a_skill(uow)
    needed = [{"skill_id": gas.id, "level": 2}, {"skill_id": other.id, "level": 1}]
    work_type = visits.a_work_type(uow, skills=needed)
    visit = visits.a_confirmed_visit(
        uow, work_order_id=visits.a_work_order(uow, work_type_id=work_type.id).id
    )
    has = [{"skill_id": other.id, "level": 5}] + ([{"skill_id": gas.id, "level": level}] if level else [])
    technician = dispatch.a_technician(uow, skills=has)
    if fit:
        assert actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id).technician_id
        return
    with pytest.raises(TechnicianUnfit, match="lacks a skill"):
        actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)


def a_shift(
    uow: UnitOfWork, technician: Technician, start: int, end: int, kind: ShiftKind = ShiftKind.WORK
) -> None:
    """A shift from `start` to `end` minutes after the start of the usual window."""
    actions.create_shift(
        uow,
        SYSTEM,
        technician_id=technician.id,
        starts_at=MORNING + timedelta(minutes=start),
        ends_at=MORNING + timedelta(minutes=end),
        kind=kind,
    )


@pytest.mark.parametrize(
    ("shifts", "there"),
    [
        ([(-60, 120)], True),
        ([(0, 60)], True),
        ([(-60, 30), (30, 120)], True),
        ([(-60, 40), (20, 120)], True),
        ([(-60, 30), (31, 120)], False),
        ([(-60, 30)], False),
        ([(1, 120)], False),
        ([(-60, 59)], False),
        ([], False),
    ],
)
def test_shifts_cover_the_whole_visit_and_not_only_its_start(
    uow: UnitOfWork, shifts: list[tuple[int, int]], there: bool
) -> None:
    technician = dispatch.a_technician(uow, on_shift=False)
    for start, end in shifts:
        a_shift(uow, technician, start, end)
    visit = visits.a_confirmed_visit(uow)
    if there:
        assert actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id).technician_id
        return
    with pytest.raises(TechnicianUnfit, match="has no shift for the whole time"):
        actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)


def test_a_colleague_whose_shift_goes_on_does_not_close_the_gap(uow: UnitOfWork) -> None:
    technician, colleague = (dispatch.a_technician(uow, on_shift=False) for _ in range(2))
    a_shift(uow, technician, -60, 30)
    a_shift(uow, colleague, 0, 120)
    with pytest.raises(TechnicianUnfit, match="has no shift for the whole time"):
        dispatch.an_assigned_visit(uow, technician)


@pytest.mark.parametrize(("start", "end"), [(30, 45), (-600, 1), (59, 600), (0, 60), (-600, 600)])
def test_a_leave_that_touches_any_part_of_the_visit_stands_in_the_way(
    uow: UnitOfWork, technician: Technician, start: int, end: int
) -> None:
    a_shift(uow, technician, start, end, ShiftKind.LEAVE)
    with pytest.raises(TechnicianUnfit, match="on leave"):
        actions.assign_visit(uow, SYSTEM, visits.a_confirmed_visit(uow).id, technician_id=technician.id)


@pytest.mark.parametrize(("start", "end"), [(-600, 0), (60, 600)])
def test_a_leave_before_or_after_the_visit_does_not(
    uow: UnitOfWork, technician: Technician, start: int, end: int
) -> None:
    a_shift(uow, technician, start, end, ShiftKind.LEAVE)
    assert dispatch.an_assigned_visit(uow, technician).technician_id == technician.id


def test_somebody_who_does_not_work_for_us_at_present_gets_no_visit(
    uow: UnitOfWork, technician: Technician
) -> None:
    actions.edit_technician(uow, SYSTEM, technician.id, active=False)
    with pytest.raises(TechnicianUnfit, match="does not work for us"):
        dispatch.an_assigned_visit(uow, technician)


def test_somebody_whose_user_is_disabled_gets_no_visit(uow: UnitOfWork, technician: Technician) -> None:
    disable_user(uow, SYSTEM, technician.id)
    with pytest.raises(TechnicianUnfit, match="does not work for us"):
        dispatch.an_assigned_visit(uow, technician)


# --- no two visits at one time
# --------------------------------------------------------------------------------


def test_two_visits_of_one_technician_never_overlap(uow: UnitOfWork, technician: Technician) -> None:
    dispatch.an_assigned_visit(uow, technician)
    with pytest.raises(VisitWindowTaken):
        dispatch.an_assigned_visit(uow, technician, scheduled_start=MORNING + timedelta(minutes=59))


def test_one_visit_may_begin_when_the_other_ends(uow: UnitOfWork, technician: Technician) -> None:
    dispatch.an_assigned_visit(uow, technician)
    assert dispatch.an_assigned_visit(uow, technician, scheduled_start=MORNING + HOUR)


def test_the_database_itself_refuses_an_overlap(uow: UnitOfWork, technician: Technician) -> None:
    dispatch.an_assigned_visit(uow, technician)
    second = dispatch.an_assigned_visit(uow, technician, scheduled_start=MORNING + HOUR)
    second.scheduled_start = MORNING + timedelta(minutes=30)
    with pytest.raises(IntegrityError) as caught:
        uow.flush()
    assert constraint_name(caught.value) == "ex_visits_technician_overlap"


def test_the_database_refuses_to_bring_an_overlapping_visit_back_to_life(
    uow: UnitOfWork, technician: Technician
) -> None:
    first = dispatch.an_assigned_visit(uow, technician)
    cancel_visit(uow, SYSTEM, first.id, reason="Ill.")
    dispatch.an_assigned_visit(uow, technician)
    first.status = VisitStatus.CONFIRMED
    with pytest.raises(IntegrityError):
        uow.flush()


def test_whoever_is_done_early_or_whose_visit_was_cancelled_is_free(
    uow: UnitOfWork, technician: Technician
) -> None:
    over = dispatch.a_dispatched_visit(uow, technician)
    report_no_access(uow, dispatch.as_actor(technician), over.id)
    cancelled = dispatch.an_assigned_visit(uow, technician)
    cancel_visit(uow, SYSTEM, cancelled.id, reason="Ill.")
    assert dispatch.an_assigned_visit(uow, technician).technician_id == technician.id


def test_the_plan_moves_inside_the_window_without_disturbing_the_customer(
    uow: UnitOfWork, technician: Technician
) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    actions.plan_visit(uow, SYSTEM, visit.id, scheduled_start=MORNING + HOUR)
    assert (visit.scheduled_start, visit.scheduled_end) == (MORNING + HOUR, MORNING + 2 * HOUR)
    assert (visit.window_version, visit.status) == (1, VisitStatus.CONFIRMED)
    with pytest.raises(PlanOutsideWindow, match="reschedule"):
        actions.plan_visit(uow, SYSTEM, visit.id, scheduled_start=MORNING + TWO_HOURS + HOUR)


def test_the_plan_does_not_move_onto_another_visit(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    dispatch.an_assigned_visit(uow, technician, scheduled_start=MORNING + HOUR)
    with pytest.raises(VisitWindowTaken):
        actions.plan_visit(uow, SYSTEM, visit.id, scheduled_start=MORNING + timedelta(minutes=1))


# --- moving
# ---------------------------------------------------------------------------------------------------


def test_a_moved_visit_is_packed_and_dispatched_anew(uow: UnitOfWork, technician: Technician) -> None:
    visit = a_visit_with_kit(uow)
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    pack(uow, visit)
    actions.dispatch_visit(uow, SYSTEM, visit.id)
    other = dispatch.a_technician(uow)
    actions.move_visit(uow, SYSTEM, visit.id, technician_id=other.id)
    assert (visit.technician_id, visit.status, visit.dispatched_at) == (other.id, VisitStatus.CONFIRMED, None)
    with pytest.raises(DispatchRefused):
        actions.dispatch_visit(uow, SYSTEM, visit.id)
    pack(uow, visit)
    assert actions.dispatch_visit(uow, SYSTEM, visit.id).status is VisitStatus.DISPATCHED
    history = [
        (row.technician_id, row.assigned_until) for row in queries.assignments_of(uow.session, visit.id)
    ]
    assert sorted(history, key=str) == sorted([(technician.id, uow.now), (other.id, None)], key=str)


def test_a_move_starts_from_who_has_the_visit(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.an_assigned_visit(uow, technician)
    first, second = dispatch.a_technician(uow), dispatch.a_technician(uow)
    actions.move_visit(uow, SYSTEM, visit.id, technician_id=first.id, from_technician_id=technician.id)
    with pytest.raises(VisitHeldByAnother):
        actions.move_visit(uow, SYSTEM, visit.id, technician_id=second.id, from_technician_id=technician.id)
    assert visit.technician_id == first.id


def test_moving_twice_is_moving_once(uow: UnitOfWork, technician: Technician) -> None:
    visit, other = dispatch.an_assigned_visit(uow, technician), dispatch.a_technician(uow)
    for _ in range(2):
        actions.move_visit(uow, SYSTEM, visit.id, technician_id=other.id)
    assert len(queries.assignments_of(uow.session, visit.id)) == 2


def test_a_visit_is_not_moved_to_somebody_who_is_busy_nor_from_nobody(
    uow: UnitOfWork, technician: Technician
) -> None:
    busy = dispatch.a_technician(uow)
    dispatch.an_assigned_visit(uow, busy)
    visit = dispatch.an_assigned_visit(uow, technician)
    with pytest.raises(VisitWindowTaken):
        actions.move_visit(uow, SYSTEM, visit.id, technician_id=busy.id)
    with pytest.raises(VisitUnassigned):
        actions.move_visit(uow, SYSTEM, visits.a_confirmed_visit(uow).id, technician_id=technician.id)


def test_a_visit_on_its_way_can_be_moved_but_not_one_at_work(uow: UnitOfWork, technician: Technician) -> None:
    tove = dispatch.as_actor(technician)
    visit = dispatch.a_dispatched_visit(uow, technician)
    depart_visit(uow, tove, visit.id)
    other = dispatch.a_technician(uow)
    actions.move_visit(uow, SYSTEM, visit.id, technician_id=other.id)
    assert visit.en_route_at is None
    actions.dispatch_visit(uow, SYSTEM, visit.id, override_reason="The van is there.")
    start_visit(uow, dispatch.as_actor(other), visit.id)
    with pytest.raises(TransitionRefused):
        actions.move_visit(uow, SYSTEM, visit.id, technician_id=technician.id)


def test_taking_a_visit_back_leaves_the_promise(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.a_dispatched_visit(uow, technician)
    for _ in range(2):
        actions.unassign_visit(uow, SYSTEM, visit.id, reason="Ill.")
    assert (visit.technician_id, visit.status, visit.window_version) == (None, VisitStatus.CONFIRMED, 1)
    assert visit.arrival_window_start == MORNING


# --- the gate
# -------------------------------------------------------------------------------------------------


def test_a_visit_does_not_go_out_while_a_required_line_is_not_packed(
    uow: UnitOfWork, technician: Technician
) -> None:
    visit = a_visit_with_kit(uow)
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    with pytest.raises(DispatchRefused) as caught:
        actions.dispatch_visit(uow, SYSTEM, visit.id)
    unpacked = caught.value.extensions["unpacked"]
    assert isinstance(unpacked, list)
    assert {line["name"] for line in unpacked if isinstance(line, dict)} == {"Gasket 40 mm", "Pipe wrench"}
    assert visit.status is VisitStatus.CONFIRMED
    pack(uow, visit)
    actions.dispatch_visit(uow, SYSTEM, visit.id)
    assert (visit.status, visit.dispatched_at, visit.dispatch_override_reason) == (
        VisitStatus.DISPATCHED,
        uow.now,
        None,
    )


def test_an_override_goes_out_and_stays_on_record(uow: UnitOfWork, technician: Technician) -> None:
    visit = a_visit_with_kit(uow)
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    actions.dispatch_visit(uow, SYSTEM, visit.id, override_reason="He has his own gaskets.")
    assert visit.dispatch_override_reason == "He has his own gaskets."


def test_an_unconfirmed_visit_does_not_go_out_by_itself(uow: UnitOfWork, technician: Technician) -> None:
    visit = visits.a_visit(uow)
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    with pytest.raises(DispatchRefused, match="has not confirmed"):
        actions.dispatch_visit(uow, SYSTEM, visit.id)


def test_no_reason_sends_a_visit_out_without_a_technician(uow: UnitOfWork) -> None:
    with pytest.raises(DispatchRefused, match="assign one"):
        actions.dispatch_visit(uow, SYSTEM, visits.a_confirmed_visit(uow).id, override_reason="Urgent.")


def test_what_blocks_the_gate_is_told_before_it_is_tried(uow: UnitOfWork, technician: Technician) -> None:
    visit = a_visit_with_kit(uow)
    actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)
    asked = {answer.name: answer for answer in list_transitions(uow, SYSTEM, visit.id)}
    assert not asked["dispatch"].allowed
    assert "not packed yet: Gasket 40 mm, Pipe wrench" in str(asked["dispatch"].reason)


def test_a_rescheduled_visit_is_dispatched_anew(uow: UnitOfWork, technician: Technician) -> None:
    visit = dispatch.a_dispatched_visit(uow, technician)
    later = MORNING + timedelta(days=1)
    reschedule_visit(uow, SYSTEM, visit.id, starts_at=later, ends_at=later + TWO_HOURS)
    assert (visit.status, visit.dispatched_at, visit.technician_id) == (
        VisitStatus.OFFERED,
        None,
        technician.id,
    )
