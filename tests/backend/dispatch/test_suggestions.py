"""Who could go to a visit: the nearest qualified, free technicians, the same on both engines."""

from datetime import date, datetime, timedelta

import pytest

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions, queries
from backend.dispatch.board import board_of
from backend.visits.models import Visit
from backend.visits.rules import PlanOutsideWindow
from schemas.dispatch import ShiftKind
from tests.given import customers, dispatch, visits
from tests.given.visits import MORNING

TORSTRASSE = (52.5286, 13.4105)
POTSDAM = (52.3906, 13.0645)
HAMBURG = (53.5511, 9.9937)
MITTE = [
    {"latitude": 52.50, "longitude": 13.35},
    {"latitude": 52.50, "longitude": 13.45},
    {"latitude": 52.55, "longitude": 13.45},
    {"latitude": 52.55, "longitude": 13.35},
]


def living_in(uow: UnitOfWork, name: str, place: tuple[float, float] | None, **over: object):
    latitude, longitude = place or (None, None)
    return dispatch.a_technician(
        uow, display_name=name, home_latitude=latitude, home_longitude=longitude, **over
    )


def suggested(uow: UnitOfWork, visit: Visit) -> list[str]:
    return [one.display_name for one in actions.suggest_technicians(uow, SYSTEM, visit.id).suggestions]


def test_the_nearest_comes_first_and_a_home_that_nobody_knows_last(uow: UnitOfWork) -> None:
    living_in(uow, "Nobody knows", None)
    living_in(uow, "Hamburg", HAMBURG)
    living_in(uow, "Torstraße", TORSTRASSE)
    living_in(uow, "Potsdam", POTSDAM)
    assert suggested(uow, visits.a_visit(uow)) == ["Torstraße", "Potsdam", "Hamburg", "Nobody knows"]


def test_distances_are_metres_along_the_earth(uow: UnitOfWork) -> None:
    living_in(uow, "Potsdam", POTSDAM)
    living_in(uow, "Hamburg", HAMBURG)
    found = actions.suggest_technicians(uow, SYSTEM, visits.a_visit(uow).id).suggestions
    metres = {one.display_name: one.distance_metres for one in found}
    # GeographicLib's GeodSolve on WGS 84, to the metre.
    assert metres == {"Potsdam": pytest.approx(28_033, abs=60), "Hamburg": pytest.approx(255_000, abs=2_000)}


def test_a_territory_comes_before_a_short_way(uow: UnitOfWork) -> None:
    living_in(uow, "Next door", TORSTRASSE)
    living_in(uow, "Their own area", POTSDAM, territory=MITTE)
    assert suggested(uow, visits.a_visit(uow)) == ["Their own area", "Next door"]


def test_a_site_without_a_place_is_nobodys_territory_and_has_no_distance(uow: UnitOfWork) -> None:
    living_in(uow, "Their own area", TORSTRASSE, territory=MITTE)
    site = customers.a_site(uow, latitude=None, longitude=None, time_zone="Europe/Berlin")
    visit = visits.a_visit(uow, work_order_id=visits.a_work_order(uow, site_id=site.id).id)
    (found,) = actions.suggest_technicians(uow, SYSTEM, visit.id).suggestions
    assert (found.in_territory, found.distance_metres) == (False, None)


def test_whoever_cannot_go_is_named_with_every_reason(uow: UnitOfWork) -> None:
    skill = visits.a_skill(uow)
    work_type = visits.a_work_type(uow, skills=[{"skill_id": skill.id, "level": 2}])
    visit = visits.a_visit(uow, work_order_id=visits.a_work_order(uow, work_type_id=work_type.id).id)
    master = [{"skill_id": skill.id, "level": 5}]
    living_in(uow, "Unskilled, off duty", POTSDAM, on_shift=False)
    busy = living_in(uow, "Busy", TORSTRASSE, skills=master)
    dispatch.an_assigned_visit(uow, busy)
    away = living_in(uow, "Away", HAMBURG, skills=master)
    actions.create_shift(
        uow,
        SYSTEM,
        technician_id=away.id,
        starts_at=MORNING + timedelta(minutes=50),
        ends_at=MORNING + timedelta(hours=9),
        kind=ShiftKind.LEAVE,
    )
    gone = living_in(uow, "Gone", TORSTRASSE, skills=master)
    actions.edit_technician(uow, SYSTEM, gone.id, active=False)
    found = actions.suggest_technicians(uow, SYSTEM, visit.id)
    assert found.suggestions == []
    assert {one.display_name: one.reasons for one in found.unfit} == {
        "Busy": ["has another visit at that time"],
        "Unskilled, off duty": ["lacks a skill that the work needs", "has no shift for the whole time"],
        "Away": ["is on leave during a part of the time"],
    }


