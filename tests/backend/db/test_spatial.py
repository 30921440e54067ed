"""One GeoAlchemy2 expression gives one answer, whichever engine runs it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, literal, select

from backend.db.types import Coordinates, Point, Polygon
from tests.backend.db.shapes import areas, areas_and_places

EARTH = 6_371_008.8  # metres
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])

places = st.builds(Coordinates, st.floats(-90, 90), st.floats(-180, 180))

FIJI = (Coordinates(-19, 177), Coordinates(-19, -178), Coordinates(-16, -178), Coordinates(-16, 177))
"""An area on both sides of the antimeridian."""
UTRECHT, ARNHEM = Coordinates(52.0907, 5.1214), Coordinates(51.9851, 5.8987)
BOX = (Coordinates(51, 4), Coordinates(53, 4), Coordinates(53, 7), Coordinates(51, 7))


def ask(engine: Engine, expression: Any) -> Any:
    with engine.connect() as connection:
        return connection.scalar(select(expression))


def point(place: Coordinates | None) -> Any:
    return literal(place, Point())


def area(corners: tuple[Coordinates, ...] | None) -> Any:
    return literal(corners, Polygon())


@FEW
@given(here=places, there=places)
def test_the_distance_of_two_points_is_the_same_on_both_engines(
    sqlite_probes: Engine, postgresql_probes: Engine, here: Coordinates, there: Coordinates
) -> None:
    distance = func.ST_Distance(point(here), point(there))
    assert ask(sqlite_probes, distance) == pytest.approx(ask(postgresql_probes, distance), abs=1e-3, rel=1e-9)


@FEW
@given(case=areas_and_places())
def test_the_distance_of_a_point_from_an_area_is_the_same_on_both_engines(
    sqlite_probes: Engine, postgresql_probes: Engine, case: tuple[tuple[Coordinates, ...], Coordinates]
) -> None:
    corners, place = case
    distance = func.ST_Distance(area(corners), point(place))
    assert ask(sqlite_probes, distance) == pytest.approx(ask(postgresql_probes, distance), abs=0.1, rel=1e-5)


@FEW
@given(case=areas_and_places())
def test_an_area_covers_the_same_points_on_both_engines(
    sqlite_probes: Engine, postgresql_probes: Engine, case: tuple[tuple[Coordinates, ...], Coordinates]
) -> None:
    corners, place = case
    edges = [func.ST_Distance(point(corner), point(place)) for corner in corners]
    assume(all(ask(sqlite_probes, edge) > 1 for edge in edges))
    for question in (
        func.ST_Covers(area(corners), point(place)),
        func.ST_CoveredBy(point(place), area(corners)),
        func.ST_Intersects(area(corners), point(place)),
    ):
        assert bool(ask(sqlite_probes, question)) == ask(postgresql_probes, question)


@FEW
@given(here=places, there=places, factor=st.sampled_from([0, 0.5, 0.999999, 1.000001, 2]))
def test_within_a_distance_is_the_same_on_both_engines(
    sqlite_probes: Engine, postgresql_probes: Engine, here: Coordinates, there: Coordinates, factor: float
) -> None:
    metres = ask(postgresql_probes, func.ST_Distance(point(here), point(there)))
    assume(metres > 1)
    within = func.ST_DWithin(point(here), point(there), metres * factor)
    assert ask(postgresql_probes, within) is (factor > 1)
    assert bool(ask(sqlite_probes, within)) is (factor > 1)


def test_the_road_from_utrecht_to_arnhem_is_as_long_as_it_is(engine: Engine) -> None:
    assert ask(engine, func.ST_Distance(point(UTRECHT), point(ARNHEM))) == pytest.approx(54_569, abs=100)
    on_a_sphere = ask(engine, func.ST_Distance(point(UTRECHT), point(ARNHEM), False))
    assert on_a_sphere == pytest.approx(54_400, abs=100)


def test_an_area_across_the_antimeridian_covers_both_its_sides(engine: Engine) -> None:
    inside = (Coordinates(-17, 179), Coordinates(-17, -179), Coordinates(-17, 180), Coordinates(-17, -180))
    assert all(ask(engine, func.ST_Covers(area(FIJI), point(place))) for place in inside)
    assert not ask(engine, func.ST_Covers(area(FIJI), point(Coordinates(-17, 0))))
    assert not ask(engine, func.ST_Covers(area(FIJI), point(Coordinates(17, -1))))


def test_two_points_on_either_side_of_the_antimeridian_are_near(engine: Engine) -> None:
    west, east = Coordinates(0, 179.999), Coordinates(0, -179.999)
    assert ask(engine, func.ST_Distance(point(west), point(east))) < 250
    assert ask(engine, func.ST_DWithin(point(west), point(east), 250.0))


@FEW
@given(corners=areas())
def test_an_area_covers_its_own_corners(
    sqlite_probes: Engine, postgresql_probes: Engine, corners: tuple[Coordinates, ...]
) -> None:
    questions = [func.ST_Covers(area(corners), point(corner)) for corner in corners]
    for engine in (sqlite_probes, postgresql_probes):
        with engine.connect() as connection:
            assert all(connection.execute(select(*questions)).one())


def test_the_edges_of_an_area_are_great_circles(engine: Engine) -> None:
    # between 30 degrees west and east on the 50th parallel, the shortest way passes 53.99 degrees north
    wide = (Coordinates(50, -30), Coordinates(50, 30), Coordinates(60, 30), Coordinates(60, -30))
    assert not ask(engine, func.ST_Covers(area(wide), point(Coordinates(53.9, 0))))
    assert ask(engine, func.ST_Covers(area(wide), point(Coordinates(54.1, 0))))


def test_an_area_covers_itself(engine: Engine) -> None:
    assert ask(engine, func.ST_Distance(area(BOX), point(BOX[0]))) == 0
    assert ask(engine, func.ST_Covers(area(BOX), area(BOX)))


def test_areas_know_whether_they_meet(engine: Engine) -> None:
    neighbour = tuple(Coordinates(corner.latitude, corner.longitude + 2) for corner in BOX)
    far = tuple(Coordinates(corner.latitude, corner.longitude + 20) for corner in BOX)
    assert ask(engine, func.ST_Intersects(area(BOX), area(neighbour)))
    assert not ask(engine, func.ST_Covers(area(BOX), area(neighbour)))
    assert not ask(engine, func.ST_Intersects(area(BOX), area(far)))
    assert ask(engine, func.ST_Distance(area(BOX), area(neighbour))) == 0
    assert ask(engine, func.ST_Distance(area(BOX), area(far))) == pytest.approx(1_138_100, rel=1e-3)


def test_nothing_is_at_no_distance_from_nowhere(engine: Engine) -> None:
    nowhere, here = point(None), point(UTRECHT)
    for question in (
        func.ST_Distance(nowhere, here),
        func.ST_Distance(here, nowhere),
        func.ST_DWithin(nowhere, here, 5.0),
        func.ST_Covers(area(None), here),
        func.ST_Covers(area(BOX), nowhere),
        func.ST_Intersects(area(BOX), nowhere),
        func.ST_X(func.geometry(nowhere)),
    ):
        assert ask(engine, question) is None


def test_longitude_is_x_and_latitude_is_y(engine: Engine) -> None:
    shape = func.geometry(point(UTRECHT))
    assert (ask(engine, func.ST_X(shape)), ask(engine, func.ST_Y(shape))) == (5.1214, 52.0907)