def test_a_visit_is_no_obstacle_to_itself(uow: UnitOfWork) -> None:
    technician = living_in(uow, "Tove", TORSTRASSE)
    visit = dispatch.an_assigned_visit(uow, technician)
    assert suggested(uow, visit) == ["Tove"]


def test_nobody_can_be_suggested_for_a_visit_without_a_time(uow: UnitOfWork) -> None:
    with pytest.raises(PlanOutsideWindow):
        actions.suggest_technicians(uow, SYSTEM, visits.a_visit_without_slot(uow).id)


def test_as_many_are_suggested_as_were_asked_for(uow: UnitOfWork) -> None:
    for number in range(3):
        living_in(uow, f"Number {number}", TORSTRASSE)
    visit = visits.a_visit(uow)
    assert len(actions.suggest_technicians(uow, SYSTEM, visit.id, limit=2).suggestions) == 2


# --- the board
# --------------------------------------------------------------------------------------------------


def test_the_board_shows_the_day_of_each_site_by_technician(uow: UnitOfWork) -> None:
    technician = living_in(uow, "Tove", TORSTRASSE)
    mine = dispatch.an_assigned_visit(uow, technician)
    nobodys = visits.a_visit(uow)
    board = board_of(uow, SYSTEM, date(2026, 3, 2))
    assert [(lane.display_name, [v.id for v in lane.visits]) for lane in board.lanes] == [("Tove", [mine.id])]
    assert [visit.id for visit in board.unassigned] == [nobodys.id]
    assert board_of(uow, SYSTEM, date(2026, 3, 3)).unassigned == []


@pytest.mark.parametrize(
    ("place", "starts_at", "day"),
    [
        ((-31.5553, 159.0821), "2026-03-02T14:00Z", date(2026, 3, 3)),  # Lord Howe Island, 01:00
        ((27.7172, 85.324), "2026-03-02T18:30Z", date(2026, 3, 3)),  # Kathmandu, 00:15
        ((40.7128, -74.006), "2026-03-03T03:30Z", date(2026, 3, 2)),  # New York, 22:30
    ],
)
def test_the_day_on_the_board_is_that_of_the_sites_wall_calendar(
    uow: UnitOfWork, place: tuple[float, float], starts_at: str, day: date
) -> None:
    site = customers.a_site(uow, latitude=place[0], longitude=place[1])
    starts = datetime.fromisoformat(starts_at)
    visit = visits.a_visit(
        uow,
        work_order_id=visits.a_work_order(uow, site_id=site.id).id,
        starts_at=starts,
        ends_at=starts + timedelta(hours=1),
    )
    assert [one.id for one in board_of(uow, SYSTEM, day).unassigned] == [visit.id]
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert board_of(uow, SYSTEM, other).unassigned == []


def test_skills_of_a_technician_are_replaced_as_a_whole(uow: UnitOfWork) -> None:
    old, kept, new = (visits.a_skill(uow) for _ in range(3))
    technician = dispatch.a_technician(
        uow, on_shift=False, skills=[{"skill_id": old.id, "level": 1}, {"skill_id": kept.id, "level": 1}]
    )
    changed = [{"skill_id": kept.id, "level": 4}, {"skill_id": new.id, "level": 2}]
    actions.edit_technician(uow, SYSTEM, technician.id, skills=changed)
    levels = {row.skill_id: row.level for row in queries.skills_of(uow.session, technician.id)}
    assert levels == {kept.id: 4, new.id: 2}
